import { styleText } from 'node:util'
import { byPosition, formatProblem, type Problem, type ProblemPaint } from '../../config/problem.ts'

/** What a command writes to and reads from; a test passes its own. */
export interface CliIo {
  /** Results. */
  readonly out: (text: string) => void
  /** Problems and notes. */
  readonly err: (text: string) => void
  readonly env: Readonly<Record<string, string | undefined>>
  /** True when problems go to a terminal that shows colours. */
  readonly hasColour: boolean
}

/** The process's own streams. Colour only on a terminal, and not with `NO_COLOR` (no-color.org). */
export function processIo(): CliIo {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    env: process.env,
    hasColour: process.stderr.isTTY && (process.env['NO_COLOR'] ?? '') === '',
  }
}

const COLOURS: ProblemPaint = {
  place: (text) => styleText('bold', text, { validateStream: false }),
  problem: (text) => styleText('red', text, { validateStream: false }),
  label: (text) => styleText('dim', text, { validateStream: false }),
}

/** Writes problems and warnings together, in file order, and a last line that counts them. */
export function writeProblems({ problems, warnings }: { readonly problems: readonly Problem[]; readonly warnings: readonly Problem[] }, io: CliIo): void {
  const paint = io.hasColour ? { paint: COLOURS } : {}
  const errors = problems.map((problem) => ({ problem, isWarning: false }))
  const all = [...errors, ...warnings.map((problem) => ({ problem, isWarning: true }))].sort((a, b) => byPosition(a.problem, b.problem))
  for (const { problem, isWarning } of all) io.err(`${formatProblem(problem, { isWarning, ...paint })}\n`)
  const counts = [counted(problems.length, 'problem'), counted(warnings.length, 'warning')].filter((text) => text !== '')
  if (problems.length > 0) io.err(`${counts.join(', ')}\n`)
}

function counted(count: number, noun: string): string {
  return count === 0 ? '' : `${count} ${noun}${count === 1 ? '' : 's'}`
}
