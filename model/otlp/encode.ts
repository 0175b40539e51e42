import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { LogRecord, type LogRecords } from '../log_records.ts'
import type { Metrics } from '../metrics.ts'
import { Span, type Traces } from '../traces.ts'
import { writeMetric } from './encode_points.ts'
import { writeSeries } from './encode_series.ts'
import { ITEMS_FIELD, writeGroups } from './groups.ts'

/** Guesses, which only have to give the right length of a length. */
const RECORD_BYTES = 400
const POINT_BYTES = 300

/** Memory of the writer is kept for the next request unless a request was larger than this. */
const WRITER_BYTES_MAX = 16 << 20

let writer = new ProtobufWriter(64 << 10)

/**
 * The bytes of an `ExportLogsServiceRequest` (of a `LogsData`, which are the same). They belong to the caller, and several
 * of them one after the other are the request with all their records.
 */
export function encodeLogs(logs: LogRecords): Uint8Array<ArrayBuffer> {
  writeGroups(
    writer.reset(),
    logs.groups,
    ({ records }) => records.length * RECORD_BYTES,
    ({ records }) => LogRecord.writeAll(records, writer, ITEMS_FIELD),
  )
  return finished()
}

/** The bytes of an `ExportTraceServiceRequest`; otherwise as `encodeLogs`. */
export function encodeTraces(traces: Traces): Uint8Array<ArrayBuffer> {
  writeGroups(
    writer.reset(),
    traces.groups,
    ({ spans }) => spans.length * RECORD_BYTES,
    ({ spans }) => Span.writeAll(spans, writer, ITEMS_FIELD),
  )
  return finished()
}

/** The bytes of an `ExportMetricsServiceRequest`; otherwise as `encodeLogs`. */
export function encodeMetrics(metrics: Metrics): Uint8Array<ArrayBuffer> {
  if ('families' in metrics) {
    writeGroups(
      writer.reset(),
      metrics.families,
      ({ series }) => series.length * POINT_BYTES,
      (points) => writeSeries(writer, ITEMS_FIELD, points, metrics.timeMs),
    )
    return finished()
  }
  writeGroups(
    writer.reset(),
    metrics.groups,
    (group) => group.metrics.length * POINT_BYTES,
    (group) => {
      for (const metric of group.metrics) writeMetric(writer, ITEMS_FIELD, metric)
    },
  )
  return finished()
}

function finished(): Uint8Array<ArrayBuffer> {
  const bytes = writer.take()
  if (bytes.length > WRITER_BYTES_MAX) writer = new ProtobufWriter(64 << 10)
  return bytes
}
