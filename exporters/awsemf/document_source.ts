import type { Metrics } from '../../model/metrics.ts'
import type { EmfDocument } from './document/document.ts'

/** Makes documents of metrics, in slices that keep the event loop for a few milliseconds each. */
export interface DocumentSource {
  encode(metrics: Metrics): AsyncIterable<readonly EmfDocument[]>
}
