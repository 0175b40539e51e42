import { healthCheckExtension } from '../../extensions/health_check/factory.ts'
import type { IngestTask } from '../../pipeline/ingest_protocol.ts'
import { runIngestWorker } from '../../pipeline/ingest_worker.ts'
import { fakeRegistry } from './components.ts'

/** An ingest worker with the components of `components.ts`, and the extension that `daemon.ts` adds to them. */
export default function run(task: IngestTask): Promise<void> {
  return runIngestWorker(task, () => ({ factories: [...fakeRegistry.factories, healthCheckExtension] }))
}
