import type { Clock } from '../../component/component.ts'
import { ByteInterner } from '../../lib/intern.ts'
import type { IdentityIndex } from '../../model/identity/index.ts'
import type { Pod } from '../../model/identity/objects.ts'
import { tagsBeforeContainer } from './parse/raw_series.ts'
import type { Sample } from './sample.ts'

/** Key and value. */
export type SenderLabel = readonly [key: string, value: string]

/** How much is said of a sender: DogStatsD's `card:`. */
type Cardinality = 'none' | 'low' | 'orchestrator' | 'high'
const CARDINALITIES: readonly Cardinality[] = ['none', 'low', 'orchestrator', 'high']
/** Of a line without `card:`. */
const CARDINALITY_UNSAID = 2
const GENERATION_MASK = 0x3fff_ffff

const ENTITY_ID = 'dd.internal.entity_id'
const POD_IN_EXTERNAL_DATA = /(?:^|,)pu-([^,]+)/
/** Senders that are remembered, by address and by what they say of themselves. */
const REMEMBERED_MAX = 65_536
/** The number of the labels of somebody unknown. */
const NO_LABELS = 0

const decoder = new TextDecoder()

/** Whether it is the address or the line alone that a sender is known by. */
export type Teller = 'address' | 'line' | 'both'

/** Knows the labels that a sample gets from who sent it, as numbers. */
export interface Senders {
  /** The number of the labels of a sample that came from `address`. Creates nothing for a sender that is known. */
  of(sample: Sample, address: string): number
  /** The number for samples that are `toldBy` their address. */
  ofAddress(address: string): number
  /** What tells the sender of a sample. */
  toldBy(sample: Sample): Teller
  /** Below 2^30; another one when samples that are `toldBy` their line may get another number than before. */
  readonly generation: number
  labels(id: number): readonly SenderLabel[]
  /** Forgets all numbers. */
  renew(): void
}

/** Gives every different list of labels a number. */
class LabelLists {
  #lists: (readonly SenderLabel[])[] = [[]]
  #ids = new Map<string, number>([['[]', NO_LABELS]])

  idOf(labels: readonly SenderLabel[]): number {
    const text = JSON.stringify(labels)
    let id = this.#ids.get(text)
    if (id === undefined) {
      id = this.#lists.length
      this.#lists.push(labels)
      this.#ids.set(text, id)
    }
    return id
  }

  get(id: number): readonly SenderLabel[] {
    return this.#lists[id] ?? []
  }

  clear(): void {
    this.#lists = [[]]
    this.#ids = new Map([['[]', NO_LABELS]])
  }
}

/** Senders by their address alone. */
export class AddressSenders implements Senders {
  readonly #lists = new LabelLists()
  #ids = new Map<string, number>()
  #lastAddress = ''
  #lastId = NO_LABELS

  get generation(): number {
    return 0
  }

  toldBy(): Teller {
    return 'address'
  }

  of(_sample: Sample, address: string): number {
    return this.ofAddress(address)
  }

