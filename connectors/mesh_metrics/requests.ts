import { serverLatencyNs } from '../../model/access_log_times.ts'
import type { AccessLogs } from '../../model/access_logs.ts'
import { OVERFLOW_ROW, type SeriesShard, TRACE_BYTES } from '../../model/series/shard.ts'
import { readTraceIds } from '../../model/trace_ids.ts'
import { Buckets } from './buckets.ts'
import { type Ledger, Reason } from './ledger.ts'
import type { Plan } from './plan.ts'
import { groupOf, type RowFinder, rowOf } from './rows.ts'

/** An exemplar is replaced when it is older than this. */
const EXEMPLAR_MS = 1000

/** Where the values of requests lie in the rows of one group; -1 for what the group does not have. */
interface Target {
  readonly shard: SeriesShard
  readonly requests: number
  readonly duration: number
  readonly requestBytes: number
  readonly responseBytes: number
  readonly requestMessages: number
  readonly responseMessages: number
}

interface RequestCounterSettings {
  readonly plan: Plan
  readonly shards: readonly SeriesShard[]
  readonly rows: RowFinder
  readonly ledger: Ledger
  readonly hasExemplars: boolean
}

/** Counts finished HTTP and gRPC requests. Creates nothing for an entry whose series is known. */
export class RequestCounter {
  /** Requests since the owner last took it that had no duration. */
  missingDurations = 0
  readonly #targets: readonly Target[]
  readonly #rows: RowFinder
  readonly #ledger: Ledger
  readonly #messagesGroup: number
  readonly #durationBuckets: Buckets
  readonly #sizeBuckets: Buckets
  readonly #durationSum: number
  readonly #sizeSum: number
  readonly #unitNs: number
  readonly #isWhole: boolean
  readonly #isWire: boolean
  readonly #hasExemplars: boolean
  readonly #ids = new Uint8Array(TRACE_BYTES)

  constructor({ plan, shards, rows, ledger, hasExemplars }: RequestCounterSettings) {
    this.#rows = rows
    this.#ledger = ledger
    this.#messagesGroup = plan.messages
    this.#durationBuckets = new Buckets(plan.durationBounds)
    this.#sizeBuckets = new Buckets(plan.sizeBounds)
    this.#durationSum = plan.durationBounds.length + 1
    this.#sizeSum = plan.sizeBounds.length + 1
    this.#unitNs = plan.durationUnit.ns
    this.#isWhole = plan.durationUnit.isWhole
    this.#isWire = plan.sizes === 'wire'
    this.#hasExemplars = hasExemplars
    this.#targets = plan.groups.map(({ at }, group) => ({
      shard: shards[group] as SeriesShard,
      requests: at.requests,
      duration: at.request_duration,
      requestBytes: at.request_bytes,
      responseBytes: at.response_bytes,
      requestMessages: at.request_messages,
      responseMessages: at.response_messages,
    }))
  }

  /** Counts row `i`, the end of a request. */
  count(logs: AccessLogs, i: number, nowMs: number): void {
    const isGrpc = logs.isGrpc[i] === 1
    const hasMessages = isGrpc && this.#messagesGroup >= 0 && this.#countMessages(logs, i, nowMs)
    const packed = this.#rows.request(logs, i)
    const group = groupOf(packed)
    if (group < 0) {
      this.#ledger.add(hasMessages ? Reason.grpc : Reason.metricsDisabled)
      return
    }
    const row = rowOf(packed)
    this.#observe(logs, i, this.#targets[group] as Target, row, nowMs)
    this.#ledger.add(row === OVERFLOW_ROW ? Reason.seriesMax : isGrpc ? Reason.grpc : Reason.http)
  }

  #observe(logs: AccessLogs, i: number, target: Target, row: number, nowMs: number): void {
    const { shard } = target
    const { values } = shard
    const at = shard.offset(row)
    shard.begin(row)
    if (target.requests >= 0) values[at + target.requests] = (values[at + target.requests] as number) + 1
    if (target.duration >= 0) this.#observeDuration(logs, i, shard, row, at + target.duration, nowMs)
    if (target.requestBytes >= 0)
      this.#observeSize(values, at + target.requestBytes, this.#isWire ? wireReceived(logs, i) : (logs.requestBodyBytes[i] as number))
    if (target.responseBytes >= 0)
      this.#observeSize(values, at + target.responseBytes, this.#isWire ? wireSent(logs, i) : (logs.responseBodyBytes[i] as number))
    shard.end(row, nowMs)
  }

  #observeDuration(logs: AccessLogs, i: number, shard: SeriesShard, row: number, at: number, nowMs: number): void {
    const ns = serverLatencyNs(logs, i)
    if (Number.isNaN(ns)) {
      this.missingDurations++
      return
    }
    const { values } = shard
    const duration = this.#isWhole ? Math.floor(ns / this.#unitNs) : ns / this.#unitNs
    const bucket = at + this.#durationBuckets.indexOf(duration)
    values[bucket] = (values[bucket] as number) + 1
    values[at + this.#durationSum] = (values[at + this.#durationSum] as number) + duration
    if (!this.#hasExemplars || logs.traceForm[i] === 0 || row === OVERFLOW_ROW || nowMs - shard.exemplarMs(row) < EXEMPLAR_MS) return
    if (readTraceIds(logs, i, this.#ids)) shard.setExemplar(row, duration, nowMs, this.#ids)
  }

  #observeSize(values: Float64Array, at: number, bytes: number): void {
    const bucket = at + this.#sizeBuckets.indexOf(bytes)
    values[bucket] = (values[bucket] as number) + 1
    values[at + this.#sizeSum] = (values[at + this.#sizeSum] as number) + bytes
  }

  /** False when the entry does not say how many messages there were. */
  #countMessages(logs: AccessLogs, i: number, nowMs: number): boolean {
    const requests = logs.grpcRequestMessages[i] as number
    const responses = logs.grpcResponseMessages[i] as number
    if (!(requests >= 0 || responses >= 0)) return false
    const row = rowOf(this.#rows.messages(logs, i))
    const { shard, requestMessages, responseMessages } = this.#targets[this.#messagesGroup] as Target
    const { values } = shard
    const at = shard.offset(row)
    shard.begin(row)
    if (requestMessages >= 0 && requests > 0) values[at + requestMessages] = (values[at + requestMessages] as number) + requests
    if (responseMessages >= 0 && responses > 0) values[at + responseMessages] = (values[at + responseMessages] as number) + responses
    shard.end(row, nowMs)
    return true
  }
}

/** Bytes of the request on the wire; Envoy before 1.27 logs none, then the sizes of headers and body stand in. */
function wireReceived(logs: AccessLogs, i: number): number {
  const wire = logs.downstreamWireReceived[i] as number
  return wire >= 0 ? wire : (logs.requestHeaderBytes[i] as number) + (logs.requestBodyBytes[i] as number)
}

function wireSent(logs: AccessLogs, i: number): number {
  const wire = logs.downstreamWireSent[i] as number
  return wire >= 0 ? wire : (logs.responseHeaderBytes[i] as number) + (logs.responseBodyBytes[i] as number)
}
