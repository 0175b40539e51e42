import { RecentMap } from '../../lib/recent_map.ts'
import { discoveryOf } from './discovery.ts'
import { OBJECT_HEADER_WORDS, OBJECT_KINDS, ObjectFlag } from './encode.ts'
import { formatIp } from './ip.ts'
import { formatUuid, hexText } from './key.ts'
import { timeAt } from './layout.ts'
import type { IdentityMemory } from './memory.ts'
import type { Container, Endpoint, IdentityObject, KubeNode, Namespace, Pod, PodDetails, Service, Texts, Workload, WorkloadEntry } from './objects.ts'

/** So many texts, lists and objects that were used last are kept decoded, at most twice as many. */
export interface DecodedKept {
  readonly texts: number
  readonly objects: number
}

const KEPT_TO_READ: DecodedKept = { texts: 8192, objects: 4096 }
/** For whoever looks at most objects once, when they change. */
export const KEPT_TO_WRITE: DecodedKept = { texts: 1024, objects: 64 }
/** Longer lists than API objects can hold are no lists. */
const LIST_MAX = 65_536

const NO_TEXTS: Texts = Object.freeze({})
const NO_NUMBERS: readonly number[] = Object.freeze([])
const NO_LIST: readonly string[] = Object.freeze([])

/**
 * Reads objects from the journal. Those that were used last are kept; texts and labels that
 * several objects have in common are shared between them. Words that make no sense give an object that makes none, never
 * an error.
 */
export class ObjectDecoder {
  readonly #memory: IdentityMemory
  readonly #objects: RecentMap<number, IdentityObject>
  readonly #texts: RecentMap<number, string>
  readonly #numberLists: RecentMap<number, readonly number[]>
  readonly #textLists: RecentMap<number, readonly string[]>
  readonly #labelSets: RecentMap<number, Texts>
  readonly #readIp = (): string => this.#ip()
  readonly #readContainer = (): Container => this.#container()
  #atom = 0
  #atomsEnd = 0
  #word = 0
  #wordsEnd = 0

  constructor(memory: IdentityMemory, { texts, objects } = KEPT_TO_READ) {
    this.#memory = memory
    this.#objects = new RecentMap(objects)
    this.#texts = new RecentMap(texts)
    this.#numberLists = new RecentMap(texts)
    this.#textLists = new RecentMap(texts)
    this.#labelSets = new RecentMap(texts)
  }

  /** The object whose record is at `address`. */
  object(address: number): IdentityObject {
    const known = this.#objects.get(address)
    if (known !== undefined) return known
    const object = this.#decode(address)
    this.#objects.set(address, object)
    return object
  }

