import type { Counter } from '../../component/telemetry.ts'
import { AttributeSet, type AttributeValue, isSameValue, type Resource } from '../../model/attributes.ts'
import type { IdentityIndex } from '../../model/identity/index.ts'
import type { KubeNode, Namespace, Pod } from '../../model/identity/objects.ts'
import { type Association, associationsOf, type Identifier, identifiersOf } from './association.ts'
import { FieldRules } from './field_rules.ts'
import { type Attributes, containerOf, PodAttributes } from './pod_attributes.ts'
import { PodFilter } from './pod_filter.ts'
import { type Outcome, PodFinder } from './pod_finder.ts'
import type { K8sAttributesConfig } from './schema.ts'

/** A resource as it came, and what it has become. Belongs to the `Enricher` that made it. */
export interface Enrichment {
  /** As it came. */
  readonly base: Resource
  readonly identifiers: readonly Identifier[]
  /** With the attributes of its pod; the same object until they change. */
  resource: Resource
  outcome: Outcome
  /** Counts it; see `ResourceCounters`. */
  counter: Counter
  /** The version of the index and the times for which all this holds. */
  version: number
  fromMs: number
  untilMs: number
  /** What `resource` was made of. */
  made: Ingredients | undefined
}

interface Ingredients {
  readonly pod: Pod | undefined
  readonly identifier: Identifier | undefined
  readonly outcome: Outcome
  readonly namespace: Namespace | undefined
  readonly node: KubeNode | undefined
  readonly clusterUid: string
}

/** Where it is counted what became of resources. */
export interface ResourceCounters {
  /** The counter for resources with this outcome; `source` is the `Association.label`, or `none`. */
  of(source: string, outcome: Outcome | 'passthrough'): Counter
  /** Counts attributes that were put together anew. */
  readonly built: Counter
}

/**
 * Adds to resources what the identity index knows of their pods. Attributes that a resource has are never changed.
 *
 * A resource is looked up once for every version of the index, and made anew only if its attributes have changed, so
 * that exporters may keep what they derive from it by its identity.
 */
