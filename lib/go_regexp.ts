/** A regular expression in Go's syntax (RE2), ready to run. */
export interface GoRegexp {
  /** Not anchored, as in Go. */
  readonly regexp: RegExp
  /** Numbers of named groups; Go lets several have one name. */
  readonly groups: ReadonlyMap<string, readonly number[]>
  /** True when a repetition stands inside a repetition: such an expression can take very long here, never in Go. */
  readonly isRisky: boolean
  /** True when a repetition repeats nothing but a repetition, as in `(a+)+`: exponential here, and one of them says the same. */
  readonly isRedundant: boolean
}

/** Why an expression is none. */
export interface GoRegexpError {
  readonly problem: string
  /** Characters before the place. */
  readonly at: number
}

/**
 * Reads Go's regular expression syntax (https://pkg.go.dev/regexp/syntax) and writes it as JavaScript's, so that one and the
 * same text means the same in both: what only JavaScript knows (look-around, back-references) is an error as in Go, and what
 * differs (`\s`, `.`, `(?i)`, `(?P<n>…)`, `\z`, `[[:alpha:]]`, `\Q…\E`) is rewritten. Never throws.
 */
export function parseGoRegexp(text: string): GoRegexp | GoRegexpError {
  const reader = new Reader(text)
  try {
    const { source } = reader.alternatives({ i: false, m: false, s: false, U: false })
    if (!reader.isAtEnd) return { problem: 'unexpected )', at: reader.at }
    return { regexp: new RegExp(source, 'u'), groups: reader.groups, isRisky: reader.isRisky, isRedundant: reader.isRedundant }
  } catch (error) {
    return { problem: error instanceof Refused ? error.message : 'not a regular expression', at: reader.at }
  }
}

class Refused extends Error {}

interface Flags {
  i: boolean
  m: boolean
  s: boolean
  U: boolean
}

/** A piece of JavaScript source; `repeats` when there is an unbounded repetition in it. */
interface Piece {
  readonly source: string
  readonly repeats: boolean
  /** It is such a repetition, or nothing but groups around one. */
  readonly isRepetition: boolean
}

/** Go's limit on counted repetition. */
const REPEAT_MAX = 1000
const DEPTH_MAX = 250

const PERL_CLASSES: Readonly<Record<string, string>> = { d: '0-9', w: '0-9A-Za-z_', s: '\\t\\n\\f\\r\\x20' }
const POSIX_CLASSES: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t\\x20',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: '\\x20-~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r\\x20',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
}
const CONTROLS: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 }

class Reader {
  readonly #chars: readonly string[]
  readonly groups = new Map<string, number[]>()
  isRisky = false
  isRedundant = false
  at = 0
  #groupCount = 0
  #depth = 0

  constructor(text: string) {
    this.#chars = Array.from(withoutQuotes(text))
  }

  get isAtEnd(): boolean {
    return this.at >= this.#chars.length
  }

