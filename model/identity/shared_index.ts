import { AskedKeys } from './asked.ts'
import { ClaimRule } from './claim_rule.ts'
import { ObjectDecoder } from './decode.ts'
import type { IdentityHandles } from './handles.ts'
import type { AddressOwner, Found, IdentityIndex, IdentityLookup } from './index.ts'
import { parseIp } from './ip.ts'
import { Key } from './key.ts'
import { BINDING_BY_PORT, ClaimFlag, Control, ControlFlag, claimCount, claimsOffset, claimWords, KeyKind, Rank, timeAt } from './layout.ts'
import { IdentityMemory } from './memory.ts'
import type { Endpoint, IdentityObject, KubeNode, Namespace, Pod, Service } from './objects.ts'
import { preferredServices } from './preferred_services.ts'
import { prefixLengths } from './prefixes.ts'

export interface LookupCounts {
  hits: number
  misses: number
}

/** What keys that are texts, other than those of services, are keys of. */
const TEXT_KEY_KINDS: Readonly<Partial<Record<KeyKind, IdentityObject['kind']>>> = {
  [KeyKind.podName]: 'pod',
  [KeyKind.node]: 'node',
  [KeyKind.namespace]: 'namespace',
}
const ANY_PORT = -1
const NO_PREFIXES: readonly number[] = []

/** What there is to look into: one generation of a store's memory. */
class Attached {
  readonly memory: IdentityMemory
  readonly decoder: ObjectDecoder
  readonly rule: ClaimRule
  version: number
  /** What `Control.ways` was when the version was looked at last. */
  ways: number
  #prefixes4 = NO_PREFIXES
  #prefixes6 = NO_PREFIXES
  #prefixesRead = -1

  constructor(handles: IdentityHandles) {
    this.memory = new IdentityMemory(handles)
    this.decoder = new ObjectDecoder(this.memory)
    this.rule = new ClaimRule(this.memory)
    this.version = Atomics.load(this.memory.control, Control.version)
    this.ways = Atomics.load(this.memory.control, Control.ways)
  }

  /** The prefix lengths of blocks, the longest first. */
  prefixes(family: 4 | 6): readonly number[] {
    const { control } = this.memory
    const ways = Atomics.load(control, Control.ways)
    if (ways !== this.#prefixesRead) {
      this.#prefixesRead = ways
      this.#prefixes4 = prefixLengths(control, 4)
      this.#prefixes6 = prefixLengths(control, 6)
    }
    return family === 4 ? this.#prefixes4 : this.#prefixes6
  }
}

/**
 * One thread's view of the memory of an `IdentityStore`. Knows nothing until the first `attach`. `ClaimRule` says whose an address
 * was at a time.
 *
 * Looks straight into shared memory, while the store writes there. Answers are kept as long as nothing about their key changes, so
 * that a look-up which has been made before creates nothing.
 */
export class SharedIdentityIndex implements IdentityIndex {
  /** Look-ups so far; the owner may read them at any time. */
  readonly counts: Readonly<Record<IdentityLookup, LookupCounts>> = {
    address: { hits: 0, misses: 0 },
    service_address: { hits: 0, misses: 0 },
    pod_uid: { hits: 0, misses: 0 },
    container: { hits: 0, misses: 0 },
    pod_name: { hits: 0, misses: 0 },
    host: { hits: 0, misses: 0 },
    endpoints: { hits: 0, misses: 0 },
  }
  #version = 0
  #attached: Attached | undefined
  readonly #asked = new AskedKeys()
  readonly #key = new Key()
  readonly #ip = new Int32Array(4)
  /** The binding of the key looked at last, and where it is noted. */
  #binding = 0
  #place = 0

