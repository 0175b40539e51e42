import type { Component, Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import { attributeOptions } from '../../component/kit/access_log_options.ts'
import { type ByteMessage, ByteSender } from '../../component/kit/byte_link.ts'
import { OtlpChunks, scopeField } from '../../component/kit/otlp_chunks.ts'
import type { IngestLink } from '../../component/link.ts'
import { AttributeTag } from '../../model/access_log_otlp/attribute_buffer.ts'
import { Reporters } from '../../model/access_log_otlp/reporter.ts'
import type { Logs } from '../../model/logs.ts'
import type { AccessLogRecordsConfig } from './config.ts'
import { Ledger } from './ledger.ts'
import { RecordWriter } from './record_writer.ts'

/** Most bytes of records that one ingest worker may have under way to the main thread. */
const OUTSTANDING_BYTES_MAX = 8 << 20

/** Names the records' origin; the type, not the id, so that one query finds all of them. */
export const SCOPE = scopeField('meshscope/access_log_records')

/** The half in the ingest workers: makes log records of access logs, as OTLP bytes, and sends them to the main half in chunks. */
export class AccessLogRecordsIngest implements Component, Consumer<Logs> {
  readonly mutatesData = false
  readonly #writer: RecordWriter
  readonly #chunks: OtlpChunks
  readonly #reporters = new Reporters()
  readonly #ledger: Ledger

  constructor(settings: Settings, config: AccessLogRecordsConfig, link: IngestLink<ByteMessage>) {
    this.#ledger = new Ledger(settings)
    this.#writer = new RecordWriter(config, attributeOptions(config))
    this.#chunks = new OtlpChunks({
      clock: settings.clock,
      sender: new ByteSender(link, OUTSTANDING_BYTES_MAX),
      scope: SCOPE,
      tag: AttributeTag.record,
      dropped: (items) => this.#ledger.queueFull.add(items),
    })
  }

  consume(logs: Logs): void {
    if ('groups' in logs) throw new Error('BUG: log records in an ingest half')
    if (!this.#chunks.hasRoom) {
      this.#ledger.queueFull.add(logs.length)
      return
    }
    const outcomes = this.#ledger.begin()
    this.#chunks.begin(this.#reporters.of(logs))
    this.#writer.write(logs, this.#chunks.buffer, outcomes)
    this.#chunks.end(outcomes.written)
    this.#ledger.flush()
  }

  shutdown(): void {
    this.#chunks.flush()
  }
}