  alternatives(flags: Flags): Piece {
    if (++this.#depth > DEPTH_MAX) throw new Refused('expression nests too deeply')
    const pieces: Piece[] = []
    do pieces.push(this.#sequence(flags))
    while (this.#take('|'))
    this.#depth--
    return joined(pieces, '|')
  }

  #sequence(flags: Flags): Piece {
    const pieces: Piece[] = []
    while (!this.isAtEnd && !this.#sees('|') && !this.#sees(')')) {
      if (this.#isRepetition()) throw new Refused('missing argument to repetition operator')
      // A change of flags is nothing by itself: what repeats behind it repeats what stands before it.
      const atom = this.#atom(flags) ?? (this.#isRepetition() ? pieces.pop() : undefined)
      if (atom !== undefined) pieces.push(this.#repeated(atom, flags))
    }
    return joined(pieces, '')
  }

  #repeated(atom: Piece, flags: Flags): Piece {
    const operator = this.#repetition()
    if (operator === undefined) return atom
    const isLazy = this.#take('?') !== flags.U
    if (this.#isRepetition()) throw new Refused('invalid nested repetition operator')
    const isOpen = operator === '*' || operator === '+' || operator.endsWith(',}')
    if (isOpen && atom.repeats) this.isRisky = true
    if (isOpen && atom.isRepetition) this.isRedundant = true
    return { source: `(?:${atom.source})${operator}${isLazy ? '?' : ''}`, repeats: isOpen || atom.repeats, isRepetition: isOpen }
  }

  #isRepetition(): boolean {
    const start = this.at
    const isOne = this.#repetition() !== undefined
    this.at = start
    return isOne
  }

  #repetition(): string | undefined {
    for (const operator of ['*', '+', '?']) if (this.#take(operator)) return operator
    const counted = /^\{(\d{1,9})(?:(,)(\d{1,9})?)?\}/.exec(this.#chars.slice(this.at, this.at + 24).join(''))
    if (counted === null) return undefined
    const [text, least, comma, most] = counted
    if (Math.max(Number(least), Number(most ?? 0)) > REPEAT_MAX || (most !== undefined && Number(most) < Number(least)))
      throw new Refused('invalid repeat count')
    this.at += text.length
    return comma === undefined ? `{${least}}` : `{${least},${most ?? ''}}`
  }

  /** Undefined for a change of flags, `(?i)`. */
  #atom(flags: Flags): Piece | undefined {
    const char = this.#next()
    switch (char) {
      case '(':
        return this.#group(flags)
      case '[':
        return plain(folded(this.#charClass(), flags))
      case '.':
        return plain(flags.s ? '[^]' : '[^\\n]')
      case '^':
        return plain(flags.m ? '(?<![^\\n])' : '^')
      case '$':
        return plain(flags.m ? '(?![^\\n])' : '$')
      case '\\':
        return this.#escape(flags)
      default:
        return plain(folded(literal(char.codePointAt(0) as number), flags))
    }
  }

  #group(flags: Flags): Piece | undefined {
    if (!this.#take('?')) return this.#captured(flags)
    const isNamed = this.#sees('P') || (this.#sees('<') && !'=!'.includes(this.#peek(1)))
    if (isNamed) return this.#namedGroup(flags)
    if (['=', '!', '<'].some((mark) => this.#sees(mark))) throw new Refused('look-around is not part of the syntax')
    const inner = { ...flags }
    let isOn = true
    for (;;) {
      const char = this.#next()
      if (char === 'i' || char === 'm' || char === 's' || char === 'U') inner[char] = isOn
      else if (char === '-' && isOn) isOn = false
      else if (char === ':') return this.#inside(inner, '(?:')
      else if (char === ')') {
        Object.assign(flags, inner)
        return undefined
      } else throw new Refused('invalid or unsupported Perl syntax')
    }
  }

  #namedGroup(flags: Flags): Piece {
    const text = this.#chars.slice(this.at, this.at + 258).join('')
    const name = /^P?<(\w{1,255})>/.exec(text)
    if (name === null) throw new Refused('invalid named capture')
    this.at += name[0].length
    const numbers = this.groups.get(name[1] as string)
    this.groups.set(name[1] as string, [...(numbers ?? []), this.#groupCount + 1])
    // JavaScript has each name once, and none that begins with a digit.
    return this.#captured(flags, numbers === undefined && !/^\d/.test(name[1] as string) ? `(?<${name[1]}>` : '(')
  }

  #captured(flags: Flags, open = '('): Piece {
    this.#groupCount++
    return this.#inside(flags, open)
  }

  #inside(flags: Flags, open: string): Piece {
    const piece = this.alternatives({ ...flags })
    if (!this.#take(')')) throw new Refused('missing closing )')
    return { ...piece, source: `${open}${piece.source})` }
  }

  #escape(flags: Flags): Piece {
    const char = this.#peek()
    if (char === 'A' || char === 'z') {
      this.at++
      return plain(char === 'A' ? '^' : '$')
    }
    if (char === 'b' || char === 'B') {
      this.at++
      return plain(`\\${char}`)
    }
    const set = this.#escapedClass()
    if (set !== undefined) return plain(folded(set.isNegated ? `[^${set.source}]` : `[${set.source}]`, flags))
    return plain(folded(literal(this.#escapedChar()), flags))
  }

  /** After the backslash: `d`, `W`, `pL`, `P{Greek}`; undefined when it is no class. */
  #escapedClass(): { readonly source: string; readonly isNegated: boolean } | undefined {
    const char = this.#peek()
    const perl = PERL_CLASSES[char.toLowerCase()]
    if (perl !== undefined) {
      this.at++
      return { source: perl, isNegated: char !== char.toLowerCase() }
    }
    if (char !== 'p' && char !== 'P') return undefined
    const match = /^[pP](?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))/.exec(this.#chars.slice(this.at, this.at + 64).join(''))
    const name = match?.[2] ?? match?.[3]
    if (match === null || name === undefined) throw new Refused('invalid character class range')
    const isNegated = (char === 'P') !== (match[1] === '^')
    const property = name === 'Any' ? 'Any' : name.length <= 2 ? name : `Script=${name}`
    try {
      void new RegExp(`\\p{${property}}`, 'u')
    } catch {
      throw new Refused(`unknown character class ${name}`)
    }
    this.at += match[0].length
    return { source: `\\p{${property}}`, isNegated }
  }

  /** After the backslash: one character. */
  #escapedChar(): number {
    if (this.isAtEnd) throw new Refused('trailing backslash at end of expression')
    const rest = this.#chars.slice(this.at, this.at + 12).join('')
    const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest)
    if (octal !== null) {
      this.at += octal[0].length
      return Number.parseInt(octal[0], 8)
    }
    if (/^[1-9]/.test(rest)) throw new Refused('back-references are not part of the syntax')
    const hex = /^x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,8})\})/.exec(rest)
    if (hex !== null) {
      const code = Number.parseInt(hex[1] ?? (hex[2] as string), 16)
      if (code > 0x10ffff) throw new Refused('invalid escape sequence')
      this.at += hex[0].length
      return code
    }
    const char = this.#next()
    const control = CONTROLS[char]
    if (control !== undefined) return control
    if (/^[^\p{L}\p{N}]$/u.test(char) && (char.codePointAt(0) as number) < 0x80) return char.codePointAt(0) as number
    throw new Refused('invalid escape sequence')
  }

  /** After the `[`. */
  #charClass(): string {
    const isNegated = this.#take('^')
    let source = ''
    // Negated classes inside a class: JavaScript has no subtraction here, but it has the complement as a lookahead.
    const others: string[] = []
    for (let isFirst = true; isFirst || !this.#sees(']'); isFirst = false) {
      if (this.isAtEnd) throw new Refused('missing closing ]')
      const set = this.#classItem()
      if (set === undefined) source += this.#classRange()
      else if (set.isNegated) others.push(`[^${set.source}]`)
      else source += set.source
    }
    this.at++
    if (others.length === 0) return `[${isNegated ? '^' : ''}${source}]`
    const all = [...(source === '' ? [] : [`[${source}]`]), ...others].join('|')
    return isNegated ? `(?:(?!${all})[^])` : `(?:${all})`
  }

  /** `[:alpha:]`, `\d`, `\pL` inside a class. */
  #classItem(): { readonly source: string; readonly isNegated: boolean } | undefined {
    if (this.#sees('[') && this.#peek(1) === ':') {
      const match = /^\[:(\^?)(\w+):\]/.exec(this.#chars.slice(this.at, this.at + 16).join(''))
      if (match === null) return undefined
      const source = POSIX_CLASSES[match[2] as string]
      if (source === undefined) throw new Refused('invalid character class range')
      this.at += match[0].length
      return { source, isNegated: match[1] === '^' }
    }
    if (!this.#sees('\\')) return undefined
    this.at++
    const set = this.#escapedClass()
    if (set === undefined) this.at--
    return set
  }

  #classRange(): string {
    const low = this.#classChar()
    if (!this.#sees('-') || this.#peek(1) === ']' || this.#peek(1) === '') return literal(low)
    this.at++
    const high = this.#classChar()
    if (high < low) throw new Refused('invalid character class range')
    return `${literal(low)}-${literal(high)}`
  }

  #classChar(): number {
    return this.#take('\\') ? this.#escapedChar() : (this.#next().codePointAt(0) as number)
  }

  #peek(ahead = 0): string {
    return this.#chars[this.at + ahead] ?? ''
  }

