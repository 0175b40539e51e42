import type { Component, Settings, ShutdownOptions } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import { attributeOptions } from '../../component/kit/access_log_options.ts'
import type { ByteMessage } from '../../component/kit/byte_link.ts'
import { ChunkInbox } from '../../component/kit/chunk_inbox.ts'
import { OtlpPieces } from '../../component/kit/otlp_chunks.ts'
import type { IngestOrigin, MainHalf } from '../../component/link.ts'
import { AttributeTag } from '../../model/access_log_otlp/attribute_buffer.ts'
import { Reporters } from '../../model/access_log_otlp/reporter.ts'
import type { AccessLogs } from '../../model/access_logs.ts'
import type { Logs } from '../../model/logs.ts'
import { EncodedLogs } from '../../model/otlp/encoded_logs.ts'
import type { AccessLogRecordsConfig } from './config.ts'
import { SCOPE } from './ingest.ts'
import { Ledger } from './ledger.ts'
import { RecordWriter } from './record_writer.ts'

/** The half on the main thread: hands on the records that the ingest halves have made, and what is log records already. */
export class AccessLogRecordsMain implements Component, Consumer<Logs>, MainHalf<ByteMessage> {
  readonly mutatesData = false
  readonly #next: Consumer<Logs>
  readonly #config: AccessLogRecordsConfig
  readonly #ledger: Ledger
  readonly #inbox: ChunkInbox
  #local: { readonly writer: RecordWriter; readonly reporters: Reporters; readonly pieces: OtlpPieces } | undefined

  constructor(settings: Settings, config: AccessLogRecordsConfig, next: Consumer<Logs>) {
    this.#next = next
    this.#config = config
    this.#ledger = new Ledger(settings)
    this.#inbox = new ChunkInbox(settings, {
      hand: (bytes, items) => next.consume(new EncodedLogs(bytes, items)),
      taken: (items) => this.#ledger.sent.add(items),
      refused: (items) => this.#ledger.refused.add(items),
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

  /** Log records pass as they are. Access logs, which `mesh` may have made of log records, become records before this returns. */
  async consume(logs: Logs): Promise<void> {
    if ('groups' in logs) {
      await this.#next.consume(logs)
      return
    }
    const { bytes, items } = this.#encode(logs)
    if (items === 0) return
    try {
      await this.#next.consume(new EncodedLogs(bytes, items))
    } catch (error) {
      this.#ledger.refused.add(items)
      throw error
    }
    this.#ledger.sent.add(items)
  }

  #encode(logs: AccessLogs): { readonly bytes: Uint8Array<ArrayBuffer>; readonly items: number } {
    this.#local ??= {
      writer: new RecordWriter(this.#config, attributeOptions(this.#config)),
      reporters: new Reporters(),
      pieces: new OtlpPieces(SCOPE, AttributeTag.record, 64 << 10),
    }
    const { writer, reporters, pieces } = this.#local
    const outcomes = this.#ledger.begin()
    pieces.begin(reporters.of(logs))
    writer.write(logs, pieces.buffer, outcomes)
    pieces.end(outcomes.written)
    this.#ledger.flush()
    return { bytes: pieces.assemble(), items: outcomes.written }
  }
}
