/**
 * Patterns of pasted configs: Go's regular expressions (RE2, https://github.com/google/re2/wiki/Syntax) and globs, as JavaScript's.
 *
 * The translation keeps RE2's meaning: `\d`, `\w` and `\s` are ASCII, `.` stops at line feeds only, `^` and `$` with `m` look at line
 * feeds only. Unlike RE2, JavaScript's engine goes back when it fails: a repetition inside a repetition of nothing else, such as
 * `(a+)+`, would take exponential time and is refused; other patterns that overlap themselves can still be slow on long text.
 */

/** Translates a pattern of RE2; `flags` are added to `u`. Throws a `SyntaxError` that says in a few words what is wrong with it. */
export function re2Pattern(pattern: string, flags = ''): RegExp {
  const source = new Translator(pattern).translate()
  try {
    return new RegExp(source, `u${flags}`)
  } catch (error) {
    throw new SyntaxError((error as Error).message.replace(/^Invalid regular expression: .*: /, ''), { cause: error })
  }
}

interface Flags {
  readonly i: boolean
  readonly m: boolean
  readonly s: boolean
}

/** A piece of the result: an atom, and whether it repeats without end or is nothing but a group around such a piece. */
interface Piece {
  readonly text: string
  readonly isEndless: boolean
}

const PERL: Readonly<Record<string, string>> = { d: '0-9', w: '0-9A-Za-z_', s: '\\t\\n\\f\\r ' }
const NOT_PERL: Readonly<Record<string, string>> = {
  D: '\\0-/:-\\u{10ffff}',
  W: '\\0-/:-@\\[-\\^`\\{-\\u{10ffff}',
  S: '\\0-\\x08\\x0b\\x0e-\\x1f!-\\u{10ffff}',
}
const POSIX: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\0-\\x7f',
  blank: '\\t ',
  cntrl: '\\0-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
}
const CONTROL: Readonly<Record<string, string>> = { a: '\\x07', f: '\\f', n: '\\n', r: '\\r', t: '\\t', v: '\\v' }
const GENERAL_CATEGORY = /^(?:[CLMNPSZ]|C[cfos]|L[lmotu]|M[cen]|N[dlo]|P[cdefios]|S[ckmo]|Z[lps])$/

