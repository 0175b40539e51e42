import type { RawSeries } from '../naming/naming.ts'
import type { Dialect, Sample } from '../sample.ts'
import { textOf } from './event.ts'

const CONTAINER_LABEL = 'container_id'

/**
 * Name and tags of a sample as text, for `Naming.resolve`; needed on first sight of a series only. What is not UTF-8 becomes
 * U+FFFD. To the statsd_exporter a container id is a tag like any other, `container_id`, with the prefix it came with. The `etsy` dialect cleans names and tags as etsy's server does, which may leave nothing of a name.
 *
 * `text` is `textOf`, or gives the same texts in another way.
 */
export function rawSeries(sample: Sample, dialect: Dialect, text = textOf): RawSeries {
  const { bytes, tagStart, tagKeyEnd, tagEnd } = sample
  const clean = dialect === 'etsy' ? cleaned : unchanged
  const tags: [string, string | undefined][] = []
  for (let i = 0; i < sample.tags; i++) {
    const keyEnd = tagKeyEnd[i] as number
    const end = tagEnd[i] as number
    const key = clean(text(bytes, tagStart[i] as number, keyEnd))
    tags.push([key, keyEnd === end ? undefined : clean(text(bytes, keyEnd + 1, end))])
  }
  if (dialect === 'statsd_exporter' && sample.containerEnd > 0) tags.splice(tagsBeforeContainer(sample), 0, containerTag(sample))
  return { name: clean(nameOf(sample, text)), type: sample.type, tags }
}

/** How many tags stand before the container id: of two with one key the later counts. */
export function tagsBeforeContainer({ tags, tagStart, containerTextStart }: Sample): number {
  let before = 0
  while (before < tags && (tagStart[before] as number) < containerTextStart) before++
  return before
}

function containerTag({ bytes, containerTextStart, containerTextEnd }: Sample): [string, string] {
  return [CONTAINER_LABEL, textOf(bytes, containerTextStart, containerTextEnd)]
}

function nameOf(sample: Sample, text: typeof textOf): string {
  const { bytes, nameStart, nameEnd, nameCutStart, nameCutEnd } = sample
  if (nameCutStart === nameCutEnd) return text(bytes, nameStart, nameEnd)
  return text(bytes, nameStart, nameCutStart) + text(bytes, nameCutEnd, nameEnd)
}

/** The rules of etsy's statsd for keys: white space to `_`, `/` to `-`, then only letters, digits and `_ - . ; =` remain. */
function cleaned(text: string): string {
  return text
    .replace(/\s+/g, '_')
    .replaceAll('/', '-')
    .replace(/[^a-zA-Z_\-0-9.;=]/g, '')
}

function unchanged(text: string): string {
  return text
}