  #sees(char: string): boolean {
    return this.#peek() === char
  }

  #take(char: string): boolean {
    if (!this.#sees(char)) return false
    this.at++
    return true
  }

  #next(): string {
    const char = this.#chars[this.at]
    if (char === undefined) throw new Refused('missing closing )')
    this.at++
    return char
  }
}

function plain(source: string): Piece {
  return { source, repeats: false, isRepetition: false }
}

function joined(pieces: readonly Piece[], separator: string): Piece {
  return {
    source: pieces.map(({ source }) => source).join(separator),
    repeats: pieces.some(({ repeats }) => repeats),
    isRepetition: pieces.length === 1 && pieces[0]?.isRepetition === true,
  }
}

function folded(source: string, flags: Flags): string {
  return flags.i ? `(?i:${source})` : source
}

function literal(code: number): string {
  const char = String.fromCodePoint(code)
  return /^[A-Za-z0-9_]$/.test(char) ? char : `\\u{${code.toString(16)}}`
}

/** `\Q…\E` as escaped characters, so that a repetition behind it repeats its last character only, as in Go. */
function withoutQuotes(text: string): string {
  return text.replace(/\\Q([^]*?)(?:\\E|$)|\\[^]/gu, (match: string, quoted: string | undefined) =>
    quoted === undefined ? match : quoted.replace(/[^\p{L}\p{N}\s]/gu, (char) => ((char.codePointAt(0) as number) < 0x80 ? `\\${char}` : char)),
  )
}
