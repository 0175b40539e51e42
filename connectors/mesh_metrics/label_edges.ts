import type { EdgeTable, Party } from '../../model/edges.ts'

const FIRST_CAPACITY = 1024

/**
 * Finds, for each edge of one table, the first one that has the same labels: edges may differ in what is no label here, such as
 * the pod, of which a called service may have hundreds. What is remembered per edge is then remembered once for all of them.
 */
export class LabelEdges {
  readonly #firsts = new Map<string, number>()
  /** By edge: the first one alike plus one; 0 is not looked at yet. */
  #known = new Int32Array(FIRST_CAPACITY)

  /** The first edge with the labels of `edge`, which is an index into `edges`. */
  first(edge: number, edges: EdgeTable): number {
    const known = edge < this.#known.length ? (this.#known[edge] as number) : 0
    return known > 0 ? known - 1 : this.#learn(edge, edges)
  }

  /** To be called when the table begins a new epoch. */
  clear(): void {
    this.#firsts.clear()
    this.#known = new Int32Array(FIRST_CAPACITY)
  }

  #learn(edge: number, edges: EdgeTable): number {
    const { role, reporter, direction, mutualTls, source, destination, service } = edges.get(edge)
    const key = JSON.stringify([role, reporter, direction, mutualTls, labelsOf(source), labelsOf(destination), service.host, service.name, service.namespace])
    let first = this.#firsts.get(key)
    if (first === undefined) {
      first = edge
      this.#firsts.set(key, first)
    }
    if (edge >= this.#known.length) {
      const grown = new Int32Array(Math.max(this.#known.length * 2, edge + 1))
      grown.set(this.#known)
      this.#known = grown
    }
    this.#known[edge] = first + 1
    return first
  }
}

/** Everything that labels are made of: all but the pod and the class of an address. */
function labelsOf({ workload, namespace, service, revision, app, version, cluster, principal, evidence }: Party): readonly string[] {
  return [workload, namespace, service, revision, app, version, cluster, principal, evidence]
}
