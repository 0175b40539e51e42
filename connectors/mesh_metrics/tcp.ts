import { type AccessLogs, EntryClass, LogType } from '../../model/access_logs.ts'
import { OVERFLOW_ROW, type SeriesShard } from '../../model/series/shard.ts'
import { ConnectionKey } from './connection_key.ts'
import { type Ledger, Reason } from './ledger.ts'
import type { OriginFacts } from './origins.ts'
import type { Plan } from './plan.ts'
import { type RowFinder, rowOf } from './rows.ts'
import { TcpConnections } from './tcp_connections.ts'

/**
 * How much older than the stream that reports it a connection may be and still be counted from its start: a proxy opens
 * its stream only when the first entries are flushed, and clocks differ.
 */
const RESUME_GRACE_MS = 10_000

interface TcpCounterSettings {
  readonly plan: Plan
  readonly shards: readonly SeriesShard[]
  readonly rows: RowFinder
  readonly ledger: Ledger
  readonly statesMax: number
}

/**
 * Counts TCP connections and their bytes. Entries of one connection carry cumulative byte counters; what is counted is
 * the growth since the connection's last entry.
 *
 * - A connection is opened with its first entry (of those with a start entry: once its cluster is known), closed with its
 *   end. An end without an earlier entry counts both and all bytes: proxies that log only ends need nothing else.
 * - A periodic entry of an unknown connection that is older than the stream reporting it belongs to a connection that
 *   another process or worker has counted so far (restart, reconnect): its bytes up to then and its opening are left out
 *   and shown in counters of their own, so that nothing is counted twice.
 * - When the table is full, connections that are not in it are counted as a whole when they end.
 */
export class TcpCounter {
  /** What happened since the owner last took it. */
  resumed = 0
  resumedBytes = 0
  readonly connections: TcpConnections
  readonly #rows: RowFinder
  readonly #ledger: Ledger
  readonly #shard: SeriesShard | undefined
  readonly #opened: number
  readonly #closed: number
  readonly #sent: number
  readonly #received: number
  readonly #key = new ConnectionKey()

  constructor({ plan, shards, rows, ledger, statesMax }: TcpCounterSettings) {
    const at = plan.groups[plan.tcp]?.at
    this.connections = new TcpConnections(statesMax)
    this.#rows = rows
    this.#ledger = ledger
    this.#shard = shards[plan.tcp]
    this.#opened = at?.tcp_connections_opened ?? -1
    this.#closed = at?.tcp_connections_closed ?? -1
    this.#sent = at?.tcp_sent_bytes ?? -1
    this.#received = at?.tcp_received_bytes ?? -1
  }

  /** Counts row `i`: a start, periodic or final entry of a connection. */
  count(logs: AccessLogs, i: number, origin: OriginFacts, nowMs: number): void {
    const type = logs.logType[i]
    if (type === LogType.udpSessionEnd || type === LogType.udpPeriodic || type === LogType.udpTunnelUpstreamConnected) this.#ledger.add(Reason.udp)
    else if (this.#shard === undefined) this.#ledger.add(Reason.metricsDisabled)
    else {
      this.#key.read(logs, i, origin.nodeHash)
      const slot = this.connections.find(this.#key.high, this.#key.low)
      if (logs.entryClass[i] === EntryClass.final) this.#end(logs, i, slot, nowMs)
      else this.#goOn(logs, i, slot, origin, nowMs)
    }
  }

  #end(logs: AccessLogs, i: number, slot: number, nowMs: number): void {
    const table = this.connections
    const isKnown = slot >= 0
    const sent = growth(sentBytes(logs, i), isKnown ? (table.sent[slot] as number) : 0)
    const received = growth(receivedBytes(logs, i), isKnown ? (table.received[slot] as number) : 0)
    const opened = isKnown && table.isOpened[slot] === 1 ? 0 : 1
    if (isKnown) table.remove(slot)
    this.#add(logs, i, { opened, closed: 1, sent, received }, Reason.tcpEnd, nowMs)
  }

  #goOn(logs: AccessLogs, i: number, known: number, origin: OriginFacts, nowMs: number): void {
    const table = this.connections
    const isStart = logs.entryClass[i] === EntryClass.start
    const slot = known >= 0 ? known : table.add(this.#key.high, this.#key.low)
    if (slot < 0) {
      this.#ledger.add(Reason.tcpStateMax)
      return
    }
    const sentBefore = table.sent[slot] as number
    const receivedBefore = table.received[slot] as number
    const sent = growth(sentBytes(logs, i), sentBefore)
    const received = growth(receivedBytes(logs, i), receivedBefore)
    table.sent[slot] = sentBefore + sent
    table.received[slot] = receivedBefore + received
    table.seenMs[slot] = nowMs
    if (known < 0 && !isStart && logs.startMs(i) < origin.heardSinceMs - RESUME_GRACE_MS) {
      table.isOpened[slot] = 1
      this.resumed++
      this.resumedBytes += sent + received
      this.#ledger.add(Reason.tcpResumed)
      return
    }
    // At its very start a connection has no cluster yet: it would be counted on an edge to nowhere.
    if (logs.logType[i] === LogType.tcpConnectionStart && logs.upstreamCluster[i] === 0 && sent + received === 0) {
      this.#ledger.add(Reason.tcpPending)
      return
    }
    const opened = table.isOpened[slot] === 1 ? 0 : 1
    table.isOpened[slot] = 1
    this.#add(logs, i, { opened, closed: 0, sent, received }, isStart ? Reason.tcpStart : Reason.tcpPeriodic, nowMs)
  }

  #add(logs: AccessLogs, i: number, grown: Growth, reason: number, nowMs: number): void {
    const shard = this.#shard as SeriesShard
    const row = rowOf(this.#rows.tcp(logs, i))
    const { values } = shard
    const at = shard.offset(row)
    shard.begin(row)
    if (this.#opened >= 0) values[at + this.#opened] = (values[at + this.#opened] as number) + grown.opened
    if (this.#closed >= 0) values[at + this.#closed] = (values[at + this.#closed] as number) + grown.closed
    if (this.#sent >= 0) values[at + this.#sent] = (values[at + this.#sent] as number) + grown.sent
    if (this.#received >= 0) values[at + this.#received] = (values[at + this.#received] as number) + grown.received
    shard.end(row, nowMs)
    this.#ledger.add(row === OVERFLOW_ROW ? Reason.seriesMax : reason)
  }
}

interface Growth {
  readonly opened: number
  readonly closed: number
  readonly sent: number
  readonly received: number
}

/** Counters of a connection only grow; a smaller value is an entry that came late. */
function growth(now: number, before: number): number {
  return now > before ? now - before : 0
}

/** Bytes towards the downstream side, as Istio's proxies count `sent`; older proxies log only the payload. */
function sentBytes(logs: AccessLogs, i: number): number {
  const wire = logs.downstreamWireSent[i] as number
  return wire >= 0 ? wire : (logs.tcpSent[i] as number)
}

function receivedBytes(logs: AccessLogs, i: number): number {
  const wire = logs.downstreamWireReceived[i] as number
  return wire >= 0 ? wire : (logs.tcpReceived[i] as number)
}
