import type { Settings, ShutdownOptions } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import type { MainComponent } from '../../component/factory.ts'
import type { ByteMessage } from '../../component/kit/byte_link.ts'
import { ChunkInbox } from '../../component/kit/chunk_inbox.ts'
import type { IngestOrigin, MainHalf } from '../../component/link.ts'
import { decodeTraces } from '../../model/otlp/decode.ts'
import type { Traces } from '../../model/traces.ts'
import { ENTRIES } from './telemetry.ts'

/** The half on the main thread: hands on the spans that the ingest halves have made. */
export class MeshTracesMain implements MainComponent, MainHalf<ByteMessage> {
  readonly #inbox: ChunkInbox

  constructor(settings: Settings, next: Consumer<Traces>) {
    const { telemetry, id } = settings
    const sent = telemetry.counter(ENTRIES, { connector: id.text, outcome: 'sent' })
    const refused = telemetry.counter(ENTRIES, { connector: id.text, outcome: 'refused' })
    this.#inbox = new ChunkInbox(settings, {
      hand: (bytes) => next.consume(decodeTraces(bytes)),
      taken: (items) => sent.add(items),
      refused: (items) => refused.add(items),
    })
  }

  receive(message: ByteMessage, from: IngestOrigin): void {
    this.#inbox.receive(message, from)
  }

  gone(from: IngestOrigin): void {
    this.#inbox.gone(from)
  }

  async shutdown({ signal }: ShutdownOptions): Promise<void> {
    await this.#inbox.emptied(signal)
  }
}
