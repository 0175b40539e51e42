import type { RawSeries } from './naming.ts'

/** What becomes of a tag without a value (`|#urgent`). */
export type ValuelessTags = 'drop' | 'empty' | 'true'

/** Tags as labels; of several with one key the last wins. Tags without a key are not labels. */
export function labelsOf(tags: RawSeries['tags'], key: (name: string) => string, valueless: ValuelessTags): Map<string, string> {
  const labels = new Map<string, string>()
  for (const [name, value] of tags) {
    const text = value ?? (valueless === 'true' ? 'true' : '')
    if (name === '' || (text === '' && valueless === 'drop')) continue
    labels.set(key(name), text)
  }
  return labels
}
