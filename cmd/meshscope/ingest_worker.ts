import type { IngestTask } from '../../pipeline/ingest_protocol.ts'
import { runIngestWorker } from '../../pipeline/ingest_worker.ts'
import { componentsOf } from './components_of.ts'

/** The task of an ingest worker thread, with the built-in components that its graph needs; piscina runs it. */
export default function run(task: IngestTask): Promise<void> {
  return runIngestWorker(task, componentsOf)
}
