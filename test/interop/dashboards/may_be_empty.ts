/** Queries of our dashboards that have no data in the test, and why. A query that has some after all fails the test, so that this stays true. */

interface Exception {
  /** `title of the panel / refId`. */
  readonly query: string
  readonly reason: string
  /** Whether it depends on timing; then both are right. */
  readonly isChance?: boolean
}

const NO_GRPC = 'the simulated mesh speaks HTTP only, and writes no envoy.filters.http.grpc_stats'
const FROM_FIRST_LOSS = 'such a counter is there from the first loss on, and the test has none of this kind'

const EXCEPTIONS: Readonly<Record<string, readonly Exception[]>> = {
  'meshscope-service': [
    { query: 'gRPC messages / A', reason: NO_GRPC },
    { query: 'gRPC messages / B', reason: NO_GRPC },
  ],
  'meshscope-health': [
    { query: 'Dropped by exporters / B', reason: FROM_FIRST_LOSS },
    { query: 'Dropped by exporters / C', reason: FROM_FIRST_LOSS },
    { query: 'Dropped by exporters / D', reason: FROM_FIRST_LOSS },
    { query: 'Over a limit of series / C', reason: FROM_FIRST_LOSS },
    { query: 'Requests to CloudWatch Logs / A', reason: 'the exporter awsemf of the test writes into files' },
    { query: 'Points in no document / A', reason: 'a first value is in no document only when its series is older than the process', isChance: true },
    { query: 'Rejected documents / A', reason: FROM_FIRST_LOSS },
    { query: 'Ingest workers / B', reason: 'no worker is restarted in the test' },
  ],
}

/** The queries of a dashboard that have no data, in its order; and those of which nobody can say. */
export function exceptionsOf(uid: string): { readonly empty: readonly string[]; readonly byChance: readonly string[] } {
  const all = EXCEPTIONS[uid] ?? []
  const named = (isChance: boolean): string[] => all.filter((one) => (one.isChance === true) === isChance).map(({ query }) => query)
  return { empty: named(false), byChance: named(true) }
}