class Translator {
  readonly #pattern: string
  #at = 0
  #depth = 0
  /** True between `\Q` and `\E`. */
  #isVerbatim = false

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  translate(): string {
    const { text } = this.#alternatives({ i: false, m: false, s: false })
    if (this.#at < this.#pattern.length) throw new SyntaxError('unexpected )')
    return text
  }

  /** Reads up to a closing parenthesis or the end. */
  #alternatives(outer: Flags): Piece {
    if (++this.#depth > 200) throw new SyntaxError('nested too deeply')
    let flags = outer
    let text = ''
    let opened = 0
    let pieces: Piece[] = []
    for (;;) {
      const char = this.#pattern[this.#at]
      if (char === undefined || (char === ')' && !this.#isVerbatim)) break
      if (this.#skipsQuote()) continue
      if (this.#isVerbatim) {
        pieces.push(this.#repeated(once(literal(this.#next()))))
        continue
      }
      if (char === '|') {
        this.#at++
        text += `${pieces.map((piece) => piece.text).join('')}${')'.repeat(opened)}|`
        pieces = []
        // The flags hold in the following alternatives as well.
        opened = flags.i === outer.i ? 0 : 1
        if (opened > 0) text += `(?${flags.i ? 'i' : '-i'}:`
        continue
      }
      const changed = this.#flagChange(flags)
      if (changed !== undefined) {
        // The rest of the group in a group of its own, for JavaScript has flags for groups only.
        if (changed.i !== flags.i) {
          text += `${pieces.map((piece) => piece.text).join('')}(?${changed.i ? 'i' : '-i'}:`
          pieces = []
          opened++
        }
        flags = changed
        continue
      }
      pieces.push(this.#repeated(this.#atom(flags)))
    }
    this.#depth--
    const isSingle = text === '' && pieces.length === 1 && pieces[0]?.isEndless === true
    return { text: text + pieces.map((piece) => piece.text).join('') + ')'.repeat(opened), isEndless: isSingle }
  }

  /** Takes `\Q` or `\E`, if it is there. */
  #skipsQuote(): boolean {
    if (!this.#pattern.startsWith(this.#isVerbatim ? '\\E' : '\\Q', this.#at)) return false
    this.#isVerbatim = !this.#isVerbatim
    this.#at += 2
    return true
  }

  /** `(?i)` and the like, which hold up to the end of the group. */
  #flagChange(flags: Flags): Flags | undefined {
    const found = /^\(\?([a-zA-Z]*)(?:-([a-zA-Z]*))?\)/.exec(this.#pattern.slice(this.#at, this.#at + 16))
    if (found === null) return undefined
    this.#at += found[0].length
    return changedFlags(flags, found[1] ?? '', found[2] ?? '')
  }

  #atom(flags: Flags): Piece {
    const char = this.#next()
    switch (char) {
      case '(':
        return this.#group(flags)
      case '[':
        return once(this.#class())
      case '.':
        return once(flags.s ? '[^]' : '[^\\n]')
      case '^':
        return once(flags.m ? '(?:^|(?<=\\n))' : '^')
      case '$':
        return once(flags.m ? '(?=\\n|$)' : '$')
      case '\\':
        return once(this.#escape(flags))
      case '*':
      case '+':
      case '?':
        throw new SyntaxError(`nothing to repeat with ${char}`)
      case '{':
        if (/^\d+(?:,\d*)?\}/.test(this.#pattern.slice(this.#at, this.#at + 32))) throw new SyntaxError('nothing to repeat with {')
        return once(literal(char))
      default:
        return once(literal(char))
    }
  }

  #group(flags: Flags): Piece {
    const rest = this.#pattern.slice(this.#at)
    let open = '('
    let inner = flags
    const named = /^\?P?<([A-Za-z_]\w*)>/.exec(rest)
    const plain = /^\?([a-zA-Z]*)(?:-([a-zA-Z]*))?:/.exec(rest)
    if (named !== null) {
      open = `(?<${named[1]}>`
      this.#at += named[0].length
    } else if (plain !== null) {
      inner = changedFlags(flags, plain[1] ?? '', plain[2] ?? '')
      open = inner.i === flags.i ? '(?:' : `(?${inner.i ? 'i' : '-i'}:`
      this.#at += plain[0].length
    } else if (rest.startsWith('?')) {
      throw new SyntaxError(/^\?<?[=!]/.test(rest) ? `(${/^\?<?[=!]/.exec(rest)?.[0]} is not supported: RE2 cannot look around` : 'unknown kind of group')
    }
    const content = this.#alternatives(inner)
    if (this.#pattern[this.#at] !== ')') throw new SyntaxError('missing )')
    this.#at++
    return { text: `${open}${content.text})`, isEndless: content.isEndless }
  }

  #repeated(piece: Piece): Piece {
    // What stands behind the last character between \Q and \E repeats that one.
    if (this.#isVerbatim && !this.#skipsQuote()) return piece
    const found = /^(?:[*+?]|\{(\d+)(?:(,)(\d*))?\})\??/.exec(this.#pattern.slice(this.#at, this.#at + 32))
    if (found === null) return piece
    const [operator, min, comma, max] = found
    if (Number(min ?? 0) > 1000 || Number(max ?? 0) > 1000) throw new SyntaxError(`${operator} repeats more than 1000 times`)
    const isEndless = operator.startsWith('*') || operator.startsWith('+') || (comma === ',' && max === '')
    if (isEndless && piece.isEndless) throw new SyntaxError(`${piece.text}${operator} repeats a repetition, which can take exponential time; one is enough`)
    this.#at += operator.length
    if (/^[*+]|^\?[*+?]|^\{\d+(?:,\d*)?\}/.test(this.#pattern.slice(this.#at))) throw new SyntaxError(`two repetitions in a row after ${piece.text}`)
    // An assertion cannot be repeated in JavaScript; at most once is what it comes to.
    const text = /^[\^$]$|^\\[bB]$|^\(\?(?:<?[=!])/.test(piece.text) ? `(?:${piece.text})` : piece.text
    return { text: text + operator, isEndless }
  }

  #escape({ i: isFolded }: Flags): string {
    const char = this.#next('a character after \\')
    const members = Object.hasOwn(PERL, char) ? PERL[char] : Object.hasOwn(NOT_PERL, char) ? NOT_PERL[char] : undefined
    // These are not meant in the other case as well, where \W would have s: it has the long one.
    if (members !== undefined) return isFolded ? `(?-i:[${members}])` : `[${members}]`
    switch (char) {
      case 'A':
        return '^'
      case 'z':
        return '$'
      case 'b':
      case 'B':
        return `\\${char}`
      default:
        return this.#character(char)
    }
  }

  /** An escape that stands for characters, inside and outside of classes. */
  #character(char: string): string {
    if (Object.hasOwn(CONTROL, char)) return CONTROL[char] ?? ''
    if (char === 'p' || char === 'P') return this.#property(char)
    if (char === 'x') return this.#hex()
    if (/[0-7]/.test(char)) {
      const digits = /^[0-7]{0,2}/.exec(this.#pattern.slice(this.#at))?.[0] ?? ''
      if (char !== '0' && digits.length < 2) throw new SyntaxError(`\\${char} is not supported: RE2 has no references to groups`)
      this.#at += digits.length
      return codePoint(Number.parseInt(char + digits, 8))
    }
    if (/[0-9A-Za-z]/.test(char)) throw new SyntaxError(`\\${char} is not supported`)
    return literal(char)
  }

  #hex(): string {
    const found = /^(?:\{([0-9a-fA-F]{1,8})\}|([0-9a-fA-F]{2}))/.exec(this.#pattern.slice(this.#at))
    const code = Number.parseInt(found?.[1] ?? found?.[2] ?? '', 16)
    if (found === null || code > 0x10ffff) throw new SyntaxError('\\x without a character')
    this.#at += found[0].length
    return codePoint(code)
  }

  #property(kind: 'p' | 'P'): string {
    const found = /^(?:\{(\^?)(\w+)\}|()([A-Z]))/.exec(this.#pattern.slice(this.#at))
    if (found === null) throw new SyntaxError(`\\${kind} without a class of characters`)
    this.#at += found[0].length
    const isNegated = (kind === 'P') !== (found[1] === '^')
    const name = found[2] ?? found[4] ?? ''
    return `\\${isNegated ? 'P' : 'p'}{${GENERAL_CATEGORY.test(name) ? name : `Script=${name}`}}`
  }

  #class(): string {
    let text = '['
    if (this.#pattern[this.#at] === '^') {
      this.#at++
      text += '^'
    }
    for (let isFirst = true; ; isFirst = false) {
      const char = this.#next(']')
      if (char === ']' && !isFirst) return `${text}]`
      const posix = char === '[' ? /^:(\^?)([a-z]+):\]/.exec(this.#pattern.slice(this.#at)) : null
      if (posix !== null) {
        const members = Object.hasOwn(POSIX, posix[2] ?? '') ? POSIX[posix[2] ?? ''] : undefined
        if (members === undefined || posix[1] === '^') throw new SyntaxError(`[${posix[0]} is not supported`)
        text += members
        this.#at += posix[0].length
      } else if (char === '\\') {
        const escaped = this.#next('a character after \\')
        text += PERL[escaped] ?? NOT_PERL[escaped] ?? this.#character(escaped)
      } else {
        text += char === '-' ? this.#hyphen(isFirst) : literal(char)
      }
    }
  }

  /** A hyphen between two characters is a range, at an end a character. */
  #hyphen(isFirst: boolean): string {
    return isFirst || this.#pattern[this.#at] === ']' ? '\\-' : '-'
  }

  /** Takes one character; `expected` is what is missing at the end. */
  #next(expected = 'a character'): string {
    const code = this.#pattern.codePointAt(this.#at)
    if (code === undefined) throw new SyntaxError(`missing ${expected}`)
    const char = String.fromCodePoint(code)
    this.#at += char.length
    return char
  }
}

function once(text: string): Piece {
  return { text, isEndless: false }
}

function changedFlags(flags: Flags, on: string, off: string): Flags {
  const foreign = /[^ims]/.exec(on + off)
  if (foreign !== null) throw new SyntaxError(`the flag ${foreign[0]} is not supported`)
  const has = (flag: keyof Flags): boolean => (flags[flag] || on.includes(flag)) && !off.includes(flag)
  return { i: has('i'), m: has('m'), s: has('s') }
}

function literal(char: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(char) ? `\\${char === '-' ? 'x2d' : char}` : char
}

function codePoint(code: number): string {
  return `\\u{${code.toString(16)}}`
}

/**
 * Fills a template in as Go's `Regexp.Expand` does: `$1`, `${1}` and `${name}` are what a group has matched, and nothing if there is
 * no such group; a name after `$` is as long as it can be (`$1x` is `${1x}`), and `$$` is `$`.
 */
export function expandTemplate(template: string, match: readonly (string | undefined)[], groups: Readonly<Record<string, string | undefined>> = {}): string {
  if (!template.includes('$')) return template
  return template.replaceAll(/\$(?:(\$)|\{(\w+)\}|(\w+))/g, (_, dollar?: string, braced?: string, bare?: string) => {
    if (dollar !== undefined) return '$'
    const name = braced ?? bare ?? ''
    return (/^\d+$/.test(name) ? match[Number(name)] : groups[name]) ?? ''
  })
}

/** Calls `replace` with each match of a pattern with the flag `g`, and puts what it gives in place of the match. */
export function replaceMatches(text: string, pattern: RegExp, replace: (match: RegExpMatchArray) => string): string {
  let result = ''
  let end = 0
  for (const match of text.matchAll(pattern)) {
    // Go leaves out an empty match right behind another match.
    if (match[0] === '' && match.index === end && match.index > 0) continue
    result += text.slice(end, match.index) + replace(match)
    end = match.index + match[0].length
  }
  return result + text.slice(end)
}

/**
 * A glob (https://github.com/gobwas/glob) that has to match the whole of a text: `*` and `**` are any text, `?` is any character, `[a-z]`
 * and `[!a-z]` one of a class, `{a,b}` alternatives. Throws a `SyntaxError`.
 */
export function globPattern(glob: string): RegExp {
  let source = ''
  let depth = 0
  for (let i = 0; i < glob.length; i++) {
    const char = String.fromCodePoint(glob.codePointAt(i) ?? 0)
    i += char.length - 1
    if (char === '*') source += source.endsWith('[^]*') ? '' : '[^]*'
    else if (char === '?') source += '[^]'
    else if (char === '{') {
      source += '(?:'
      depth++
    } else if (char === '}' && depth > 0) {
      source += ')'
      depth--
    } else if (char === ',' && depth > 0) source += '|'
    else if (char === '[') {
      const found = /^\[(!?)([^\]\\[]+)\]/.exec(glob.slice(i))
      if (found === null) throw new SyntaxError('[ without a class of characters')
      source += `[${found[1] === '' ? '' : '^'}${Array.from(found[2] ?? '', (member) => (member === '-' ? '-' : literal(member))).join('')}]`
      i += found[0].length - 1
    } else if (char === '\\') {
      i++
      if (i >= glob.length) throw new SyntaxError('missing a character after \\')
      source += literal(glob[i] ?? '')
    } else source += literal(char)
  }
  if (depth > 0) throw new SyntaxError('missing }')
  try {
    return new RegExp(`^(?:${source})$`, 'u')
  } catch (error) {
    throw new SyntaxError('a class of characters is not in order', { cause: error })
  }
}
