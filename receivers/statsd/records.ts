import type { Consumer } from '../../component/consumer.ts'
import type { Counter } from '../../component/telemetry.ts'
import { AttributeSet, type AttributeValue } from '../../model/attributes.ts'
import { type LogRecord, type LogRecords, newLogRecord } from '../../model/log_records.ts'
import type { RecordLine } from './messages.ts'
import { parseEvent, type StatsdEvent } from './parse/event.ts'
import { parseServiceCheck, type ServiceCheck } from './parse/service_check.ts'
import type { RecordCounters } from './telemetry.ts'

/** What the debug page shows of events and service checks. */
const RECENT_MAX = 20
const RECENT_BYTES = 256

const INFO = { severityNumber: 9, severityText: 'INFO' } as const
const WARN = { severityNumber: 13, severityText: 'WARN' } as const
const ERROR = { severityNumber: 17, severityText: 'ERROR' } as const
const EVENT_SEVERITY = { info: INFO, success: INFO, warning: WARN, error: ERROR } as const
const CHECK_SEVERITY = { ok: INFO, warning: WARN, critical: ERROR, unknown: WARN } as const

/** Turns DogStatsD events and service checks into log records and hands them on. */
export class Records {
  readonly #next: Consumer<LogRecords> | undefined
  readonly #counters: RecordCounters
  #recent: string[] = []
  #pending: Promise<unknown> = Promise.resolve()

  /** Without `next` they are counted, and shown on the debug page. */
  constructor(next: Consumer<LogRecords> | undefined, counters: RecordCounters) {
    this.#next = next
    this.#counters = counters
  }

  /** The last ones, newest first. */
  recent(): readonly string[] {
    return this.#recent
  }

  /** `dropped` is how many of either kind had no room in their worker. */
  take(lines: readonly RecordLine[], dropped: number): void {
    if (dropped > 0) this.#counters.overload.add(dropped)
    const shown = lines.slice(-RECENT_MAX).map(({ line }) => new TextDecoder().decode(line.subarray(0, RECENT_BYTES)))
    this.#recent = [...shown.toReversed(), ...this.#recent].slice(0, RECENT_MAX)
    for (const [kind, ofKind] of Map.groupBy(lines, (line) => line.kind)) {
      const counters = this.#counters[kind]
      if (this.#next === undefined) counters.noPipeline.add(ofKind.length)
      else this.#hand(this.#next, ofKind, counters)
    }
  }

  /** Resolves when everything taken so far has been handed on or refused. */
  async settled(): Promise<void> {
    await this.#pending
  }

  #hand(next: Consumer<LogRecords>, lines: readonly RecordLine[], { sent, refused }: { readonly sent: Counter; readonly refused: Counter }): void {
    const records = lines.flatMap(recordOf)
    const handed = (async () => next.consume({ groups: [{ resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' }, records }] }))().then(
      () => sent.add(records.length),
      () => refused.add(records.length),
    )
    this.#pending = Promise.all([this.#pending, handed])
  }
}

/** The log record of an event or service check; none when the line is neither, which its parser has ruled out. */
export function recordOf({ kind, line, sender, receivedMs }: RecordLine): LogRecord[] {
  if (kind === 'event') {
    const event = parseEvent(line, 0, line.length)
    return event === undefined ? [] : [eventRecord(event, sender, receivedMs)]
  }
  const check = parseServiceCheck(line, 0, line.length)
  return check === undefined ? [] : [checkRecord(check, sender, receivedMs)]
}

function eventRecord(event: StatsdEvent, sender: string, receivedMs: number): LogRecord {
  return newLogRecord({
    ...EVENT_SEVERITY[event.alert],
    timeNs: nanos(event.timestampS > 0 ? event.timestampS * 1000 : receivedMs),
    observedNs: nanos(receivedMs),
    eventName: 'dogstatsd.event',
    body: event.text,
    attributes: attributesOf(event, sender, [
      ['title', event.title],
      ['alert_type', event.alert],
      ['priority', event.priority],
      ['aggregation_key', event.aggregationKey],
      ['source_type_name', event.source],
    ]),
  })
}

function checkRecord(check: ServiceCheck, sender: string, receivedMs: number): LogRecord {
  return newLogRecord({
    ...CHECK_SEVERITY[check.status],
    timeNs: nanos(check.timestampS > 0 ? check.timestampS * 1000 : receivedMs),
    observedNs: nanos(receivedMs),
    eventName: 'dogstatsd.service_check',
    body: check.message,
    attributes: attributesOf(check, sender, [
      ['check', check.name],
      ['status', check.status],
    ]),
  })
}

function nanos(ms: number): bigint {
  return BigInt(Math.round(ms)) * 1_000_000n
}

/** The fields that are given, the host, the sender, and the tags under their own names; of two with one name the first stays. */
function attributesOf(from: StatsdEvent | ServiceCheck, sender: string, fields: readonly (readonly [string, string])[]): AttributeSet {
  const { host, tags, origin } = from
  const all: readonly (readonly [string, string])[] = [
    ...fields.map(([key, value]) => [`dogstatsd.${key}`, value] as const),
    ['host.name', host],
    ['container.id', origin.containerId],
    ['client.address', sender],
  ]
  const attributes = new Map<string, AttributeValue>(all.filter(([, value]) => value !== ''))
  for (const [key, value] of tags) if (!attributes.has(key)) attributes.set(key, value ?? '')
  return new AttributeSet([...attributes.keys()], [...attributes.values()])
}
