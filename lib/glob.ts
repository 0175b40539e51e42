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

function literal(char: string): string {
  return /[\\^$.*+?()[\]{}|/-]/.test(char) ? `\\${char === '-' ? 'x2d' : char}` : char
}