  #decode(address: number): IdentityObject {
    const words = this.#memory.words
    const header = words[address] ?? 0
    const flags = (header >>> 8) & 0xff
    this.#wordsEnd = Math.min(words.length, address + (header >>> 16))
    this.#atom = address + OBJECT_HEADER_WORDS
    this.#atomsEnd = Math.min(this.#wordsEnd, this.#atom + Math.max(0, words[address + 1] ?? 0))
    this.#word = this.#atomsEnd
    switch (OBJECT_KINDS[header & 0xff]) {
      case 'endpoint':
        return this.#endpoint(flags)
      case 'node':
        return this.#node(flags)
      case 'service':
        return this.#service(flags)
      case 'namespace':
        return this.#namespace(flags)
      case 'workload_entry':
        return this.#workloadEntry(flags)
      default:
        return this.#pod(flags)
    }
  }

  // The properties of a literal are read in the order in which `encode.ts` writes them.

  #pod(flags: number): Pod {
    const hasEnd = (flags & ObjectFlag.hasEnd) !== 0
    return {
      kind: 'pod',
      isHostNetwork: (flags & ObjectFlag.isHostNetwork) !== 0,
      ports: this.#numbers(),
      uid: this.#uid(flags),
      namespace: this.#text(),
      name: this.#text(),
      node: this.#text(),
      serviceAccount: this.#text(),
      workload: this.#workload(flags),
      replicaSet: this.#text(),
      job: this.#text(),
      labels: this.#labels(),
      annotations: this.#labels(),
      ...((flags & ObjectFlag.hasDiscovery) === 0 ? {} : { discovery: discoveryOf(this.#textList()) }),
      ...((flags & ObjectFlag.hasDetails) === 0 ? {} : { details: detailsOf(this.#textList()) }),
      createdMs: this.#time(),
      startedMs: this.#time(),
      terminatingMs: hasEnd ? this.#time() : 0,
      endedMs: hasEnd ? this.#time() : 0,
      ips: this.#list(this.#readIp),
      containers: this.#list(this.#readContainer),
    }
  }

  #container(): Container {
    return { name: this.#text(), image: this.#text(), id: this.#containerId() }
  }

  #containerId(): string {
    if (this.#next() !== 1) return this.#text()
    const id = hexText(this.#memory.words, this.#word, Math.min(8, Math.max(0, this.#wordsEnd - this.#word)))
    this.#word += 8
    return id
  }

  #endpoint(flags: number): Endpoint {
    return {
      kind: 'endpoint',
      ports: this.#numbers(),
      podUid: this.#uid(flags),
      namespace: this.#text(),
      service: this.#text(),
      pod: this.#text(),
      node: this.#text(),
      zone: this.#text(),
      workload: this.#workload(flags),
      labels: this.#labels(),
      ip: this.#ip(),
    }
  }

  #node(flags: number): KubeNode {
    return { kind: 'node', uid: this.#uid(flags), name: this.#text(), labels: this.#labels(), annotations: this.#labels(), ips: this.#list(this.#readIp) }
  }

  #service(flags: number): Service {
    return {
      kind: 'service',
      source: (flags & ObjectFlag.isServiceEntry) === 0 ? 'service' : 'service_entry',
      isHeadless: (flags & ObjectFlag.isHeadless) !== 0,
      ports: this.#numbers(),
      uid: this.#uid(flags),
      namespace: this.#text(),
      name: this.#text(),
      hosts: this.#textList(),
      addresses: this.#textList(),
      labels: this.#labels(),
    }
  }

  #namespace(flags: number): Namespace {
    return { kind: 'namespace', uid: this.#uid(flags), name: this.#text(), labels: this.#labels(), annotations: this.#labels() }
  }

  #workloadEntry(flags: number): WorkloadEntry {
    return {
      kind: 'workload_entry',
      uid: this.#uid(flags),
      namespace: this.#text(),
      name: this.#text(),
      serviceAccount: this.#text(),
      workload: this.#workload(flags),
      labels: this.#labels(),
      ip: this.#ip(),
    }
  }

  #workload(flags: number): Workload {
    return { kind: this.#text(), name: this.#text(), isInferred: (flags & ObjectFlag.isInferred) !== 0 }
  }

  #uid(flags: number): string {
    if ((flags & ObjectFlag.hasUuid) === 0) return this.#text()
    this.#word += 4
    return this.#word <= this.#wordsEnd ? formatUuid(this.#memory.words, this.#word - 4) : ''
  }

  #next(): number {
    return this.#word < this.#wordsEnd ? (this.#memory.words[this.#word++] ?? 0) : 0
  }

  #nextAtom(): number {
    return this.#atom < this.#atomsEnd ? (this.#memory.words[this.#atom++] ?? 0) : 0
  }

  #time(): number {
    this.#word += 2
    return this.#word <= this.#wordsEnd ? timeAt(this.#memory.words, this.#word - 2) : 0
  }

  #ip(): string {
    const family = this.#next()
    if (family !== 4 && family !== 6) return this.#text()
    const at = this.#word
    this.#word += family === 4 ? 1 : 4
    return this.#word <= this.#wordsEnd ? formatIp(family, this.#memory.words, at) : ''
  }

  #list<T>(read: () => T): readonly T[] {
    // Each item takes a word at least.
    const length = Math.min(this.#next(), this.#wordsEnd - this.#word)
    const list: T[] = []
    for (let i = 0; i < length; i++) list.push(read())
    return list
  }

  #text(): string {
    return this.#textOf(this.#nextAtom())
  }

  #textOf(atom: number): string {
    if (atom === 0) return ''
    const known = this.#texts.get(atom)
    if (known !== undefined) return known
    const text = this.#memory.text(atom)
    this.#texts.set(atom, text)
    return text
  }

  #numbers(): readonly number[] {
    return this.#shared(this.#numberLists, this.#nextAtom(), (words) => [...words]) ?? NO_NUMBERS
  }

  #textList(): readonly string[] {
    return this.#shared(this.#textLists, this.#nextAtom(), (words) => Array.from(words, (atom) => this.#textOf(atom))) ?? NO_LIST
  }

  #labels(): Texts {
    const read = (words: Int32Array): Texts => {
      const labels: Record<string, string> = {}
      for (let i = 0; i + 1 < words.length; i += 2) labels[this.#textOf(words[i] as number)] = this.#textOf(words[i + 1] as number)
      return labels
    }
    return this.#shared(this.#labelSets, this.#nextAtom(), read) ?? NO_TEXTS
  }

  /** What `read` makes of the words of a list, the same for all objects that have it; undefined for the empty list. */
  #shared<T>(kept: RecentMap<number, T>, atom: number, read: (words: Int32Array) => T): T | undefined {
    const length = this.#memory.listLength(atom)
    if (length === 0 || length > LIST_MAX) return undefined
    const known = kept.get(atom)
    if (known !== undefined) return known
    const list = read(this.#memory.words.subarray(atom + 1, atom + 1 + length))
    kept.set(atom, list)
    return list
  }
}

function detailsOf([ownerUid = '', workloadUid = '', hostname = '']: readonly string[]): PodDetails {
  return { ownerUid, workloadUid, hostname }
}
