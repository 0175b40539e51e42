import type { Origin } from './node.ts'

/** Something wrong (or, as a warning, suspicious) in a config, with all an operator needs to mend it. */
export interface Problem {
  readonly origin: Origin
  /** Dotted path from the top, such as `receivers.envoyals/edge.endpoint`; empty for a whole file. */
  readonly path: string
  /** What is wrong, in a few lower-case words: `unknown setting`. */
  readonly problem: string
  readonly expected?: string | undefined
  readonly found?: string | undefined
  readonly hint?: string | undefined
}

/** Collects problems and warnings while a config is read and checked, so that all of them can be shown at once. */
export class ProblemList {
  readonly #problems: Problem[] = []
  readonly #syntax: Problem[] = []
  readonly #warnings: Problem[] = []

  add(problem: Problem): void {
    this.#problems.push(problem)
  }

  warn(problem: Problem): void {
    this.#warnings.push(problem)
  }

  /**
   * Adds an error of the YAML itself. What follows it in the same source was probably misread, so problems from there on
   * are not shown, and neither is a second error in the same line.
   */
  addSyntax(problem: Problem): void {
    const { order, line } = problem.origin
    const isFirstInLine = !this.#syntax.some(({ origin }) => origin.order === order && origin.line === line)
    if (isFirstInLine) this.#syntax.push(problem)
  }

  /** True when some source is not valid YAML, so that the config is known in parts only. */
  get hasSyntaxErrors(): boolean {
    return this.#syntax.length > 0
  }

  get isEmpty(): boolean {
    return this.#problems.length === 0 && this.#syntax.length === 0
  }

  /** All problems in file order, without repetitions. */
  problems(): Problem[] {
    return inFileOrder([...this.#syntax, ...this.#problems.filter((problem) => this.#isReadable(problem))])
  }

  /** All warnings in file order, without repetitions. */
  warnings(): Problem[] {
    return inFileOrder(this.#warnings.filter((problem) => this.#isReadable(problem)))
  }

  #isReadable({ origin }: Problem): boolean {
    return !this.#syntax.some((error) => error.origin.order === origin.order && error.origin.line <= origin.line)
  }
}

function inFileOrder(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>()
  const unique = problems.filter((problem) => {
    const key = formatProblem(problem)
    return seen.has(key) ? false : seen.add(key)
  })
  return unique.sort(byPosition)
}

/** Orders problems by source (in the order they were read), line and column; files that one source names come by their names. */
export function byPosition(a: Problem, b: Problem): number {
  const bySource = a.origin.order - b.origin.order || (a.origin.source < b.origin.source ? -1 : Number(a.origin.source > b.origin.source))
  return bySource || a.origin.line - b.origin.line || a.origin.column - b.origin.column
}

/** `collector.yaml:14:5`; without line and column where a source has none. */
export function formatOrigin(origin: Origin): string {
  return origin.line > 0 ? `${origin.source}:${origin.line}:${origin.column}` : origin.source
}

/** How to set off the parts of a printed problem; each takes text and gives it back, coloured or not. */
export interface ProblemPaint {
  place(text: string): string
  problem(text: string): string
  label(text: string): string
}

const PLAIN: ProblemPaint = { place: (text) => text, problem: (text) => text, label: (text) => text }

/**
 * A problem as text: the place, what is wrong, and below it what was expected, what was found and what to do.
 *
 * Control characters of outside text are made visible, so that a config cannot write to the operator's terminal.
 */
export function formatProblem(problem: Problem, options: { readonly isWarning?: boolean; readonly paint?: ProblemPaint } = {}): string {
  const paint = options.paint ?? PLAIN
  const what = `${options.isWarning === true ? 'warning: ' : ''}${problem.path === '' ? '' : `${problem.path}: `}${problem.problem}`
  const lines = [`${paint.place(visible(formatOrigin(problem.origin)))}  ${paint.problem(visible(what))}`]
  const details = { expected: problem.expected, found: problem.found, hint: problem.hint }
  for (const [label, text] of Object.entries(details)) {
    if (text !== undefined) lines.push(`  ${paint.label(label.padEnd(9))} ${visible(text)}`)
  }
  return lines.join('\n')
}

function visible(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
