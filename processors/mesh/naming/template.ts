/** Where in a naming template something is wrong, and what. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError'
  /** Character in the template, counted from 1. */
  readonly at: number

  constructor(at: number, message: string) {
    super(message)
    this.at = at
  }
}

/** A path such as `LABELS."app.kubernetes.io/name"`: its parts, without quotes and parentheses. */
export interface NamingPath {
  readonly parts: readonly string[]
  /** Character in the template, counted from 1. */
  readonly at: number
}

type Piece = string | readonly NamingPath[]

/** What stands in a name for a variable that has no value. */
const MISSING = '-'

/**
 * A naming rule of SkyWalking, compiled: text with `${a.b,c.d}`, which stands for the first of the paths that has a value,
 * and for `-` when none has. Dots in parentheses (`K8S_SERVICE_NAME_RULE`) or double quotes
 * (`metadata-service-mapping.yaml`) do not divide. Text after the last variable is kept, which SkyWalking loses.
 */
export class NamingTemplate {
  readonly #pieces: readonly Piece[]

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces
  }

  /** All paths, in the order they are written. */
  get paths(): readonly NamingPath[] {
    return this.#pieces.flatMap((piece) => (typeof piece === 'string' ? [] : piece))
  }

  /** The name; `valueOf` gives the value of a path, or an empty text. */
  render(valueOf: (parts: readonly string[]) => string): string {
    let text = ''
    for (const piece of this.#pieces) text += typeof piece === 'string' ? piece : firstValue(piece, valueOf)
    return text
  }
}

function firstValue(paths: readonly NamingPath[], valueOf: (parts: readonly string[]) => string): string {
  for (const { parts } of paths) {
    const value = valueOf(parts)
    if (value !== '') return value
  }
  return MISSING
}

/** Compiles a template; throws a `TemplateError` that says where it is wrong. */
export function parseTemplate(text: string): NamingTemplate {
  if (text.trim() === '') throw new TemplateError(1, 'the template is empty')
  const pieces: Piece[] = []
  for (let at = 0; at < text.length; ) {
    const open = text.indexOf('${', at)
    if (open !== at) pieces.push(text.slice(at, open < 0 ? text.length : open))
    if (open < 0) break
    const variable = new VariableParser(text, open + 2)
    pieces.push(variable.paths())
    at = variable.end
  }
  return new NamingTemplate(pieces)
}

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '"': '"' }

/** Reads what stands between `${` and `}`. */
class VariableParser {
  end: number
  readonly #text: string
  readonly #start: number

  constructor(text: string, start: number) {
    this.#text = text
    this.#start = start
    this.end = start
  }

  paths(): readonly NamingPath[] {
    const paths: NamingPath[] = []
    for (;;) {
      paths.push(this.#path())
      const mark = this.#text[this.end]
      if (mark === undefined) throw new TemplateError(this.#start - 1, '${ is never closed by }')
      this.end++
      if (mark === '}') return paths
    }
  }

  /** Ends at the `,` or `}` behind the path. */
  #path(): NamingPath {
    const at = this.end + 1
    const parts: string[] = []
    for (;;) {
      parts.push(this.#part())
      if (this.#text[this.end] !== '.') return { parts, at }
      this.end++
    }
  }

  #part(): string {
    const text = this.#text
    while (text[this.end] === ' ') this.end++
    const at = this.end
    const closing = CLOSING[text[at] ?? '']
    const part = closing === undefined ? this.#plain() : this.#protected(closing)
    while (text[this.end] === ' ') this.end++
    if (part === '') throw new TemplateError(at + 1, 'a name is missing')
    const next = text[this.end]
    if (next !== undefined && !'.,}'.includes(next)) throw new TemplateError(this.end + 1, `unexpected ${JSON.stringify(next)}`)
    return part
  }

  #plain(): string {
    const start = this.end
    while (this.end < this.#text.length && !'.,}()"'.includes(this.#text[this.end] as string)) this.end++
    return this.#text.slice(start, this.end).trim()
  }

  #protected(closing: string): string {
    const start = this.end + 1
    const close = this.#text.indexOf(closing, start)
    if (close < 0) throw new TemplateError(start, `${this.#text[start - 1]} is never closed by ${closing}`)
    this.end = close + 1
    return this.#text.slice(start, close)
  }
}
