import type { Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import { type ByteMessage, ByteSender } from '../../component/kit/byte_link.ts'
import type { IngestLink } from '../../component/link.ts'
import type { Counter } from '../../component/telemetry.ts'
import type { AccessLogs } from '../../model/access_logs.ts'
import { entryJson } from './access_log_json.ts'
import { DROPPED_LOG_RECORDS } from './telemetry.ts'

/** Most bytes of lines that one ingest worker may have under way to the file. */
const OUTSTANDING_BYTES_MAX = 16 << 20

const encoder = new TextEncoder()

/** The part of the exporter in the ingest worker: makes the lines of access logs there and hands them on. */
export class FileIngest implements Consumer<AccessLogs> {
  readonly mutatesData = false
  readonly #sender: ByteSender
  readonly #queueFull: Counter

  constructor(settings: Settings, link: IngestLink<ByteMessage>) {
    this.#sender = new ByteSender(link, OUTSTANDING_BYTES_MAX)
    this.#queueFull = settings.telemetry.counter(DROPPED_LOG_RECORDS, { exporter: settings.id.text, reason: 'queue_full' })
  }

  consume(logs: AccessLogs): void {
    if (logs.length === 0) return
    if (this.#sender.isFull || !this.#sender.send(encoder.encode(this.#render(logs)), logs.length)) this.#queueFull.add(logs.length)
  }

  #render(logs: AccessLogs): string {
    let text = ''
    for (let i = 0; i < logs.length; i++) text += `${entryJson(logs, i)}\n`
    return text
  }
}