  ofAddress(address: string): number {
    if (address === this.#lastAddress) return this.#lastId
    let id = this.#ids.get(address)
    if (id === undefined) {
      if (this.#ids.size >= REMEMBERED_MAX) this.#ids.clear()
      id = this.#lists.idOf(address === '' ? [] : [['client.address', address]])
      this.#ids.set(address, id)
    }
    this.#lastAddress = address
    this.#lastId = id
    return id
  }

  labels(id: number): readonly SenderLabel[] {
    return this.#lists.get(id)
  }

  renew(): void {
    this.#lists.clear()
    this.#ids.clear()
    this.#lastAddress = ''
    this.#lastId = NO_LABELS
  }
}

/**
 * Tells samples with different container ids apart, besides what else is known of their senders: for a dialect in which the id is
 * a label of the series, which `rawSeries` gives it. Makes a string for every line with an id.
 */
export class ContainerSenders implements Senders {
  readonly #others: Senders | undefined
  /** By the other number, the place among the tags and the text. */
  readonly #ids = new Map<string, number>()
  /** What the others have for a number of ours. */
  #otherIds: number[] = [NO_LABELS]

  constructor(others: Senders | undefined) {
    this.#others = others
  }

  get generation(): number {
    return this.#others?.generation ?? 0
  }

  toldBy(sample: Sample): Teller {
    return sample.containerEnd > 0 ? 'both' : (this.#others?.toldBy(sample) ?? 'address')
  }

  of(sample: Sample, address: string): number {
    const other = this.#others?.of(sample, address) ?? NO_LABELS
    const { bytes, containerEnd, containerTextStart, containerTextEnd } = sample
    if (containerEnd === 0) return this.#withoutContainer(other)
    return this.#idOf(`${other} ${tagsBeforeContainer(sample)} ${decoder.decode(bytes.subarray(containerTextStart, containerTextEnd))}`, other)
  }

  ofAddress(address: string): number {
    return this.#withoutContainer(this.#others?.ofAddress(address) ?? NO_LABELS)
  }

  #withoutContainer(other: number): number {
    return other === NO_LABELS ? NO_LABELS : this.#idOf(`${other}`, other)
  }

  #idOf(key: string, other: number): number {
    let id = this.#ids.get(key)
    if (id === undefined) {
      id = this.#otherIds.length
      this.#otherIds.push(other)
      this.#ids.set(key, id)
    }
    return id
  }

  labels(id: number): readonly SenderLabel[] {
    return this.#others?.labels(this.#otherIds[id] ?? NO_LABELS) ?? []
  }

  renew(): void {
    this.#others?.renew()
    this.#ids.clear()
    this.#otherIds = [NO_LABELS]
  }
}

/**
 * Senders as pods: by the entity id or container id that a line has, by its external data, else by the address it came from.
 * `card:` of a line says how much of it becomes labels: none; low: namespace and workload; orchestrator (the default): the pod
 * too; high: the container id too.
 */
export class PodSenders implements Senders {
  readonly #index: IdentityIndex
  readonly #clock: Pick<Clock, 'now'>
  readonly #lists = new LabelLists()
  readonly #origins = new ByteInterner({ entriesMax: REMEMBERED_MAX, bytesMax: 8 << 20 })
  /** By the number of what the line says of its sender, four for each cardinality; number + 1. */
  #byOrigin = new Int32Array(4096)
  #byAddress = new Map<string, Int32Array>()
  #version = -1
  #generation = 0
  #scratch = new Uint8Array(1024)
  #view = new DataView(this.#scratch.buffer)

  constructor(index: IdentityIndex, clock: Pick<Clock, 'now'>) {
    this.#index = index
    this.#clock = clock
  }

