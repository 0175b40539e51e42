/** What the chart's README and its schema say of values: the comments of values.yaml. */
import { isMap, isPair, isScalar, type Pair, parseDocument, type YAMLMap } from 'yaml'

/** A value of the chart, and what is said of it. */
export interface ValueDoc {
  /** Keys from the root. */
  readonly path: readonly string[]
  /** As YAML on one line; empty for a section. */
  readonly defaultText: string
  /** Empty where the name says it all. */
  readonly description: string
}

/** Every value of a values.yaml in its order; a section stands before what is in it when it has a comment of its own. */
export function valueDocs(valuesText: string): readonly ValueDoc[] {
  const document = parseDocument(valuesText)
  if (!isMap(document.contents)) throw new Error('values.yaml is not a map')
  // The comment of the first key is that of the map; the file's own head stands before it, with a blank line between.
  return docsOf(document.contents, [], '')
}

function docsOf(map: YAMLMap, path: readonly string[], first: string): readonly ValueDoc[] {
  return map.items.flatMap((pair, index) => {
    if (!isPair(pair) || !isScalar(pair.key)) return []
    const at = [...path, String(pair.key.value)]
    const description = textOf(index === 0 && first !== '' ? first : (pair.key.commentBefore ?? ''))
    return docsOfPair(pair, at, description)
  })
}

function docsOfPair({ value }: Pair, path: readonly string[], description: string): readonly ValueDoc[] {
  const isSection = isMap(value) && value.items.length > 0
  if (!isSection) return [{ path, defaultText: JSON.stringify(plain(value)), description }]
  const inner = docsOf(value, path, value.commentBefore ?? '')
  return description === '' ? inner : [{ path, defaultText: '', description }, ...inner]
}

function plain(value: unknown): unknown {
  const node = value as { toJSON?(): unknown } | null
  return node?.toJSON?.() ?? null
}

/** Of several paragraphs the last, as the first may be that of the file. */
function textOf(comment: string): string {
  const lines = comment.split('\n').map((line) => line.trim())
  return lines.slice(lines.lastIndexOf('') + 1).join(' ')
}

/** The table of the README. */
export function valuesTable(docs: readonly ValueDoc[]): string {
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  const rows = docs.map(
    ({ path, defaultText, description }) => `| \`${path.join('.')}\` | ${defaultText === '' ? '' : `\`${cell(defaultText)}\``} | ${cell(description)} |`,
  )
  return ['| value | default | what it is |', '| --- | --- | --- |', ...rows].join('\n')
}

interface Schema {
  description?: string
  readonly properties?: Readonly<Record<string, Schema>>
}

/** Puts the descriptions into a schema of values, and says which values it does not know. */
export function describeSchema(schema: Schema, docs: readonly ValueDoc[]): readonly string[] {
  const unknown: string[] = []
  for (const { path, description } of docs) {
    const { at, isOpen } = place(schema, path)
    if (at === undefined) {
      if (!isOpen) unknown.push(path.join('.'))
    } else if (description !== '') at.description = description
  }
  return unknown
}

/** What the schema says of a value. A section without `properties` is open: its keys are the user's. */
function place(schema: Schema, path: readonly string[]): { readonly at: Schema | undefined; readonly isOpen: boolean } {
  let at = schema
  for (const key of path) {
    if (at.properties === undefined) return { at: undefined, isOpen: true }
    const next = at.properties[key]
    if (next === undefined) return { at: undefined, isOpen: false }
    at = next
  }
  return { at, isOpen: false }
}
