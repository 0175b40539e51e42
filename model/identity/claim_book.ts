import { type Claim, orderedClaims, readClaims } from './bindings.ts'
import type { IdentityLookup } from './index.ts'
import { Key } from './key.ts'
import { Control, KeyKind } from './layout.ts'
import type { MemoryWriter } from './memory_writer.ts'
import { isSameKey, keysOf, type ObjectKey, setKey } from './object_keys.ts'
import type { IdentityObject } from './objects.ts'

const OPEN = Number.POSITIVE_INFINITY

/** What an object claims, for each of its keys alike. */
export interface Claimant {
  readonly object: IdentityObject
  /** Where its record is. */
  readonly address: number
  readonly flags: number
  /** When it begins to own its keys; undefined when that is not known and an earlier claim of the same object decides. */
  readonly startMs: number | undefined
  /** The beginning if no earlier claim decides. */
  readonly firstSeenMs: number
  readonly terminatingMs: number
  readonly endedMs: number
}

/** Writes claims: who owned which key from when until when. Knows the rules of writing; those of reading are in `ClaimRule`. */
export class ClaimBook {
  readonly #memory: MemoryWriter
  readonly #lookups: ReadonlySet<IdentityLookup>
  readonly #rememberGoneMs: number
  readonly #key = new Key()
  /** `until, hash, binding` of each binding with a claim that has ended, in the order written. */
  #gone: number[] = []

  constructor(memory: MemoryWriter, lookups: ReadonlySet<IdentityLookup>, rememberGoneMs: number) {
    this.#memory = memory
    this.#lookups = lookups
    this.#rememberGoneMs = rememberGoneMs
  }

  /**
   * Enters the claims of an object. `predecessor` is the record of what the same object was before: its claims go over to the
   * new one, with their beginning; those to keys that the object has no longer end at `atMs`. False when a key had too many
   * claims already.
   */
  enter(claimant: Claimant, predecessor: number, atMs: number): boolean {
    const keys = keysOf(claimant.object, this.#lookups)
    let isComplete = true
    for (const key of keys) isComplete = this.#enter(key, claimant, predecessor) && isComplete
    if (predecessor !== 0) {
      for (const old of keysOf(this.#memory.decoder.object(predecessor), this.#lookups)) {
        if (!keys.some((key) => isSameKey(key, old))) this.#end(old, predecessor, atMs)
      }
    }
    return isComplete
  }

  /** The object whose record is at `object` has no key any more since `atMs`. */
  end(object: number, atMs: number): void {
    for (const key of keysOf(this.#memory.decoder.object(object), this.#lookups)) this.#end(key, object, atMs)
  }

  /** Forgets claims that ended longer ago than is remembered; true when there were any. */
  sweep(nowMs: number): boolean {
    const gone = this.#gone
    this.#gone = []
    let isChanged = false
    for (let at = 0; at < gone.length; at += 3) {
      const [untilMs, hash, binding] = [gone[at] as number, gone[at + 1] as number, gone[at + 2] as number]
      const slot = this.#memory.slotOf(binding, hash)
      // A later binding of the same key has an item of its own.
      if (slot < 0) continue
      if (!this.#isForgotten(untilMs, nowMs)) {
        this.#gone.push(untilMs, hash, binding)
        continue
      }
      const claims = readClaims(this.#memory.journal.words, binding)
      this.#remember(
        this.#memory.rebind(
          slot,
          claims.filter((claim) => !this.#isForgotten(claim.untilMs, nowMs)),
        ),
        hash,
      )
      isChanged = true
    }
    return isChanged
  }

  /** Starts over with the bindings that are in memory now, after they have moved. */
  reload(): void {
    this.#gone = []
    this.#memory.forEachBinding((binding, hash) => this.#remember(binding, hash))
  }

  #enter(objectKey: ObjectKey, claimant: Claimant, predecessor: number): boolean {
    const key = this.#key
    if (!setKey(key, objectKey, this.#memory.seed)) return true
    const slot = this.#memory.memory.find(key)
    const claims = readClaims(this.#memory.journal.words, this.#memory.memory.found)
    const index = predecessor === 0 ? -1 : claims.findIndex(({ object }) => object === predecessor)
    const fromMs = claimant.startMs ?? claims[index]?.fromMs ?? claimant.firstSeenMs
    const isTimed = objectKey.field === 'address' || objectKey.field === 'virtual' || objectKey.field === 'cidr'
    const claim: Claim = {
      object: claimant.address,
      flags: claimant.flags,
      fromMs: isTimed ? fromMs : 0,
      untilMs: isTimed && claimant.endedMs > 0 ? Math.max(claimant.endedMs, fromMs) : OPEN,
      terminatingMs: isTimed && claimant.terminatingMs > 0 ? claimant.terminatingMs : OPEN,
    }
    if (index < 0) claims.push(claim)
    else claims[index] = claim
    const ordered = orderedClaims(claims, this.#memory.decoder)
    if (ordered === undefined) return false
    this.#announce(key)
    this.#remember(this.#memory.bind(key, slot, ordered), key.hash)
    return true
  }

  #end(objectKey: ObjectKey, object: number, atMs: number): void {
    const key = this.#key
    if (!setKey(key, objectKey, this.#memory.seed)) return
    const slot = this.#memory.memory.find(key)
    if (slot < 0) return
    const claims = readClaims(this.#memory.journal.words, this.#memory.memory.found)
    const index = claims.findIndex((claim) => claim.object === object)
    const claim = claims[index]
    if (claim === undefined || claim.untilMs <= atMs) return
    claims[index] = { ...claim, untilMs: Math.max(atMs, claim.fromMs) }
    this.#remember(this.#memory.rebind(slot, orderedClaims(claims, this.#memory.decoder) ?? claims), key.hash)
  }

  /** Notes that a binding holds something that will have to be forgotten. */
  #remember(binding: number, hash: number): void {
    let first = OPEN
    for (const { untilMs } of readClaims(this.#memory.journal.words, binding)) first = Math.min(first, untilMs)
    if (first !== OPEN) this.#gone.push(first, hash, binding)
  }

  #isForgotten(untilMs: number, nowMs: number): boolean {
    return untilMs + this.#rememberGoneMs <= nowMs
  }

  /** Lets readers know that such keys exist, where they would not look for them otherwise. */
  #announce(key: Key): void {
    if (key.kind === KeyKind.wildcard) this.#memory.addWay(Control.hasWildcards, 1)
    if (key.kind !== KeyKind.cidr4 && key.kind !== KeyKind.cidr6) return
    const bits = key.words[0] as number
    this.#memory.addWay((key.kind === KeyKind.cidr4 ? Control.prefixes4 : Control.prefixes6) + (bits >>> 5), 1 << (bits & 31))
  }
}
