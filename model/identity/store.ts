import { type Claimant, ClaimBook } from './claim_book.ts'
import { OBJECT_KINDS } from './encode.ts'
import { Entries, entryName } from './entries.ts'
import { explainAddress } from './explain.ts'
import type { IdentityExplanation, IdentityHandles, IdentityStats, IdentityStoreOptions } from './handles.ts'
import { wordsHash } from './hash.ts'
import type { IdentityResource } from './index.ts'
import { CLAIM_SOURCE_SHIFT, ClaimFlag, Control, ControlFlag, RESOURCES } from './layout.ts'
import { MemoryWriter } from './memory_writer.ts'
import { rankOf } from './object_keys.ts'
import type { IdentityObject } from './objects.ts'

/** A record that a put has just made. */
interface Fresh {
  readonly object: IdentityObject
  readonly address: number
}

/**
 * The one writer of the identity index: takes what the API server says, decides who owned which address when, and writes it
 * into shared memory, where any number of `SharedIdentityIndex` look it up.
 *
 * - Objects of a key (`namespace/name` of a resource) are replaced as a whole; those that are equal write nothing.
 * - An object with another uid under the same key is another one: the old one ended, at the latest when the new one was created.
 * - What is there in a resource's first list was there before: it counts from `startedMs` (pods) or for ever. What comes later
 *   counts from then. A pod that has not started counts from when it was created, at the earliest from when it was first seen
 *   less the clock skew.
 * - What is gone is remembered for `rememberGoneMs` after it ended, at most three claims of a rank for each key.
 *
 * Times are milliseconds since the epoch. Nothing here throws because of what an object holds; what does not fit into the memory is
 * refused and counted. Changes are visible to readers at once, but their `version` grows with `publish` only.
 */
export class IdentityStore {
  readonly #memory: MemoryWriter
  readonly #book: ClaimBook
  readonly #entries = new Entries()
  readonly #clockSkewMs: number
  readonly #objects: Record<IdentityObject['kind'], number> = { pod: 0, endpoint: 0, node: 0, service: 0, namespace: 0, workload_entry: 0 }
  /** Resource → the number of its present list. */
  readonly #lists: number[] = RESOURCES.map(() => 0)
  readonly #wereListed: boolean[] = RESOURCES.map(() => false)
  #refused = 0
  #isChanged = false
  #publishedGeneration = 1

  constructor(options: IdentityStoreOptions) {
    this.#memory = new MemoryWriter(options)
    this.#book = new ClaimBook(this.#memory, new Set(options.lookups), options.rememberGoneMs)
    this.#clockSkewMs = options.clockSkewMs
  }

  /** Those of the present generation. */
  get handles(): IdentityHandles {
    return this.#memory.handles
  }

