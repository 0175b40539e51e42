/** Writes what a rule captured into a name or label; the first is the whole name (globs) or the whole match. */
export type Template = (captures: readonly (string | undefined)[]) => string

/**
 * A template of a glob rule. `$1` and `${1}` stand for the first `*`, `$0` for the whole name.
 *
 * As in statsd_exporter a reference takes all letters, digits, `_` and `$` that follow, so `$1_total` and `$1$2` refer to
 * nothing and leave nothing: write `${1}_total` and `${1}${2}`. A reference to a `*` that does not exist leaves nothing.
 */
export function globTemplate(template: string, captures: number): Template {
  const indexes: number[] = []
  let text = template
  for (const [reference, name] of template.matchAll(GLOB_REFERENCE)) {
    const index = referenceIndex(name as string, captures)
    text = text.replaceAll(reference, index === undefined ? '' : HOLE)
    if (index !== undefined) indexes.push(index)
  }
  const parts = text.split(HOLE)
  return (values) => parts.map((part, at) => (at === 0 ? part : `${values[indexes[at - 1] ?? -1] ?? ''}${part}`)).join('')
}

/** References of a glob rule's template that leave nothing, for a warning. */
export function deadReferences(template: string, captures: number): string[] {
  return [...template.matchAll(GLOB_REFERENCE)].filter(([, name]) => referenceIndex(name as string, captures) === undefined).map(([reference]) => reference)
}

const GLOB_REFERENCE = /\$\{?([\w$]+)\}?/g
const HOLE = '\0'

function referenceIndex(name: string, captures: number): number | undefined {
  const number = /^\d{1,9}$/.test(name) ? Number(name) : Number.POSITIVE_INFINITY
  return number <= captures ? number : undefined
}

/**
 * A template of a regex rule, as Go's `Expand` reads it: `$1`, `${1}`, `$name`, `${name}`; a name is as long as it can be
 * (`$1x` is `${1x}`); `$$` is a dollar sign; what refers to nothing leaves nothing. `captures[0]` is the whole match.
 */
export function regexTemplate(template: string, groups: ReadonlyMap<string, readonly number[]>): Template {
  // Text, or the groups that may stand there: of several with one name the first that took part.
  const parts: (string | readonly number[])[] = []
  let end = 0
  for (const match of template.matchAll(/\$(?:\$|\{(\w+)\}|(\w+))/g)) {
    parts.push(template.slice(end, match.index))
    end = match.index + match[0].length
    const name = match[1] ?? match[2]
    if (name === undefined) parts.push('$')
    else parts.push(/^\d+$/.test(name) ? [Number(name)] : (groups.get(name) ?? []))
  }
  parts.push(template.slice(end))
  return (captures) => {
    const texts = parts.map((part) => (typeof part === 'string' ? part : (part.map((group) => captures[group]).find((text) => text !== undefined) ?? '')))
    return texts.join('')
  }
}
