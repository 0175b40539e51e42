import { ByteInterner } from '../../lib/intern.ts'
import { AccessLogs, type StreamOrigin } from '../../model/access_logs.ts'
import type { AttributeSet } from '../../model/attributes.ts'
import type { LogGroup, LogRecord, LogRecords } from '../../model/log_records.ts'
import { OtelEntryWriter } from './otel_entry.ts'
import { REQUIRED_LABELS } from './otel_labels.ts'

/** Rows of one batch; a group with more becomes several. */
const ROWS_MAX = 256
/** Proxies whose origin is remembered. */
const ORIGINS_MAX = 8192

/** What a batch of log records holds. */
export interface SortedRecords {
  /** Records that are no access logs, as they came; undefined when there are none. */
  readonly others: LogRecords | undefined
  /** Groups of those that are. */
  readonly accessLogs: readonly LogGroup[]
}

/** True for what Envoy's OpenTelemetry access logger wrote with the documented labels (spec: als.md §1.7). */
function isAccessLog({ attributes }: LogRecord): boolean {
  return REQUIRED_LABELS.every((label) => typeof attributes.get(label) === 'string')
}

/** Tells access logs from other log records. */
export function sortRecords(logs: LogRecords): SortedRecords {
  const accessLogs: LogGroup[] = []
  const others: LogGroup[] = []
  for (const group of logs.groups) {
    const own = group.records.filter(isAccessLog)
    if (own.length === 0) others.push(group)
    else {
      accessLogs.push({ ...group, records: own })
      if (own.length < group.records.length) others.push({ ...group, records: group.records.filter((record) => !isAccessLog(record)) })
    }
  }
  return { others: others.length === 0 && accessLogs.length > 0 ? undefined : { ...logs, groups: others }, accessLogs }
}

/** Makes access-log batches of log records: columns, and for what has none the entry's bytes, as if it had come by ALS. */
export class OtelAccessLogs {
  readonly #logs = new AccessLogs(new ByteInterner())
  readonly #entries = new OtelEntryWriter()
  readonly #origins = new Map<string, StreamOrigin>()

  #originOf(resource: AttributeSet, record: AttributeSet, peer: string): StreamOrigin {
    const proxy = proxyOf(resource, record, peer)
    const key = JSON.stringify(proxy)
    let origin = this.#origins.get(key)
    if (origin === undefined) {
      if (this.#origins.size >= ORIGINS_MAX) this.#origins.clear()
      // Negative, so that no receiver of this thread gives the same.
      origin = { id: nextOrigin--, node: new Uint8Array(0), ...proxy, apiVersion: 'v3' }
      this.#origins.set(key, origin)
    }
    return origin
  }

  /**
   * The records of a group in batches, one at a time: the columns are reused for the next. `clientAddress` is who sent them,
   * `nowMs` when they came.
   */
  *batches(group: LogGroup, clientAddress: string, nowMs: number): Generator<AccessLogs> {
    const logs = this.#logs
    for (let from = 0; from < group.records.length; from += ROWS_MAX) {
      if (logs.strings.isFull) logs.strings.renew()
      const records = group.records.slice(from, from + ROWS_MAX)
      logs.grow(records.length)
      logs.clear()
      logs.origin = this.#originOf(group.resource.attributes, (records[0] as LogRecord).attributes, clientAddress)
      logs.receivedMs = nowMs
      logs.resource = group.resource.attributes.get('k8s.pod.name') === undefined ? undefined : group.resource
      logs.edges = undefined
      this.#entries.write(logs, records)
      yield logs
    }
  }
}

let nextOrigin = -1

function proxyOf(resource: AttributeSet, record: AttributeSet, peer: string): Pick<StreamOrigin, 'nodeId' | 'nodeCluster' | 'logName' | 'peer'> {
  const text = (key: string): string => {
    const value = resource.get(key) ?? record.get(key)
    return typeof value === 'string' && value !== '-' ? value : ''
  }
  const pod = text('k8s.pod.name')
  const namespace = text('k8s.namespace.name')
  const guessed = `${text('proxy_type') || 'sidecar'}~${text('k8s.pod.ip') || '0.0.0.0'}~${pod}.${namespace}~${namespace}.svc.cluster.local`
  return { nodeId: text('node_name') || (pod === '' || namespace === '' ? '' : guessed), nodeCluster: text('cluster_name'), logName: text('log_name'), peer }
}
