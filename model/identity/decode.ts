import { OBJECT_HEADER_WORDS, OBJECT_KINDS, ObjectFlag } from './encode.ts'
import { formatIp } from './ip.ts'
import { formatUuid, hexText } from './key.ts'
import { timeAt } from './layout.ts'
import type { IdentityMemory } from './memory.ts'
import type { Container, Endpoint, IdentityObject, KubeNode, Namespace, Pod, Service, Texts, Workload, WorkloadEntry } from './objects.ts'

/** Texts, lists and objects that are kept decoded; when there are more, all are decoded anew. */
const TEXTS_MAX = 32_768
const OBJECTS_MAX = 16_384
/** Longer lists than API objects can hold are no lists. */
const LIST_MAX = 65_536

const NO_TEXTS: Texts = Object.freeze({})
const NO_NUMBERS: readonly number[] = Object.freeze([])
const NO_LIST: readonly string[] = Object.freeze([])

/**
 * Reads objects from the journal. Each is decoded once and kept as long as there are not too many; texts and labels that
 * several objects have in common are shared between them. Words that make no sense give an object that makes none, never
 * an error.
 */
export class ObjectDecoder {
  readonly #memory: IdentityMemory
  readonly #objects = new Map<number, IdentityObject>()
  readonly #texts = new Map<number, string>()
  readonly #numberLists = new Map<number, readonly number[]>()
  readonly #textLists = new Map<number, readonly string[]>()
  readonly #labelSets = new Map<number, Texts>()
  #atom = 0
  #atomsEnd = 0
  #word = 0
  #wordsEnd = 0

  constructor(memory: IdentityMemory) {
    this.#memory = memory
  }

  /** The object whose record is at `address`. */
  object(address: number): IdentityObject {
    const known = this.#objects.get(address)
    if (known !== undefined) return known
    const object = this.#decode(address)
    if (this.#objects.size >= OBJECTS_MAX) this.#objects.clear()
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

  #pod(flags: number): Pod {
    const ports = this.#numbers()
    const uid = this.#uid(flags)
    const [namespace, name, node, serviceAccount] = [this.#text(), this.#text(), this.#text(), this.#text()]
    const workload = this.#workload(flags)
    const [replicaSet, job] = [this.#text(), this.#text()]
    const [labels, annotations] = [this.#labels(), this.#labels()]
    const [createdMs, startedMs] = [this.#time(), this.#time()]
    const hasEnd = (flags & ObjectFlag.hasEnd) !== 0
    const [terminatingMs, endedMs] = hasEnd ? [this.#time(), this.#time()] : [0, 0]
    const ips = this.#ips()
    const containers = this.#list(() => this.#container())
    const isHostNetwork = (flags & ObjectFlag.isHostNetwork) !== 0
    return {
      kind: 'pod',
      uid,
      namespace,
      name,
      node,
      serviceAccount,
      isHostNetwork,
      ips,
      ports,
      workload,
      replicaSet,
      job,
      containers,
      labels,
      annotations,
      createdMs,
      startedMs,
      terminatingMs,
      endedMs,
    }
  }

  #container(): Container {
    const [name, image] = [this.#text(), this.#text()]
    if (this.#next() !== 1) return { name, id: this.#text(), image }
    const id = hexText(this.#memory.words, this.#word, Math.min(8, Math.max(0, this.#wordsEnd - this.#word)))
    this.#word += 8
    return { name, id, image }
  }

  #endpoint(flags: number): Endpoint {
    const ports = this.#numbers()
    const podUid = this.#uid(flags)
    const [namespace, service, pod, node, zone] = [this.#text(), this.#text(), this.#text(), this.#text(), this.#text()]
    const workload = this.#workload(flags)
    const labels = this.#labels()
    return { kind: 'endpoint', namespace, service, ip: this.#ip(), ports, pod, podUid, node, zone, workload, labels }
  }

  #node(flags: number): KubeNode {
    const uid = this.#uid(flags)
    const name = this.#text()
    const [labels, annotations] = [this.#labels(), this.#labels()]
    return { kind: 'node', uid, name, ips: this.#ips(), labels, annotations }
  }

  #service(flags: number): Service {
    const ports = this.#numbers()
    const uid = this.#uid(flags)
    const [namespace, name] = [this.#text(), this.#text()]
    const [hosts, addresses] = [this.#textList(), this.#textList()]
    const labels = this.#labels()
    const source = (flags & ObjectFlag.isServiceEntry) === 0 ? 'service' : 'service_entry'
    return { kind: 'service', uid, namespace, name, source, hosts, addresses, ports, isHeadless: (flags & ObjectFlag.isHeadless) !== 0, labels }
  }

  #namespace(flags: number): Namespace {
    const uid = this.#uid(flags)
    return { kind: 'namespace', uid, name: this.#text(), labels: this.#labels(), annotations: this.#labels() }
  }

  #workloadEntry(flags: number): WorkloadEntry {
    const uid = this.#uid(flags)
    const [namespace, name, serviceAccount] = [this.#text(), this.#text(), this.#text()]
    const workload = this.#workload(flags)
    const labels = this.#labels()
    return { kind: 'workload_entry', uid, namespace, name, ip: this.#ip(), serviceAccount, workload, labels }
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

  #ips(): readonly string[] {
    return this.#list(() => this.#ip())
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
    if (this.#texts.size >= TEXTS_MAX) this.#texts.clear()
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
  #shared<T>(kept: Map<number, T>, atom: number, read: (words: Int32Array) => T): T | undefined {
    const length = this.#memory.listLength(atom)
    if (length === 0 || length > LIST_MAX) return undefined
    const known = kept.get(atom)
    if (known !== undefined) return known
    const list = read(this.#memory.words.subarray(atom + 1, atom + 1 + length))
    if (kept.size >= TEXTS_MAX) kept.clear()
    kept.set(atom, list)
    return list
  }
}