export class Enricher {
  readonly #index: IdentityIndex | undefined
  readonly #counters: ResourceCounters
  readonly #associations: readonly Association[]
  readonly #pods: PodAttributes
  readonly #finder: PodFinder
  readonly #rules: {
    readonly namespaceLabels: FieldRules
    readonly namespaceAnnotations: FieldRules
    readonly nodeLabels: FieldRules
    readonly nodeAnnotations: FieldRules
  }
  readonly #isPassthrough: boolean
  readonly #wanted: ReadonlySet<string>
  readonly #usesNamespaces: boolean
  readonly #usesNodes: boolean

  /** Without an index every pod is unknown. */
  constructor(config: K8sAttributesConfig, index: IdentityIndex | undefined, counters: ResourceCounters) {
    this.#index = index
    this.#counters = counters
    this.#associations = associationsOf(config)
    this.#pods = new PodAttributes(config)
    this.#finder = new PodFinder({ index, filter: new PodFilter(config), attributes: this.#pods, clusterUid: () => this.#clusterUid() })
    const rules = {
      namespaceLabels: FieldRules.of(config, 'labels', 'namespace'),
      namespaceAnnotations: FieldRules.of(config, 'annotations', 'namespace'),
      nodeLabels: FieldRules.of(config, 'labels', 'node'),
      nodeAnnotations: FieldRules.of(config, 'annotations', 'node'),
    }
    this.#rules = rules
    this.#isPassthrough = config.passthrough
    this.#wanted = new Set(config.extract.metadata)
    this.#usesNamespaces = rules.namespaceLabels.keys.length + rules.namespaceAnnotations.keys.length > 0
    this.#usesNodes = rules.nodeLabels.keys.length + rules.nodeAnnotations.keys.length > 0 || this.#wanted.has('k8s.node.uid')
  }

  /** Begins with a resource that came over a connection from the address `connection`; empty when there was none. */
  begin(base: Resource, connection: string): Enrichment {
    const identifiers = identifiersOf(this.#associations, base.attributes, connection)
    const enrichment: Enrichment = {
      base,
      identifiers,
      resource: base,
      outcome: 'no_identifier',
      counter: this.#counters.of('none', 'no_identifier'),
      version: Number.NaN,
      fromMs: 0,
      untilMs: 0,
      made: undefined,
    }
    if (this.#isPassthrough) this.#stamp(enrichment)
    return enrichment
  }

  /** The resource as it is to be at a time. */
  resourceAt(enrichment: Enrichment, timeMs: number): Resource {
    const version = this.#index?.version ?? 0
    const isKnown = enrichment.version === version && enrichment.fromMs <= timeMs && timeMs < enrichment.untilMs
    if (!isKnown && !this.#isPassthrough) this.#renew(enrichment, version, timeMs)
    return enrichment.resource
  }

  #renew(enrichment: Enrichment, version: number, timeMs: number): void {
    const finder = this.#finder
    finder.find(enrichment.identifiers, timeMs)
    const { pod, outcome, identifier } = finder
    enrichment.version = version
    enrichment.fromMs = finder.fromMs
    enrichment.untilMs = finder.untilMs
    const namespace = this.#usesNamespaces ? this.#namespaceOf(enrichment, pod) : undefined
    const node = this.#usesNodes ? this.#nodeOf(enrichment, pod) : undefined
    const clusterUid = this.#clusterUid()
    const { made } = enrichment
    const isSame =
      made !== undefined &&
      made.pod === pod &&
      made.outcome === outcome &&
      made.identifier === identifier &&
      made.namespace === namespace &&
      made.node === node &&
      made.clusterUid === clusterUid
    if (isSame) return
    enrichment.made = { pod, outcome, identifier, namespace, node, clusterUid }
    enrichment.outcome = outcome
    enrichment.counter = this.#counters.of(identifier?.association.label ?? 'none', outcome)
    this.#build(enrichment, enrichment.made)
  }

  #build(enrichment: Enrichment, { pod, identifier, namespace, node, clusterUid }: Ingredients): void {
    this.#counters.built.add(1)
    const all = attributesOf(enrichment.base)
    const sender = senderAddress(identifier)
    if (this.#wanted.has('k8s.pod.ip') && sender !== '') complete(all, 'k8s.pod.ip', sender)
    if (pod !== undefined) this.#addPod(all, pod, clusterUid)
    const namespaceName = pod?.namespace ?? textIn(all, 'k8s.namespace.name')
    if (namespace !== undefined) {
      this.#addTexts(all, [this.#rules.namespaceLabels, namespace.labels], [this.#rules.namespaceAnnotations, namespace.annotations])
    }
    if (this.#wanted.has('service.namespace') && namespaceName !== '') complete(all, 'service.namespace', namespaceName)
    if (node !== undefined) {
      this.#addTexts(all, [this.#rules.nodeLabels, node.labels], [this.#rules.nodeAnnotations, node.annotations])
      if (this.#wanted.has('k8s.node.uid') && node.uid !== '') complete(all, 'k8s.node.uid', node.uid)
    }
    enrichment.resource = resourceOf(all, [enrichment.base, enrichment.resource])
  }

  #addPod(all: Attributes, pod: Pod, clusterUid: string): void {
    for (const [name, value] of this.#pods.of(pod, clusterUid)) complete(all, name, value)
    const container = containerOf(pod, all)
    if (container === undefined) return
    for (const [name, value] of this.#pods.ofContainer(pod, container, all.has('k8s.container.restart_count'))) complete(all, name, value)
  }

  #addTexts(all: Attributes, ...sets: readonly (readonly [FieldRules, Pod['labels']])[]): void {
    const found: Attributes = new Map()
    for (const [rules, texts] of sets) rules.apply(texts, found)
    for (const [name, value] of found) complete(all, name, value)
  }

  /** With `passthrough`: only the sender's address, which never changes. */
  #stamp(enrichment: Enrichment): void {
    const identifier = enrichment.identifiers[0]
    const sender = senderAddress(identifier)
    enrichment.counter = this.#counters.of(identifier?.association.label ?? 'none', sender === '' ? 'no_identifier' : 'passthrough')
    if (sender === '') return
    const all = attributesOf(enrichment.base)
    complete(all, 'k8s.pod.ip', sender)
    enrichment.resource = resourceOf(all, [enrichment.base])
  }

  #namespaceOf({ base }: Enrichment, pod: Pod | undefined): Namespace | undefined {
    const name = pod?.namespace ?? base.attributes.get('k8s.namespace.name')
    return typeof name === 'string' && name !== '' ? this.#index?.namespace(name) : undefined
  }

  #nodeOf({ base }: Enrichment, pod: Pod | undefined): KubeNode | undefined {
    const name = pod === undefined || pod.node === '' ? base.attributes.get('k8s.node.name') : pod.node
    return typeof name === 'string' && name !== '' ? this.#index?.node(name) : undefined
  }

  /** The uid of the namespace kube-system stands for the cluster. */
  #clusterUid(): string {
    return this.#wanted.has('k8s.cluster.uid') ? (this.#index?.namespace('kube-system')?.uid ?? '') : ''
  }
}

/** The address that a batch came from, if an identifier holds it. */
function senderAddress(identifier: Identifier | undefined): string {
  if (identifier === undefined || !identifier.association.isSenderAddress) return ''
  return identifier.values[identifier.association.addressSource] ?? ''
}

function attributesOf({ attributes }: Resource): Attributes {
  return new Map(attributes.keys.map((key, i) => [key, attributes.values[i] as AttributeValue]))
}

/** Sets an attribute that is absent or empty. */
function complete(all: Attributes, name: string, value: AttributeValue): void {
  const present = all.get(name)
  if (present === undefined || present === '') all.set(name, value)
}

function textIn(all: Attributes, name: string): string {
  const value = all.get(name)
  return typeof value === 'string' ? value : ''
}

/** A resource with these attributes: one of `known` if it has them, so that its identity stays. */
function resourceOf(all: Attributes, known: readonly Resource[]): Resource {
  const keys = [...all.keys()]
  const values = [...all.values()]
  const same = known.find(({ attributes }) => attributes.size === keys.length && keys.every((key, i) => isSameAttribute(attributes, i, key, values[i])))
  return same ?? { ...known[0], attributes: new AttributeSet(keys, values) }
}

function isSameAttribute(attributes: AttributeSet, i: number, key: string, value: AttributeValue | undefined): boolean {
  return attributes.keys[i] === key && isSameValue(attributes.values[i], value)
}