  get version(): number {
    const attached = this.#attached
    if (attached === undefined) return this.#version
    const shared = Atomics.load(attached.memory.control, Control.version)
    if (shared !== attached.version || this.#asked.hasChanged) {
      attached.version = shared
      if (this.#hasNews(attached)) this.#grow()
    }
    return this.#version
  }

  get changedMs(): number {
    return this.#attached?.memory.changedMs ?? 0
  }

  get isSynced(): boolean {
    return this.#hasFlag(ControlFlag.isSynced)
  }

  get isClusterWide(): boolean {
    return this.#hasFlag(ControlFlag.isClusterWide)
  }

  /** Looks into this memory from now on. That of another store replaces it; that of an older generation of the same store is left aside. */
  attach(handles: IdentityHandles): void {
    const old = this.#attached?.memory
    const isSameStore = old !== undefined && old.handles.control === handles.control
    if (isSameStore && handles.generation <= old.handles.generation) return
    const attached = new Attached(handles)
    this.#attached = attached
    const { memory } = attached
    const isSame = (hash: number, _slot: number, serial: number): boolean =>
      serial === 0 ? memory.slotOfHash(hash, hash) < 0 : memory.slotOfHash(hash, hash, serial) >= 0
    if (!isSameStore || this.#asked.hasChanged || this.#asked.some((hash, slot, serial) => !isSame(hash, slot, serial))) this.#grow()
    else this.#asked.renumber((hash, serial) => (serial === 0 ? memory.emptySlot(hash) : memory.slotOfHash(hash, hash, serial)))
  }

  byAddress(ip: string, port: number, timeMs: number): Found<AddressOwner> | undefined {
    const attached = this.#attached
    let found: Found<IdentityObject> | undefined
    if (attached !== undefined && this.#key.setAddress(ip, attached.memory.seed) && this.#look(attached)) found = this.#at(attached, port, timeMs)
    this.#count('address', found !== undefined)
    return found as Found<AddressOwner> | undefined
  }

  serviceByAddress(ip: string, port: number, timeMs: number): Found<Service> | undefined {
    const attached = this.#attached
    const found = attached === undefined ? undefined : this.#serviceAt(attached, ip, port, timeMs)
    this.#count('service_address', found !== undefined)
    return found as Found<Service> | undefined
  }

  podByUid(uid: string): Pod | undefined {
    const attached = this.#attached
    const pod = attached !== undefined && this.#key.setUid(uid, attached.memory.seed) ? this.#last(attached, 'pod') : undefined
    this.#count('pod_uid', pod !== undefined)
    return pod as Pod | undefined
  }

  podByContainer(id: string): Pod | undefined {
    const attached = this.#attached
    let pod: Pod | undefined
    if (attached !== undefined && this.#key.setContainer(id, attached.memory.seed) && this.#look(attached)) pod = this.#withContainer(attached, id)
    this.#count('container', pod !== undefined)
    return pod
  }

  podByName(namespace: string, name: string): Pod | undefined {
    const pod = this.#byTexts(KeyKind.podName, namespace, name)
    this.#count('pod_name', pod !== undefined)
    return pod as Pod | undefined
  }

  pods(): readonly Pod[] {
    const attached = this.#attached
    if (attached === undefined) return []
    const { memory, decoder } = attached
    const pods: Pod[] = []
    for (let slot = 0; slot * 2 < memory.table.length; slot++) {
      const binding = Atomics.load(memory.table, slot * 2)
      const header = binding === 0 ? 0 : (memory.words[binding] ?? 0)
      const kind = header & 0xff
      if (kind !== KeyKind.uid && kind !== KeyKind.uidText) continue
      const stride = claimWords(header)
      for (let i = 0; i < claimCount(header); i++) {
        const at = binding + claimsOffset(header) + i * stride
        if (stride > 4 && timeAt(memory.words, at + 4) !== Number.POSITIVE_INFINITY) continue
        const object = decoder.object(memory.words[at] ?? 0)
        if (object.kind === 'pod') pods.push(object)
      }
    }
    return pods
  }

  serviceByHost(host: string): Service | undefined {
    const name = hasUpperCase(host) ? host.toLowerCase() : host
    const service = this.#byTexts(KeyKind.host, name, '') ?? this.#byWildcard(name)
    this.#count('host', service !== undefined)
    return service as Service | undefined
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#byTexts(KeyKind.service, namespace, name) as Service | undefined
  }

  servicesOf(ip: string, port: number): readonly Service[] {
    const attached = this.#attached
    const services = attached === undefined ? [] : this.#servicesOf(attached, ip, port)
    this.#count('endpoints', services.length > 0)
    return services
  }

  node(name: string): KubeNode | undefined {
    return this.#byTexts(KeyKind.node, name, '') as KubeNode | undefined
  }

  namespace(name: string): Namespace | undefined {
    return this.#byTexts(KeyKind.namespace, name, '') as Namespace | undefined
  }

  /** Looks for the key, and notes that it was asked for; true when something is claimed about it. */
  #look({ memory }: Attached): boolean {
    const slot = memory.find(this.#key)
    this.#binding = memory.found
    const serial = memory.serialOf(memory.found)
    this.#place = this.#asked.note(this.#key.hash, slot < 0 ? ~slot : slot, serial)
    return serial !== 0
  }

  /** The claim about the key looked at that holds at a time. */
  #at({ memory, rule, decoder }: Attached, port: number, timeMs: number): Found<IdentityObject> | undefined {
    const kept = this.#asked.answer(this.#place, port, timeMs)
    if (kept !== undefined) return kept as Found<IdentityObject>
    const claim = rule.choose(this.#binding, port, timeMs)
    if (claim === 0) return undefined
    const isByPort = (((memory.words[this.#binding] ?? 0) >>> 12) & BINDING_BY_PORT) !== 0
    const found = { value: decoder.object(memory.words[claim] ?? 0), fromMs: rule.fromMs, untilMs: rule.untilMs }
    this.#asked.keep(this.#place, found, { port: isByPort ? port : ANY_PORT, fromMs: rule.fromMs, untilMs: rule.untilMs })
    return found
  }

  #serviceAt(attached: Attached, ip: string, port: number, timeMs: number): Found<IdentityObject> | undefined {
    const { seed } = attached.memory
    const key = this.#key
    if (!key.setVirtual(ip, seed)) return undefined
    const own = this.#look(attached) ? this.#at(attached, port, timeMs) : undefined
    if (own !== undefined) return own
    const family = parseIp(ip, this.#ip)
    const prefixes = family === 0 ? NO_PREFIXES : attached.prefixes(family)
    for (const bits of prefixes) {
      const found = key.setBlock(this.#ip, family as 4 | 6, bits, seed) && this.#look(attached) ? this.#at(attached, port, timeMs) : undefined
      if (found !== undefined) return found
    }
    return undefined
  }

  #byTexts(kind: KeyKind, a: string, b: string): IdentityObject | undefined {
    const attached = this.#attached
    return attached !== undefined && this.#key.setTexts(kind, a, b, attached.memory.seed) ? this.#last(attached, TEXT_KEY_KINDS[kind] ?? 'service') : undefined
  }

  #byWildcard(host: string): IdentityObject | undefined {
    const attached = this.#attached
    if (attached === undefined || attached.memory.control[Control.hasWildcards] === 0) return undefined
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      const service = this.#byTexts(KeyKind.wildcard, host.slice(dot + 1), '')
      if (service !== undefined) return service
    }
    return undefined
  }

  /** What the key is now, or was last. */
  #last(attached: Attached, kind: IdentityObject['kind']): IdentityObject | undefined {
    if (!this.#look(attached)) return undefined
    const kept = this.#asked.answer(this.#place, ANY_PORT, 0)
    if (kept !== undefined) return kept as IdentityObject
    const { memory, decoder } = attached
    const header = memory.words[this.#binding] ?? 0
    const stride = claimWords(header)
    // Claims stand in order of preference: the first one that has not ended is it, else the one that ended last.
    const first = this.#binding + claimsOffset(header)
    const count = stride > 4 ? claimCount(header) : 1
    let best = first
    for (let i = 1; i < count; i++) if (timeAt(memory.words, first + i * stride + 4) > timeAt(memory.words, best + 4)) best = first + i * stride
    const object = decoder.object(memory.words[best] ?? 0)
    if (object.kind !== kind) return undefined
    this.#asked.keep(this.#place, object, { port: ANY_PORT, fromMs: 0, untilMs: Number.POSITIVE_INFINITY })
    return object
  }

  #withContainer({ memory, decoder }: Attached, id: string): Pod | undefined {
    const header = memory.words[this.#binding] ?? 0
    let last: Pod | undefined
    let lastUntil = Number.NEGATIVE_INFINITY
    for (let i = 0; i < claimCount(header); i++) {
      const at = this.#binding + claimsOffset(header) + i * claimWords(header)
      const pod = decoder.object(memory.words[at] ?? 0)
      const until = claimWords(header) > 4 ? timeAt(memory.words, at + 4) : Number.POSITIVE_INFINITY
      if (pod.kind !== 'pod' || until <= lastUntil || !pod.containers.some((container) => container.id.startsWith(id))) continue
      last = pod
      lastUntil = until
    }
    return last
  }

  #servicesOf(attached: Attached, ip: string, port: number): readonly Service[] {
    if (!this.#key.setAddress(ip, attached.memory.seed) || !this.#look(attached)) return []
    const { memory, decoder } = attached
    const header = memory.words[this.#binding] ?? 0
    const stride = claimWords(header)
    const endpoints: Endpoint[] = []
    let pod: Pod | undefined
    for (let i = 0; i < claimCount(header); i++) {
      const at = this.#binding + claimsOffset(header) + i * stride
      if (stride > 4 && timeAt(memory.words, at + 4) !== Number.POSITIVE_INFINITY) continue
      const rank = (memory.words[at + 1] ?? 0) & ClaimFlag.rank
      if (rank !== Rank.endpoint && rank !== Rank.pod) continue
      const object = decoder.object(memory.words[at] ?? 0)
      if (object.kind === 'endpoint') endpoints.push(object)
      else if (object.kind === 'pod' && !object.isHostNetwork) pod ??= object
    }
    return preferredServices(endpoints, { port, pod, serviceOf: (endpoint) => this.service(endpoint.namespace, endpoint.service) })
  }

  #hasFlag(flag: number): boolean {
    return this.#attached !== undefined && (Atomics.load(this.#attached.memory.control, Control.flags) & flag) !== 0
  }

  /** True when an answer given since the version grew last may be another one now. */
  #hasNews(attached: Attached): boolean {
    const { memory } = attached
    const ways = Atomics.load(memory.control, Control.ways)
    if (ways !== attached.ways) {
      attached.ways = ways
      return this.#asked.size > 0
    }
    if (this.#asked.hasChanged) return true
    return this.#asked.some((hash, slot, serial) => (serial === 0 ? memory.slotOfHash(hash, slot) >= 0 : memory.serialAt(slot) !== serial))
  }

  #grow(): void {
    this.#version++
    if (this.#asked.size > 0 || this.#asked.hasChanged) this.#asked.clear()
  }

  #count(kind: IdentityLookup, isHit: boolean): void {
    if (isHit) this.counts[kind].hits++
    else this.counts[kind].misses++
  }
}

function hasUpperCase(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f || (code >= 0x41 && code <= 0x5a)) return true
  }
  return false
}
