import { registry } from '../../cmd/meshscope/components.ts'
import type { IngestTask } from '../../pipeline/ingest_protocol.ts'
import { runIngestWorker } from '../../pipeline/ingest_worker.ts'
import { fakeCollect, fakeCount, fakeCountedLines, fakeLines } from './components.ts'

/** The built-in components, and some by which a test can end a worker. */
export const statsdTestRegistry = { factories: [...registry.factories, fakeLines, fakeCountedLines, fakeCount, fakeCollect] }

/** An ingest worker with these components. */
export default function run(task: IngestTask): Promise<void> {
  return runIngestWorker(task, () => statsdTestRegistry)
}
