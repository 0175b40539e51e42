import { discoveryTexts } from './discovery.ts'
import { formatIp, parseIp } from './ip.ts'
import type { Journal } from './journal.ts'
import { parseContainerId, parseUuid } from './key.ts'
import { timeHigh, timeLow } from './layout.ts'
import type { Container, Endpoint, IdentityObject, KubeNode, Namespace, Pod, Service, WorkloadEntry } from './objects.ts'

/** The kinds of objects; their index stands in records. */
export const OBJECT_KINDS = ['pod', 'endpoint', 'node', 'service', 'namespace', 'workload_entry'] as const satisfies readonly IdentityObject['kind'][]

export const ObjectFlag = {
  isHostNetwork: 1,
  isInferred: 2,
  /** The uid stands as four words instead of a text. */
  hasUuid: 4,
  /** The times when it began to terminate and ended follow. */
  hasEnd: 8,
  isServiceEntry: 16,
  isHeadless: 32,
  /** What the discovery of targets wants stands behind the annotations. */
  hasDiscovery: 64,
  /** The pod's details stand behind that. */
  hasDetails: 128,
} as const

/** Words of an object before its atoms, the first of which is that of the ports in a pod, endpoint or service. */
export const OBJECT_HEADER_WORDS = 2

const OBJECT_WORDS_MAX = 0xffff

/** Makes records of objects (see `layout.ts`); `decode.ts` reads them in the same order. Equal objects make equal records within one journal. */
export class ObjectEncoder {
  /** The record made last; its first `length` words. */
  readonly record: number[] = []
  readonly #journal: Journal
  #atoms: number[] = []
  #words: number[] = []
  #flags = 0
  readonly #scratch = new Int32Array(4)

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /** Makes the record of an object in `record`; false when the object is too large for one. */
  encode(object: IdentityObject): boolean {
    this.#atoms.length = 0
    this.#words.length = 0
    this.#flags = 0
    this.#put(object)
    const count = OBJECT_HEADER_WORDS + this.#atoms.length + this.#words.length
    const record = this.record
    record.length = 0
    record.push(OBJECT_KINDS.indexOf(object.kind) | (this.#flags << 8) | (count << 16), this.#atoms.length)
    for (const atom of this.#atoms) record.push(atom)
    for (const word of this.#words) record.push(word | 0)
    record[0] = (record[0] as number) | 0
    return count <= OBJECT_WORDS_MAX
  }

  #put(object: IdentityObject): void {
    switch (object.kind) {
      case 'pod':
        return this.#pod(object)
      case 'endpoint':
        return this.#endpoint(object)
      case 'node':
        return this.#node(object)
      case 'service':
        return this.#service(object)
      case 'namespace':
        return this.#namespace(object)
      case 'workload_entry':
        return this.#workloadEntry(object)
    }
  }

  #pod(pod: Pod): void {
    this.#flag(ObjectFlag.isHostNetwork, pod.isHostNetwork)
    this.#flag(ObjectFlag.isInferred, pod.workload.isInferred)
    this.#flag(ObjectFlag.hasEnd, pod.terminatingMs > 0 || pod.endedMs > 0)
    this.#atoms.push(this.#journal.numbers(pod.ports))
    this.#uid(pod.uid)
    this.#texts(pod.namespace, pod.name, pod.node, pod.serviceAccount, pod.workload.kind, pod.workload.name, pod.replicaSet, pod.job)
    this.#atoms.push(this.#journal.labels(pod.labels), this.#journal.labels(pod.annotations))
    this.#flag(ObjectFlag.hasDiscovery, pod.discovery !== undefined)
    if (pod.discovery !== undefined) this.#atoms.push(this.#journal.texts(discoveryTexts(pod.discovery)))
    this.#flag(ObjectFlag.hasDetails, pod.details !== undefined)
    // One list for all pods of an owner, so that each of them takes a word.
    if (pod.details !== undefined) this.#atoms.push(this.#journal.texts([pod.details.ownerUid, pod.details.workloadUid, pod.details.hostname]))
    this.#time(pod.createdMs)
    this.#time(pod.startedMs)
    if ((this.#flags & ObjectFlag.hasEnd) !== 0) {
      this.#time(pod.terminatingMs)
      this.#time(pod.endedMs)
    }
    this.#ips(pod.ips)
    this.#words.push(pod.containers.length)
    for (const container of pod.containers) this.#container(container)
  }

  #container(container: Container): void {
    this.#texts(container.name, container.image)
    // 1 says that the id follows in eight words.
    const at = this.#words.push(1)
    if (parseContainerId(container.id, this.#words)) return
    this.#words[at - 1] = 0
    this.#texts(container.id)
  }

  #endpoint(endpoint: Endpoint): void {
    this.#flag(ObjectFlag.isInferred, endpoint.workload.isInferred)
    this.#atoms.push(this.#journal.numbers(endpoint.ports))
    this.#uid(endpoint.podUid)
    this.#texts(endpoint.namespace, endpoint.service, endpoint.pod, endpoint.node, endpoint.zone, endpoint.workload.kind, endpoint.workload.name)
    this.#atoms.push(this.#journal.labels(endpoint.labels))
    this.#ip(endpoint.ip)
  }

  #node(node: KubeNode): void {
    this.#uid(node.uid)
    this.#texts(node.name)
    this.#atoms.push(this.#journal.labels(node.labels), this.#journal.labels(node.annotations))
    this.#ips(node.ips)
  }

  #service(service: Service): void {
    this.#flag(ObjectFlag.isServiceEntry, service.source === 'service_entry')
    this.#flag(ObjectFlag.isHeadless, service.isHeadless)
    this.#atoms.push(this.#journal.numbers(service.ports))
    this.#uid(service.uid)
    this.#texts(service.namespace, service.name)
    this.#atoms.push(this.#journal.texts(service.hosts), this.#journal.texts(service.addresses), this.#journal.labels(service.labels))
  }

  #namespace(namespace: Namespace): void {
    this.#uid(namespace.uid)
    this.#texts(namespace.name)
    this.#atoms.push(this.#journal.labels(namespace.labels), this.#journal.labels(namespace.annotations))
  }

