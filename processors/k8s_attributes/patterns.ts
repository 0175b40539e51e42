/** What RE2, the language of the Collector's patterns, has and JavaScript reads as something else. */
const UNSUPPORTED = /\[:\^?[a-z]+:\]|\\[pPQEzC]/

const FLAGS = /^\(\?([ims]+)\)/

/**
 * A pattern of the Collector as JavaScript's, without anchors: named groups `(?P<name>…)` and flags at the beginning are
 * rewritten. Throws a `SyntaxError` that says what is wrong with it.
 */
export function patternSource(pattern: string): string {
  const foreign = UNSUPPORTED.exec(pattern)
  if (foreign !== null) throw new SyntaxError(`${foreign[0]} is not supported`)
  const named = pattern.replaceAll(/(?<!\\)\(\?P</g, '(?<')
  const flags = FLAGS.exec(named)
  const source = flags === null ? named : `(?${flags[1]}:${named.slice(flags[0].length)})`
  // Only to see whether it can be compiled.
  void new RegExp(source)
  return source
}

/** What is wrong with a pattern, in a few words; undefined when nothing is. */
export function patternFault(pattern: string): string | undefined {
  try {
    patternSource(pattern)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** A pattern that has to match the whole of a text. */
export function wholePattern(pattern: string): RegExp {
  return new RegExp(`^(?:${patternSource(pattern)})$`)
}

/** A pattern that has to match some part of a text. */
export function partPattern(pattern: string): RegExp {
  return new RegExp(patternSource(pattern))
}

/**
 * Fills a template in as Go's `Regexp.Expand` does: `$1`, `${1}` and `${name}` are what a group has matched, and nothing
 * if there is no such group; a name after `$` is as long as it can be (`$1x` is `${1x}`), and `$$` is `$`.
 */
export function expandTemplate(template: string, match: RegExpExecArray): string {
  return template.replaceAll(/\$(?:(\$)|\{(\w+)\}|(\w+))/g, (_, dollar?: string, braced?: string, bare?: string) => {
    if (dollar !== undefined) return '$'
    const name = braced ?? bare ?? ''
    return (/^\d+$/.test(name) ? match[Number(name)] : match.groups?.[name]) ?? ''
  })
}
