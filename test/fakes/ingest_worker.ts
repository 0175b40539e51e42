import type { IngestTask } from '../../pipeline/ingest_protocol.ts'
import { runIngestWorker } from '../../pipeline/ingest_worker.ts'
import { fakeRegistry } from './components.ts'

/** An ingest worker with the components of `components.ts`. */
export default function run(task: IngestTask): Promise<void> {
  return runIngestWorker(task, fakeRegistry)
}