  get generation(): number {
    if (this.#index.version !== this.#version) this.#forget()
    return this.#generation
  }

  toldBy(sample: Sample): Teller {
    // Of two addresses that say the same of themselves, the first one counts for both: see `#ofOrigin`.
    if (!saysNothing(sample, entityTag(sample))) return 'line'
    return sample.cardinalityStart === sample.cardinalityEnd ? 'address' : 'both'
  }

  ofAddress(address: string): number {
    if (this.#index.version !== this.#version) this.#forget()
    return this.#ofAddress(address, CARDINALITY_UNSAID)
  }

  of(sample: Sample, address: string): number {
    if (this.#index.version !== this.#version) this.#forget()
    const cardinality = cardinalityOf(sample)
    if (cardinality === 0) return NO_LABELS
    const entity = entityTag(sample)
    return saysNothing(sample, entity) ? this.#ofAddress(address, cardinality) : this.#ofOrigin(sample, entity, { address, cardinality })
  }

  labels(id: number): readonly SenderLabel[] {
    return this.#lists.get(id)
  }

  renew(): void {
    this.#lists.clear()
    this.#forget()
  }

  #forget(): void {
    this.#version = this.#index.version
    this.#generation = (this.#generation + 1) & GENERATION_MASK
    this.#byAddress.clear()
    this.#origins.renew()
    this.#byOrigin.fill(0)
  }

  #ofAddress(address: string, cardinality: number): number {
    let known = this.#byAddress.get(address)
    if (known === undefined) {
      if (this.#byAddress.size >= REMEMBERED_MAX) this.#byAddress.clear()
      known = new Int32Array(CARDINALITIES.length)
      this.#byAddress.set(address, known)
    }
    if (known[cardinality] === 0) known[cardinality] = this.#number(this.#podAt(address), cardinality, '') + 1
    return (known[cardinality] as number) - 1
  }

  #ofOrigin(sample: Sample, entity: number, { address, cardinality }: { readonly address: string; readonly cardinality: number }): number {
    const origin = this.#originId(sample, entity)
    const at = origin * CARDINALITIES.length + cardinality
    if (at >= this.#byOrigin.length) {
      const grown = new Int32Array(Math.max(this.#byOrigin.length * 2, at + CARDINALITIES.length))
      grown.set(this.#byOrigin)
      this.#byOrigin = grown
    }
    if (this.#byOrigin[at] === 0) {
      const container = sample.isInode ? '' : decoder.decode(sample.bytes.subarray(sample.containerStart, sample.containerEnd))
      const pod = this.#podOf(sample, entity, container)
      // What it says of itself is nobody we know: its address may still be.
      this.#byOrigin[at] = (pod === undefined ? this.#ofAddress(address, cardinality) : this.#number(pod, cardinality, container)) + 1
    }
    return (this.#byOrigin[at] as number) - 1
  }

  /** One number for entity, container and external data. */
  #originId(sample: Sample, entity: number): number {
    if (this.#origins.isFull) this.#forget()
    const { bytes } = sample
    let length = 0
    const add = (start: number, end: number): void => {
      if (length + end - start + 1 > this.#scratch.length) this.#grow(length + end - start + 1)
      for (let at = start; at < end; at++) this.#scratch[length++] = bytes[at] as number
      this.#scratch[length++] = 0x0a
    }
    add(sample.containerStart, sample.containerEnd)
    add(sample.externalStart, sample.externalEnd)
    if (entity >= 0) add((sample.tagKeyEnd[entity] as number) + 1, sample.tagEnd[entity] as number)
    return this.#origins.intern(this.#scratch, this.#view, 0, length)
  }

  #grow(bytes: number): void {
    const grown = new Uint8Array(Math.max(bytes, this.#scratch.length * 2))
    grown.set(this.#scratch)
    this.#scratch = grown
    this.#view = new DataView(grown.buffer)
  }

  #podOf(sample: Sample, entity: number, container: string): Pod | undefined {
    const { bytes } = sample
    if (entity >= 0) {
      const pod = this.#index.podByUid(decoder.decode(bytes.subarray((sample.tagKeyEnd[entity] as number) + 1, sample.tagEnd[entity])))
      if (pod !== undefined) return pod
    }
    if (container !== '') {
      const pod = this.#index.podByContainer(container)
      if (pod !== undefined) return pod
    }
    const uid = POD_IN_EXTERNAL_DATA.exec(decoder.decode(bytes.subarray(sample.externalStart, sample.externalEnd)))?.[1]
    return uid === undefined ? undefined : this.#index.podByUid(uid)
  }

  #podAt(address: string): Pod | undefined {
    if (address === '') return undefined
    const owner = this.#index.byAddress(address, 0, this.#clock.now())?.value
    return owner?.kind === 'pod' ? owner : undefined
  }

  #number(pod: Pod | undefined, cardinality: number, container: string): number {
    return pod === undefined ? NO_LABELS : this.#lists.idOf(podLabels(pod, cardinality, container))
  }
}

/** What a pod is called in labels; the names are OpenTelemetry's. */
function podLabels(pod: Pod, cardinality: number, container: string): SenderLabel[] {
  const { kind, name } = pod.workload
  const labels: SenderLabel[] = [['k8s.namespace.name', pod.namespace]]
  if (kind !== '' && kind !== 'Pod' && name !== '') labels.push([`k8s.${kind.toLowerCase()}.name`, name])
  if (cardinality >= 2) labels.push(['k8s.pod.name', pod.name])
  if (cardinality >= 3 && container !== '') labels.push(['container.id', container])
  return labels
}

/** 1 to 3, or 0 for none; what is not known counts as absent. */
function cardinalityOf({ bytes, cardinalityStart, cardinalityEnd }: Sample): number {
  // The first letter and the length tell them apart.
  switch (cardinalityEnd - cardinalityStart) {
    case 3:
      return bytes[cardinalityStart] === 0x6c ? 1 : CARDINALITY_UNSAID
    case 4:
      return bytes[cardinalityStart] === 0x6e ? 0 : bytes[cardinalityStart] === 0x68 ? 3 : CARDINALITY_UNSAID
    default:
      return CARDINALITY_UNSAID
  }
}

/** The tag with the pod's UID, or -1. */
function entityTag({ bytes, tags, tagStart, tagKeyEnd, tagEnd }: Sample): number {
  for (let i = 0; i < tags; i++) {
    const start = tagStart[i] as number
    if ((tagKeyEnd[i] as number) - start !== ENTITY_ID.length || bytes[start] !== 0x64 || tagKeyEnd[i] === tagEnd[i]) continue
    if (decoder.decode(bytes.subarray(start, tagKeyEnd[i])) === ENTITY_ID) return i
  }
  return -1
}

/** Whether all that is known of a sender is its address. */
function saysNothing(sample: Sample, entity: number): boolean {
  return entity < 0 && sample.containerStart === sample.containerEnd && sample.externalStart === sample.externalEnd
}

/** Tags that tell the receiver something and are not labels. */
export function isInternalTag(key: string): boolean {
  return key.startsWith('dd.internal.')
}