  #workloadEntry(entry: WorkloadEntry): void {
    this.#flag(ObjectFlag.isInferred, entry.workload.isInferred)
    this.#uid(entry.uid)
    this.#texts(entry.namespace, entry.name, entry.serviceAccount, entry.workload.kind, entry.workload.name)
    this.#atoms.push(this.#journal.labels(entry.labels))
    this.#ip(entry.ip)
  }

  #flag(flag: number, isSet: boolean): void {
    if (isSet) this.#flags |= flag
  }

  #texts(...texts: readonly string[]): void {
    for (const text of texts) this.#atoms.push(this.#journal.text(text))
  }

  #uid(uid: string): void {
    if (parseUuid(uid, this.#scratch, 0)) {
      this.#flags |= ObjectFlag.hasUuid
      this.#words.push(...this.#scratch)
    } else {
      this.#texts(uid)
    }
  }

  #time(ms: number): void {
    this.#words.push(timeHigh(ms), timeLow(ms))
  }

  #ips(ips: readonly string[]): void {
    this.#words.push(ips.length)
    for (const ip of ips) this.#ip(ip)
  }

  /** `[family] [words]`; what is no address in its shortest form stays a text, with family 0. */
  #ip(ip: string): void {
    const family = parseIp(ip, this.#scratch)
    if (family === 0 || formatIp(family, this.#scratch) !== ip) {
      this.#words.push(0)
      this.#texts(ip)
    } else {
      this.#words.push(family)
      for (let i = 0; i < (family === 4 ? 1 : 4); i++) this.#words.push(this.#scratch[i] as number)
    }
  }
}
