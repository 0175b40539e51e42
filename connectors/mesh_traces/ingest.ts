import type { Component, Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import { attributeOptions } from '../../component/kit/access_log_options.ts'
import { type ByteMessage, ByteSender } from '../../component/kit/byte_link.ts'
import { OtlpChunks, scopeField } from '../../component/kit/otlp_chunks.ts'
import type { IngestLink } from '../../component/link.ts'
import type { Counter } from '../../component/telemetry.ts'
import { AttributeTag } from '../../model/access_log_otlp/attribute_buffer.ts'
import { Reporters } from '../../model/access_log_otlp/reporter.ts'
import { logRecordCount } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import type { MeshTracesConfig } from './config.ts'
import { type SpanOutcomes, SpanWriter } from './span_writer.ts'
import { ENTRIES } from './telemetry.ts'

/** Most bytes of spans that one ingest worker may have under way to the main thread. */
const OUTSTANDING_BYTES_MAX = 8 << 20

type Outcome = 'no_trace_context' | 'not_sampled' | 'not_an_end' | 'not_access_logs' | 'queue_full'

/** The half in the ingest workers: makes spans of access logs, as OTLP bytes, and sends them to the main half in chunks. */
export class MeshTracesIngest implements Component, Consumer<Logs> {
  readonly mutatesData = false
  readonly #writer: SpanWriter
  readonly #chunks: OtlpChunks
  readonly #reporters = new Reporters()
  readonly #counters: Readonly<Record<Outcome, Counter>>

  constructor(settings: Settings, config: MeshTracesConfig, link: IngestLink<ByteMessage>) {
    const counter = (outcome: Outcome): Counter => settings.telemetry.counter(ENTRIES, { connector: settings.id.text, outcome })
    this.#counters = {
      no_trace_context: counter('no_trace_context'),
      not_sampled: counter('not_sampled'),
      not_an_end: counter('not_an_end'),
      not_access_logs: counter('not_access_logs'),
      queue_full: counter('queue_full'),
    }
    this.#writer = new SpanWriter(config, attributeOptions(config))
    this.#chunks = new OtlpChunks({
      clock: settings.clock,
      sender: new ByteSender(link, OUTSTANDING_BYTES_MAX),
      scope: scopeField('meshscope/mesh_traces'),
      tag: AttributeTag.span,
      dropped: (items) => this.#counters.queue_full.add(items),
    })
  }

  consume(logs: Logs): void {
    if ('groups' in logs) {
      this.#counters.not_access_logs.add(logRecordCount(logs))
      return
    }
    if (!this.#chunks.hasRoom) {
      this.#counters.queue_full.add(logs.length)
      return
    }
    const outcomes: SpanOutcomes = { written: 0, noTraceContext: 0, notSampled: 0, notAnEnd: 0 }
    this.#chunks.begin(this.#reporters.of(logs))
    this.#writer.write(logs, this.#chunks.buffer, outcomes)
    this.#chunks.end(outcomes.written)
    if (outcomes.noTraceContext > 0) this.#counters.no_trace_context.add(outcomes.noTraceContext)
    if (outcomes.notSampled > 0) this.#counters.not_sampled.add(outcomes.notSampled)
    if (outcomes.notAnEnd > 0) this.#counters.not_an_end.add(outcomes.notAnEnd)
  }

  shutdown(): void {
    this.#chunks.flush()
  }
}
