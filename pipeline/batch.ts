import type { SignalData } from '../component/consumer.ts'
import type { Signal } from '../component/signal.ts'
import { AccessLogs } from '../model/access_logs.ts'
import { copyDataPoints, type DataPoints, dataPointCount } from '../model/data_points.ts'
import { copyLogRecords, type LogRecords, logRecordCount } from '../model/log_records.ts'
import type { SeriesMetrics } from '../model/metrics.ts'
import { copyTraces, spanCount, type Traces } from '../model/traces.ts'

/** Number of items in a batch: rows of access logs or log records, points of metrics, spans. */
export function itemsOf<S extends Signal>(signal: S, batch: SignalData[S]): number {
  switch (signal) {
    case 'logs':
      return 'groups' in batch ? logRecordCount(batch as LogRecords) : (batch as AccessLogs).length
    case 'metrics':
      return 'groups' in batch ? dataPointCount(batch as DataPoints) : pointsOf(batch as SeriesMetrics)
    case 'traces':
      return spanCount(batch as Traces)
    default:
      throw new Error(`BUG: no signal ${String(signal)}`)
  }
}

function pointsOf(metrics: SeriesMetrics): number {
  let points = 0
  for (const family of metrics.families) points += family.series.length
  return points
}

/** Makes copies of the batches of one signal for a consumer that changes what it gets. */
export type Copy<T> = (batch: T) => T

/**
 * What copies batches of a signal for one consumer. Access logs are copied into columns that are used again for the
 * consumer's next batch, as their receiver does; the consumer is done with them when `consume` returns.
 */
export function copierFor<S extends Signal>(signal: S): Copy<SignalData[S]> {
  const copiers: { readonly [T in Signal]: () => Copy<SignalData[T]> } = {
    logs: logsCopier,
    metrics: () => (metrics) => ('groups' in metrics ? copyDataPoints(metrics) : copySeries(metrics)),
    traces: () => copyTraces,
  }
  return copiers[signal]()
}

function copySeries(metrics: SeriesMetrics): SeriesMetrics {
  return {
    ...metrics,
    families: metrics.families.map((family) => ({
      ...family,
      series: [...family.series],
      values: family.values.slice(),
      updatedMs: family.updatedMs.slice(),
      startTimesMs: family.startTimesMs.slice(),
    })),
  }
}

function logsCopier(): Copy<SignalData['logs']> {
  const copyAccessLogs = accessLogsCopier()
  return (logs) => ('groups' in logs ? copyLogRecords(logs) : copyAccessLogs(logs))
}

type Column = Int32Array | Uint32Array | Int16Array | Uint8Array | Float64Array

function accessLogsCopier(): Copy<AccessLogs> {
  let own: AccessLogs | undefined
  let columns: string[] = []
  return (source) => {
    if (own === undefined || own.strings !== source.strings) {
      own = new AccessLogs(source.strings)
      columns = Object.entries(own)
        .filter(([, value]) => ArrayBuffer.isView(value))
        .map(([name]) => name)
    }
    const { length } = source
    own.grow(length)
    const from = source as unknown as Record<string, Column>
    const to = own as unknown as Record<string, Column>
    for (const name of columns) {
      const column = from[name] as Column
      const target = to[name] as Column
      // Batches are short: a loop beats making two views for `set`.
      for (let i = 0; i < length; i++) target[i] = column[i] as number
    }
    own.length = length
    own.origin = source.origin
    own.message = source.message
    own.receivedMs = source.receivedMs
    own.edges = source.edges
    own.resource = source.resource
    return own
  }
}
