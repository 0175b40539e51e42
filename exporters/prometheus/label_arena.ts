import type { AttributeSet } from '../../model/attributes.ts'
import { type KeyPlan, type KeyPlans, labelText } from './labels.ts'

const CHUNK_BYTES = 1 << 20
// Shared by all that are empty.
const NO_PLACES = new Int32Array(0)
const NO_CHUNKS: Buffer[] = []
/** The first chunk begins so small and is doubled: there are families with one series, by the thousand. */
const FIRST_BYTES = 256

/**
 * The label bytes of a growing list of series, rendered once and copied into every scrape. Bytes lie in chunks of one
 * MiB at most; labels never cross a chunk.
 */
export class LabelArena {
  readonly series: readonly AttributeSet[]
  readonly plans: KeyPlans
  /** Series rendered so far, from the first on. */
  count = 0
  // Empty as long as no series has labels.
  #at = NO_PLACES
  #length = NO_PLACES
  #chunks: Buffer[] = NO_CHUNKS
  #used = CHUNK_BYTES
  #keys: readonly string[] | undefined
  #hasSeveralKeys = false
  #hasEmptyValues = false
  #isAmbiguous = false
  /** Label name → the attribute key it stands for; undefined as long as all series have the same keys. */
  #keyOfName: Map<string, string> | undefined
  #before: LabelArena | undefined
  #cursor = 0

  /** `before` is the arena of a list of which `series` is what was left when some of its series ended. */
  constructor(series: readonly AttributeSet[], plans: KeyPlans, before?: LabelArena) {
    this.series = series
    this.plans = plans
    this.#before = before
  }

  /** True when equal labels mean equal attributes, so that a producer's series cannot have the labels of another one of its. */
  get isUniform(): boolean {
    return !this.#isAmbiguous && !(this.#hasEmptyValues && this.#hasSeveralKeys)
  }

  plan(attributes: AttributeSet): KeyPlan {
    return this.plans.of(attributes.keys)
  }

  /** Bytes of a series' labels; -1 when they cannot be rendered. */
  lengthOf(index: number): number {
    return this.#length[index] ?? 0
  }

  chunk(index: number): Buffer {
    return this.#chunks[(this.#at[index] as number) >>> 20] as Buffer
  }

  start(index: number): number {
    return (this.#at[index] as number) & (CHUNK_BYTES - 1)
  }

  /** Renders the labels of the next series, or takes them over from the arena before. */
  append(): void {
    const attributes = this.series[this.count] as AttributeSet
    this.#noteKeys(attributes)
    const index = this.count++
    if (!this.#takeOver(index, attributes)) this.#render(index, attributes)
  }

  #render(index: number, attributes: AttributeSet): void {
    const text = labelText(this.plan(attributes), attributes)
    if (text === '') return
    // Three bytes is the most that a UTF-16 unit can take.
    const room = (this.#chunks.at(-1)?.length ?? 0) - this.#used
    const chunk = this.#chunkFor(text.length * 3 <= room ? 0 : Buffer.byteLength(text))
    const place = this.#place
    const length = chunk === undefined ? -1 : chunk.write(text, this.#used, 'utf8')
    this.#used += Math.max(0, length)
    this.#note(index, place, length)
  }

  #takeOver(index: number, attributes: AttributeSet): boolean {
    const before = this.#before
    if (before === undefined) return false
    // Series keep their order when some of them end, so one pass over both lists finds all that go on.
    while (this.#cursor < before.count && before.series[this.#cursor] !== attributes) this.#cursor++
    if (this.#cursor >= before.count) {
      this.#before = undefined
      return false
    }
    const length = before.lengthOf(this.#cursor)
    if (length === 0) return true
    const chunk = this.#chunkFor(Math.max(0, length))
    this.#note(index, this.#place, length)
    if (length > 0 && chunk !== undefined) {
      const start = before.start(this.#cursor)
      before.chunk(this.#cursor).copy(chunk, this.#used, start, start + length)
      this.#used += length
    }
    return true
  }

  #noteKeys(attributes: AttributeSet): void {
    if (attributes.values.includes('')) this.#hasEmptyValues = true
    if (attributes.keys === this.#keys || isOverflow(attributes)) return
    const known = this.#keys
    this.#keys = attributes.keys
    if (known === undefined) {
      if (this.plan(attributes).labels.some(({ values }) => values.length > 1)) this.#isAmbiguous = true
      return
    }
    this.#hasSeveralKeys = true
    if (this.#keyOfName === undefined) this.#noteNames(known)
    this.#noteNames(attributes.keys)
  }

  #noteNames(keys: readonly string[]): void {
    this.#keyOfName ??= new Map()
    for (const { open, values } of this.plans.of(keys).labels) {
      const key = keys[values[0] as number] as string
      if (values.length > 1 || (this.#keyOfName.get(open) ?? key) !== key) this.#isAmbiguous = true
      this.#keyOfName.set(open, key)
    }
  }

  /** Small ones share their memory. */
  #firstChunk(bytes: number): Buffer {
    return Buffer.allocUnsafe(this.series.length > 1 ? Math.max(FIRST_BYTES, bytes) : bytes)
  }

  /** Notes where the labels of a series stand; series before it that are not noted have none. */
  #note(index: number, place: number, length: number): void {
    if (index >= this.#at.length) {
      const capacity = Math.max(this.series.length, index + 1, this.#at.length * 2)
      this.#at = grown(this.#at, capacity)
      this.#length = grown(this.#length, capacity)
    }
    this.#at[index] = place
    this.#length[index] = length
  }

  /** Position of the next byte over all chunks. */
  get #place(): number {
    return (Math.max(0, this.#chunks.length - 1) << 20) | (this.#used & (CHUNK_BYTES - 1))
  }

  /** A chunk with room for so many bytes; undefined when they do not fit into any. */
  #chunkFor(bytes: number): Buffer | undefined {
    if (bytes > CHUNK_BYTES) return undefined
    const last = this.#chunks.at(-1)
    if (last === undefined || bytes > CHUNK_BYTES - this.#used) {
      // Unlike an array that is spread, this one has no room for more.
      this.#chunks = this.#chunks.concat(last === undefined ? this.#firstChunk(bytes) : Buffer.allocUnsafeSlow(CHUNK_BYTES))
      this.#used = 0
    } else if (bytes > last.length - this.#used) {
      const larger = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, Math.max(last.length * 2, this.#used + bytes)))
      last.copy(larger, 0, 0, this.#used)
      this.#chunks[this.#chunks.length - 1] = larger
    }
    return this.#chunks.at(-1)
  }
}

function grown(array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(length)
  larger.set(array)
  return larger
}

function isOverflow(attributes: AttributeSet): boolean {
  return attributes.size === 1 && attributes.keys[0] === 'otel_metric_overflow'
}
