import { ADDRESS_CLASSES, type Edge, type EdgeTable, EVIDENCE, type Party, UNKNOWN_PARTY, UNKNOWN_SERVICE } from '../../model/edges.ts'

/** An edge before it has a place in a table. */
export type EdgeFacts = Omit<Edge, 'index'>

const UNKNOWN_EDGE: Edge = Object.freeze({
  index: 0,
  role: 'unknown',
  reporter: 'unknown',
  direction: 'unknown',
  source: UNKNOWN_PARTY,
  destination: UNKNOWN_PARTY,
  service: UNKNOWN_SERVICE,
  mutualTls: false,
})

/**
 * The edges of one processor: equal facts have one index. At most `edgesMax` are kept; the owner calls `renewIfFull`
 * between two batches, which then forgets all and begins a new epoch.
 */
export class EdgeStore implements EdgeTable {
  epoch = 0
  readonly #edgesMax: number
  readonly #indexes = new Map<string, number>()
  #edges: Edge[] = [UNKNOWN_EDGE]
  #evidence: number[] = [0]

  constructor(edgesMax: number) {
    this.#edgesMax = edgesMax
  }

  get size(): number {
    return this.#edges.length
  }

  get(index: number): Edge {
    const edge = this.#edges[index]
    if (edge === undefined) throw new RangeError(`BUG: edge ${index} of ${this.#edges.length} in epoch ${this.epoch}`)
    return edge
  }

  /**
   * The evidence for an edge's source, destination and service, as indexes of `EVIDENCE` in 4 bits each; bit 12 is set
   * when the direction is unknown. From bit 13 on the address classes of source and destination, in 3 bits each.
   */
  evidence(index: number): number {
    return this.#evidence[index] as number
  }

  /** The index of an edge with these facts; added when it is new. */
  intern(facts: EdgeFacts): number {
    const { source, destination, service } = facts
    const key = JSON.stringify([
      facts.role,
      facts.reporter,
      facts.direction,
      facts.mutualTls,
      textsOf(source),
      textsOf(destination),
      [service.host, service.name, service.namespace, service.evidence],
    ])
    const known = this.#indexes.get(key)
    if (known !== undefined) return known
    const index = this.#edges.length
    this.#edges.push(Object.freeze({ index, ...facts }))
    this.#evidence.push(
      codeOf(source.evidence) |
        (codeOf(destination.evidence) << 4) |
        (codeOf(service.evidence) << 8) |
        (facts.direction === 'unknown' ? 1 << 12 : 0) |
        (ADDRESS_CLASSES.indexOf(source.addressClass) << 13) |
        (ADDRESS_CLASSES.indexOf(destination.addressClass) << 16),
    )
    this.#indexes.set(key, index)
    return index
  }

  /** Starts a new epoch when the table is over its bound; true when it did. */
  renewIfFull(): boolean {
    if (this.#edges.length <= this.#edgesMax) return false
    this.epoch++
    this.#indexes.clear()
    this.#edges = [UNKNOWN_EDGE]
    this.#evidence = [0]
    return true
  }
}

function textsOf(party: Party): readonly string[] {
  const { workload, namespace, service, revision, app, version, cluster, principal, pod, evidence, addressClass } = party
  return [workload, namespace, service, revision, app, version, cluster, principal, pod, evidence, addressClass]
}

function codeOf(evidence: Edge['source']['evidence']): number {
  return EVIDENCE.indexOf(evidence)
}
