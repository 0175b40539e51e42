import { parseGoRegexp } from './go_regexp.ts'

/**
 * A pattern of RE2 (https://github.com/google/re2/wiki/Syntax), which pasted configs are written in, as JavaScript's with the same
 * meaning; `flags` are added to `u`. Throws a `SyntaxError` that says in a few words what is wrong with it.
 *
 * Unlike RE2, JavaScript's engine goes back when it fails: a repetition of nothing but a repetition, such as `(a+)+`, would take
 * exponential time and is refused; other patterns that overlap themselves can still be slow on long text.
 */
export function re2Pattern(pattern: string, flags = ''): RegExp {
  const parsed = parseGoRegexp(pattern)
  if (!('regexp' in parsed)) throw new SyntaxError(parsed.problem)
  if (parsed.isRedundant) throw new SyntaxError('repeats a repetition, which can take exponential time; one is enough')
  return flags === '' ? parsed.regexp : new RegExp(parsed.regexp.source, `u${flags}`)
}

/** As `re2Pattern`, but it has to match the whole of a text. */
export function wholeRe2Pattern(pattern: string): RegExp {
  return new RegExp(`^(?:${re2Pattern(pattern).source})$`, 'u')
}

/** What is wrong with a pattern of RE2, in a few words; undefined when nothing is. */
export function re2Fault(pattern: string): string | undefined {
  try {
    re2Pattern(pattern)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
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
