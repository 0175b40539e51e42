import type { SignalData } from '../../component/consumer.ts'
import type { Signal } from '../../component/signal.ts'
import { dataPointCount } from '../../model/data_points.ts'
import { logRecordCount } from '../../model/log_records.ts'
import { spanCount } from '../../model/traces.ts'

/** How many items a batch of each signal holds. */
export const ITEMS_OF: { readonly [S in Signal]: (batch: SignalData[S]) => number } = {
  logs: (logs) => ('groups' in logs ? logRecordCount(logs) : logs.length),
  metrics: (metrics) => ('groups' in metrics ? dataPointCount(metrics) : metrics.families.reduce((sum, { series }) => sum + series.length, 0)),
  traces: spanCount,
}
