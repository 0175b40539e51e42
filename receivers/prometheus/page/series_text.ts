/** What stands before the value of a sample: `name{label="value",…}`. */
export interface SeriesText {
  readonly name: string
  /** In the order of the page, without those whose value is empty, which to Prometheus are no labels. */
  readonly labels: ReadonlyMap<string, string>
}

/** Why a line could not be read; the label `reason` of the counter of malformed lines. */
export type LineFault = 'name' | 'labels' | 'duplicate_label' | 'value' | 'timestamp' | 'exemplar' | 'metadata'

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/**
 * Reads a series as the text formats write it, also with a quoted metric name or quoted label names, as Prometheus 3 writes
 * those that are not plain (`{"my.metric","label.one"="x"}`). Never throws.
 */
export function parseSeries(text: string): SeriesText | LineFault {
  const brace = text.indexOf('{')
  const plain = (brace < 0 ? text : text.slice(0, brace)).trim()
  if (plain !== '' && !METRIC_NAME.test(plain)) return 'name'
  if (brace < 0) return plain === '' ? 'name' : { name: plain, labels: new Map() }
  return new LabelReader(text, brace + 1, plain).read()
}

/** Reads `{label="value"}` alone, as exemplars have it. */
export function parseLabels(text: string): ReadonlyMap<string, string> | LineFault {
  const found = new LabelReader(text, 1, 'exemplar').read()
  return typeof found === 'string' ? found : found.labels
}

/** Index behind the `}` that closes the labels which open at `open`; -1 when they are never closed. */
export function labelsEnd(line: string, open: number): number {
  let isQuoted = false
  for (let i = open + 1; i < line.length; i++) {
    const code = line.charCodeAt(i)
    if (code === BACKSLASH) {
      if (isQuoted) i++
    } else if (code === QUOTE) isQuoted = !isQuoted
    else if (code === CLOSE && !isQuoted) return i + 1
  }
  return -1
}

/** A label that is not empty, and has no escapes, with what separates it from the next one. */
const PLAIN_LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="([^"\\]+)"(?:,|(?=\}))/y

const QUOTE = 0x22
const BACKSLASH = 0x5c
const CLOSE = 0x7d

class LabelReader {
  readonly #text: string
  readonly #labels = new Map<string, string>()
  readonly #empty = new Set<string>()
  #at: number
  #name: string

  constructor(text: string, at: number, name: string) {
    this.#text = text
    this.#at = at
    this.#name = name
  }

  read(): SeriesText | LineFault {
    this.#plainLabels()
    for (;;) {
      this.#space()
      if (this.#text[this.#at] === '}') break
      const fault = this.#item()
      if (fault !== undefined) return fault
      this.#space()
      const next = this.#text[this.#at]
      if (next === ',') this.#at++
      else if (next !== '}') return 'labels'
    }
    if (this.#text.slice(this.#at + 1).trim() !== '') return 'labels'
    return this.#name === '' ? 'name' : { name: this.#name, labels: this.#labels }
  }

  /** Takes what is written as nearly all pages write it, up to the first label that is not. */
  #plainLabels(): void {
    PLAIN_LABEL.lastIndex = this.#at
    for (let found = PLAIN_LABEL.exec(this.#text); found !== null; found = PLAIN_LABEL.exec(this.#text)) {
      const [, name = '', value = ''] = found
      // Told by the way that knows of everything.
      if (this.#labels.has(name)) return
      this.#labels.set(name, value)
      this.#at = PLAIN_LABEL.lastIndex
    }
  }

  #item(): LineFault | undefined {
    const isQuoted = this.#text[this.#at] === '"'
    const name = isQuoted ? this.#quoted() : this.#word()
    if (name === undefined || name === '') return 'labels'
    this.#space()
    if (this.#text[this.#at] !== '=') {
      if (!isQuoted || this.#name !== '') return 'labels'
      this.#name = name
      return undefined
    }
    if (!isQuoted && !LABEL_NAME.test(name)) return 'labels'
    this.#at++
    this.#space()
    const value = this.#text[this.#at] === '"' ? this.#quoted() : undefined
    if (value === undefined) return 'labels'
    if (this.#labels.has(name) || this.#empty.has(name)) return 'duplicate_label'
    if (value === '') this.#empty.add(name)
    else this.#labels.set(name, value)
    return undefined
  }

  #word(): string {
    const start = this.#at
    while (this.#at < this.#text.length && !/[=",}\s]/.test(this.#text[this.#at] as string)) this.#at++
    return this.#text.slice(start, this.#at)
  }

  /** The text in quotes that open here; undefined when they are not closed. */
  #quoted(): string | undefined {
    const start = ++this.#at
    let hasEscapes = false
    for (; this.#at < this.#text.length; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code === QUOTE) {
        const raw = this.#text.slice(start, this.#at++)
        return hasEscapes ? unescaped(raw, true) : raw
      }
      if (code !== BACKSLASH) continue
      hasEscapes = true
      this.#at++
    }
    return undefined
  }

  #space(): void {
    while (this.#text[this.#at] === ' ' || this.#text[this.#at] === '\t') this.#at++
  }
}

/** Undoes `\\`, `\n` and, in quotes, `\"`; other escapes stay as they are. */
export function unescaped(text: string, hasQuotes: boolean): string {
  return text.replaceAll(/\\(.)/gs, (whole, escaped: string) => {
    if (escaped === 'n') return '\n'
    return escaped === '\\' || (escaped === '"' && hasQuotes) ? escaped : whole
  })
}