  get stats(): IdentityStats {
    const { journal, garbageBytes, keys, tableBytes } = this.#memory
    return {
      objects: { ...this.#objects },
      bindings: keys,
      journalBytes: journal.bytes,
      liveBytes: Math.max(0, journal.bytes - garbageBytes),
      tableBytes,
      generation: this.handles.generation,
      refused: this.#refused,
    }
  }

  /** Says what the key `namespace/name` of a resource is now; true when that changed anything. */
  put(source: IdentityResource, key: string, objects: readonly IdentityObject[], nowMs: number): boolean {
    this.#makeRoom()
    const resource = RESOURCES.indexOf(source)
    const name = entryName(resource, key)
    if (this.#memory.isOverfull || (this.#memory.isFull && this.#entries.find(name, this.#memory.journal) < 0)) {
      this.#refused += objects.length
      return false
    }
    const place = this.#entries.take(name, this.#memory.journal)
    this.#entries.mark(place, this.#lists[resource] as number)
    const old = this.#entries.records(place)
    const { kept, fresh, lost } = this.#compare(old, objects)
    if (fresh.length === 0 && lost.length === 0) return false
    this.#entries.setRecords(place, [...kept, ...fresh.map(({ address }) => address)])
    this.#count(fresh, lost)
    for (const one of fresh) this.#enter(one, lost, resource, nowMs)
    // What has no successor under its key is gone, at the latest since its successor under the same name was created.
    const atMs = Math.min(nowMs, ...fresh.map(({ object }) => (object.kind === 'pod' && object.createdMs > 0 ? object.createdMs : nowMs)))
    for (const address of lost) if (address !== 0) this.#end(address, atMs)
    this.#isChanged = true
    return true
  }

  /** The key is gone since `atMs`, unless another object (by `uid`) has it by now; true when that changed anything. */
  remove(source: IdentityResource, key: string, atMs: number, uid?: string): boolean {
    this.#makeRoom()
    const place = this.#entries.find(entryName(RESOURCES.indexOf(source), key), this.#memory.journal)
    if (place < 0) return false
    const records = this.#entries.records(place)
    if (records.length === 0 || (uid !== undefined && records.some((record) => this.#isOther(record, uid)))) return false
    this.#removeAt(place, atMs)
    return true
  }

  /** A complete list of the resource begins. */
  beginList(source: IdentityResource): void {
    const resource = RESOURCES.indexOf(source)
    this.#lists[resource] = (this.#lists[resource] as number) + 1
  }

  /** The list is complete: what was not put since `beginList` is removed; returns how many keys that were. */
  endList(source: IdentityResource, nowMs: number): number {
    const resource = RESOURCES.indexOf(source)
    const gone: number[] = []
    this.#entries.forEachUnmarked(resource, this.#lists[resource] as number, (place) => gone.push(place))
    for (const place of gone) {
      this.#makeRoom()
      this.#removeAt(place, nowMs)
    }
    this.#wereListed[resource] = true
    return gone.length
  }

  /** Tells readers whether every watched resource has been listed completely. */
  setSynced(isSynced: boolean): void {
    const { control } = this.#memory.memory
    if (isSynced) Atomics.or(control, Control.flags, ControlFlag.isSynced)
    else Atomics.and(control, Control.flags, ~ControlFlag.isSynced)
  }

  /**
   * Makes all changes since the last call known to readers, by growing their version once, and moves to fresh memory when that
   * frees much. Returns the handles when the generation has changed since the last call: they must reach all readers.
   */
  publish(nowMs: number): IdentityHandles | undefined {
    if (this.#memory.isWorthCompacting) this.#compact()
    if (this.#isChanged) {
      this.#memory.memory.changedMs = nowMs
      Atomics.add(this.#memory.memory.control, Control.version, 1)
      this.#isChanged = false
    }
    if (this.handles.generation === this.#publishedGeneration) return undefined
    this.#publishedGeneration = this.handles.generation
    return this.handles
  }

  /** Forgets what ended longer than `rememberGoneMs` ago. */
  sweep(nowMs: number): void {
    this.#makeRoom()
    if (this.#book.sweep(nowMs)) this.#isChanged = true
  }

  /** What `ip` was at `timeMs`, and why. */
  explain(ip: string, timeMs: number, port = 0): IdentityExplanation {
    return explainAddress(this.handles, { ip, port, timeMs })
  }

  /** Which of the old records still are objects of a put, which objects are new, and which old records are none any more. */
  #compare(old: readonly number[], objects: readonly IdentityObject[]): { kept: number[]; fresh: Fresh[]; lost: number[] } {
    const kept: number[] = []
    const fresh: Fresh[] = []
    const known = new Map<number, number[]>()
    for (const address of old) this.#remember(known, address)
    const lost = new Set(old)
    for (const object of objects) {
      const { encoder, journal } = this.#memory
      if (!encoder.encode(object)) {
        this.#refused++
        continue
      }
      const same = known.get(wordsHash(0, encoder.record, 0, encoder.record.length))?.find((address) => isRecord(journal.words, address, encoder.record))
      if (same !== undefined) {
        if (lost.delete(same)) kept.push(same)
        continue
      }
      const address = this.#memory.appendObject()
      this.#remember(known, address)
      fresh.push({ object, address })
    }
    return { kept, fresh, lost: [...lost] }
  }

  #remember(known: Map<number, number[]>, address: number): void {
    const { words } = this.#memory.journal
    const hash = wordsHash(0, words, address, (words[address] as number) >>> 16)
    known.set(hash, [...(known.get(hash) ?? []), address])
  }

  /** Enters the claims of a new record; the record that it succeeds is taken out of `lost`. */
  #enter({ object, address }: Fresh, lost: number[], resource: number, nowMs: number): void {
    const index = lost.findIndex((record) => record !== 0 && isSuccessor(object, this.#memory.decoder.object(record)))
    const predecessor = lost[index] ?? 0
    if (index >= 0) lost[index] = 0
    if (!this.#book.enter(this.#claimantOf(object, address, resource, nowMs), predecessor, nowMs)) this.#refused++
    if (predecessor !== 0) this.#memory.discard(predecessor)
  }

  #claimantOf(object: IdentityObject, address: number, resource: number, nowMs: number): Claimant {
    const isPod = object.kind === 'pod'
    const host = isPod && object.isHostNetwork ? ClaimFlag.isHost : 0
    const listed = this.#wereListed[resource] === true ? nowMs : 0
    return {
      object,
      address,
      flags: rankOf(object) | host | ((resource + 1) << CLAIM_SOURCE_SHIFT),
      startMs: isPod && object.startedMs > 0 ? object.startedMs : undefined,
      firstSeenMs: isPod ? Math.max(object.createdMs, nowMs - this.#clockSkewMs) : listed,
      terminatingMs: isPod ? object.terminatingMs : 0,
      endedMs: isPod ? object.endedMs : 0,
    }
  }

  #removeAt(place: number, atMs: number): void {
    const records = this.#entries.records(place)
    this.#entries.setRecords(place, [])
    this.#count([], records)
    for (const record of records) this.#end(record, atMs)
    this.#isChanged = true
  }

  #end(record: number, atMs: number): void {
    this.#book.end(record, atMs)
    this.#memory.discard(record)
  }

  #count(fresh: readonly Fresh[], lost: readonly number[]): void {
    for (const { object } of fresh) this.#objects[object.kind]++
    for (const record of lost) this.#objects[this.#kindOf(record)]--
  }

  #kindOf(record: number): IdentityObject['kind'] {
    return OBJECT_KINDS[(this.#memory.journal.words[record] as number) & 0xff] ?? 'pod'
  }

  #isOther(record: number, uid: string): boolean {
    const object = this.#memory.decoder.object(record)
    return object.kind !== 'endpoint' && object.uid !== '' && object.uid !== uid
  }

  #makeRoom(): void {
    if (this.#memory.isFull && this.#memory.isWorthCompacting) this.#compact()
  }

  #compact(): void {
    this.#memory.compact((journal, from, moved) => this.#entries.move(journal, from, moved))
    this.#book.reload()
  }
}

/** True when `next` is what the same thing has become that was `old`. */
function isSuccessor(next: IdentityObject, old: IdentityObject): boolean {
  if (next.kind === 'endpoint')
    return old.kind === 'endpoint' && old.ip === next.ip && old.service === next.service && old.pod === next.pod && old.podUid === next.podUid
  return old.kind === next.kind && old.uid === next.uid && old.name === next.name
}

function isRecord(words: Int32Array, address: number, record: readonly number[]): boolean {
  for (let i = 0; i < record.length; i++) if (words[address + i] !== record[i]) return false
  return true
}
