import type { Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import { type ByteMessage, ByteSender } from '../../component/kit/byte_link.ts'
import type { IngestLink } from '../../component/link.ts'
import type { Counter } from '../../component/telemetry.ts'
import type { AccessLogs } from '../../model/access_logs.ts'
import { batchLine, entryDetails, entryLine, resourceLine } from './access_log_text.ts'
import type { DebugConfig } from './config.ts'
import { Sampler } from './sampler.ts'
import { DROPPED_LOG_RECORDS } from './telemetry.ts'

/** Most bytes of text that one ingest worker may have under way to the output. */
const OUTSTANDING_BYTES_MAX = 4 << 20

const encoder = new TextEncoder()

/** The part of the exporter in the ingest worker: turns access logs into text there and hands the text on. */
export class DebugIngest implements Consumer<AccessLogs> {
  readonly mutatesData = false
  readonly #verbosity: DebugConfig['verbosity']
  readonly #sampler: Sampler
  readonly #sender: ByteSender
  readonly #sampled: Counter
  readonly #queueFull: Counter

  constructor(settings: Settings, config: DebugConfig, link: IngestLink<ByteMessage>) {
    this.#verbosity = config.verbosity
    this.#sampler = new Sampler(settings.clock, { initial: config.sampling_initial, thereafter: config.sampling_thereafter })
    this.#sender = new ByteSender(link, OUTSTANDING_BYTES_MAX)
    const exporter = settings.id.text
    this.#sampled = settings.telemetry.counter(DROPPED_LOG_RECORDS, { exporter, reason: 'sampled' })
    this.#queueFull = settings.telemetry.counter(DROPPED_LOG_RECORDS, { exporter, reason: 'queue_full' })
  }

  consume(logs: AccessLogs): void {
    if (logs.length === 0) return
    if (!this.#sampler.admits()) this.#sampled.add(logs.length)
    else if (this.#sender.isFull || !this.#sender.send(encoder.encode(this.#render(logs)), logs.length)) this.#queueFull.add(logs.length)
  }

  #render(logs: AccessLogs): string {
    if (this.#verbosity === 'basic') return `${batchLine(logs)}\n`
    const write = this.#verbosity === 'normal' ? entryLine : entryDetails
    let text = this.#verbosity === 'normal' ? '' : `${batchLine(logs)}\n${resourceLine(logs)}`
    for (let i = 0; i < logs.length; i++) text += `${write(logs, i)}\n`
    return text
  }
}
