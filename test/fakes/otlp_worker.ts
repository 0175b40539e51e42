import { basicAuthExtension } from '../../extensions/basicauth/factory.ts'
import { bearerTokenAuthExtension } from '../../extensions/bearertokenauth/factory.ts'
import type { IngestTask } from '../../pipeline/ingest_protocol.ts'
import { runIngestWorker } from '../../pipeline/ingest_worker.ts'
import { otlpReceiver } from '../../receivers/otlp/factory.ts'
import { fakeCollect, fakeCount, fakeLines } from './components.ts'
import { fakeSink } from './sink.ts'

/** The `otlp` receiver, what may check its senders, a sink for all signals, and what can end a worker. */
export const otlpTestRegistry = {
  factories: [otlpReceiver, bearerTokenAuthExtension, basicAuthExtension, fakeSink, fakeLines, fakeCount, fakeCollect],
}

/** An ingest worker with these components. */
export default function run(task: IngestTask): Promise<void> {
  return runIngestWorker(task, () => otlpTestRegistry)
}
