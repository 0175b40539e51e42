import type { IngestTask } from '../../pipeline/ingest_protocol.ts'
import { runIngestWorker } from '../../pipeline/ingest_worker.ts'
import { registry } from './components.ts'

/** The task of an ingest worker thread, with the built-in components; piscina runs it. */
export default function run(task: IngestTask): Promise<void> {
  return runIngestWorker(task, registry)
}
