/** Writes what a rule captured into a name or label. */
export type Template = (captures: readonly (string | undefined)[]) => string

/**
 * A template of a glob rule. `$1` and `${1}` stand for the first `*`.
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
  const number = /^\d{1,9}$/.test(name) ? Number(name) : 0
  return number >= 1 && number <= captures ? number - 1 : undefined
}

/**
 * A template of a regex rule, as Go's `Expand` reads it: `$1`, `${1}`, `$name`, `${name}`; a name is as long as it can be
 * (`$1x` is `${1x}`); `$$` is a dollar sign; what refers to nothing leaves nothing. `captures[0]` is the whole match.
 */
export function regexTemplate(template: string, groups: ReadonlyMap<string, number>): Template {
  const parts: (string | number)[] = []
  let end = 0
  for (const match of template.matchAll(/\$(?:\$|\{(\w+)\}|(\w+))/g)) {
    parts.push(template.slice(end, match.index))
    end = match.index + match[0].length
    const name = match[1] ?? match[2]
    if (name === undefined) parts.push('$')
    else parts.push(/^\d+$/.test(name) ? Number(name) : (groups.get(name) ?? -1))
  }
  parts.push(template.slice(end))
  return (captures) => parts.map((part) => (typeof part === 'string' ? part : (captures[part] ?? ''))).join('')
}
