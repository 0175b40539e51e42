import type { Clock } from '../../component/component.ts'
import { ByteInterner } from '../../lib/intern.ts'
import type { SharedStatStore } from './aggregate/shared_store.ts'
import type { Client, Clients } from './clients.ts'
import { KnownLines, SLACK_BYTES } from './known_lines.ts'
import type { Ledger } from './ledger.ts'
import type { ListenFault, PacketSink } from './listen/listener.ts'
import type { Aggregation, Naming, SeriesSpec } from './naming/naming.ts'
import { LF } from './parse/bytes.ts'
import { LineParser } from './parse/line_parser.ts'
import { rawSeries } from './parse/raw_series.ts'
import { type Dialect, type Flaw, type RejectReason, type Sample, type SampleSink, SampleType } from './sample.ts'
import { isInternalTag, type Senders } from './senders.ts'
import { Action, SeriesMemory } from './series_memory.ts'
import { DROP_REASONS, type IngestInstruments } from './telemetry.ts'

/** Names whose rules are remembered for the debug page. */
const RULES_MAX = 10_000
/** Most memory for the lines of a series, on average: one of a hundred bytes, or a few. */
const KNOWN_LINE_BYTES = 200
const PACKET_BYTES_FIRST = 64 << 10
/** Names, keys and values of tags that new series are made of, as text: most of them come again. */
const TEXTS = { entriesMax: 4096, bytesMax: 256 << 10 }

export interface IntakeSettings {
  readonly dialect: Dialect
  readonly naming: SampleNaming
  readonly store: SharedStatStore
  readonly ledger: Ledger
  readonly clients: Clients
  /** Undefined: who sends makes no difference. */
  readonly senders: Senders | undefined
  readonly instruments: IngestInstruments
  readonly clock: Pick<Clock, 'now'>
  /** Series that are remembered; about as many as there may be. */
  readonly seriesMax: number
  /** Takes the lines of events and service checks; the bytes are its own. */
  readonly record: (kind: 'event' | 'service_check', line: Uint8Array, sender: string, nowMs: number) => void
}

/** A naming, and which of its counters are sent again and again without having changed. */
export interface SampleNaming extends Naming {
  /** True for a counter whose 0 says nothing new. */
  readonly repeatsZeros?: (name: string) => boolean
}

/**
 * Takes packets apart and adds their samples to series. Synchronous; a line of a known series creates nothing. Never throws,
 * whatever the bytes.
 */
export class Intake implements PacketSink, SampleSink {
  readonly #settings: IntakeSettings
  readonly #parser: LineParser
  readonly #memory: SeriesMemory
  readonly #known: KnownLines
  readonly #store: SharedStatStore
  readonly #ledger: Ledger
  readonly #senders: Senders | undefined
  #naming: SampleNaming
  #epoch: number
  #isStale = false
  #overflowed = 0
  #negatives = 0
  // Packets are copied to here: one kind of array for the parser, and a view that need not be made for each.
  #bytes = new Uint8Array(PACKET_BYTES_FIRST)
  #view = new DataView(this.#bytes.buffer)
  #client!: Client
  #nowMs = 0.5
  readonly #rules = new Map<string, Set<number>>()
  readonly #texts = new ByteInterner(TEXTS)
  readonly #text = (bytes: Uint8Array, start: number, end: number): string => this.#texts.text(this.#texts.intern(bytes, this.#view, start, end))

  constructor(settings: IntakeSettings) {
    this.#settings = settings
    this.#parser = new LineParser(settings.dialect)
    this.#memory = new SeriesMemory(settings.seriesMax * 2)
    this.#known = new KnownLines(settings.seriesMax * KNOWN_LINE_BYTES)
    this.#store = settings.store
    this.#ledger = settings.ledger
    this.#senders = settings.senders
    this.#naming = settings.naming
    this.#epoch = settings.store.epoch
  }

  /** Entries that are remembered. */
  get remembered(): number {
    return this.#memory.size
  }

  /** From the next packet on, series are named by `naming`. */
  rename(naming: SampleNaming): void {
    this.#naming = naming
    this.#isStale = true
  }

  /** Which rules of the mapping made metrics of a name. */
  rules(): ReadonlyMap<string, ReadonlySet<number>> {
    return this.#rules
  }

  packet(bytes: Uint8Array, sender: string): void {
    const { length } = bytes
    if (length + SLACK_BYTES > this.#bytes.length) this.#grow(length + SLACK_BYTES)
    this.#bytes.set(bytes)
    // `KnownLines` wants it there.
    this.#bytes[length] = LF
    this.#begin(sender)
    const client = this.#client
    const lines = this.#parser.parsePacket(this.#bytes, 0, length, this)
    this.#ledger.received += lines
    client.packets++
    client.lines += lines
    client.bytes += length
    client.lastSeenMs = this.#nowMs
    this.#takeStoreCounts()
    this.#ledger.flush(1, length)
  }

  tooLong(start: Uint8Array, sender: string): void {
    this.#begin(sender)
    this.#client.lines++
    this.#ledger.received++
    this.rejected('too_long', start, 0, start.length)
    this.#ledger.flush(0, start.length)
  }

  fault(fault: ListenFault): void {
    this.#settings.instruments.faults[fault].add(1)
  }

  known(start: number, end: number): number {
    const known = this.#known
    const line = known.find(this.#view, start, end)
    if (line === 0) return -1
    this.#count(known.entryOf(line), known.value, known.weightOf(line), false)
    this.#ledger.accepted++
    return known.end
  }

  sample(sample: Sample): void {
    const senders = this.#senders
    const labels = senders === undefined ? 0 : senders.of(sample, this.#client.address)
    const memory = this.#memory
    const entry = memory.entryOf(sample, this.#view, labels)
    let action = memory.actions[entry] as number
    const isNew = action === Action.unknown
    if (isNew) action = this.#open(sample, entry, labels)
    // Who makes up a new series with every line need not be known.
    else if (sample.isPlain && sample.timestampS === 0) this.#remember(sample, entry, labels)
    if (action === Action.member) this.#member(sample, entry)
    else if (action === Action.gauge && (sample.isDelta || sample.timestampS !== 0)) this.#gauge(sample, entry)
    else this.#count(entry, sample.value, sample.weight, isNew)
  }

  event(bytes: Uint8Array, start: number, end: number): void {
    this.#settings.record('event', bytes.slice(start, end), this.#client.address, this.#nowMs)
  }

  serviceCheck(bytes: Uint8Array, start: number, end: number): void {
    this.#settings.record('service_check', bytes.slice(start, end), this.#client.address, this.#nowMs)
  }

  rejected(reason: RejectReason, bytes: Uint8Array, start: number, end: number): void {
    this.#client.rejected++
    this.#ledger.reject(reason, bytes, start, end, { sender: this.#client.address, atMs: this.#nowMs })
  }

  accepted(): void {
    this.#ledger.accepted++
  }

  flaw(flaw: Flaw): void {
    this.#ledger.flaw(flaw)
  }

  #begin(sender: string): void {
    this.#nowMs = this.#settings.clock.now()
    this.#client = this.#settings.clients.of(sender)
    if (this.#isStale || this.#store.epoch !== this.#epoch || this.#memory.isFull) this.#renew()
    const senders = this.#senders
    if (senders !== undefined) this.#known.lookFor(senders.ofAddress(this.#client.address), lineSource(senders))
  }

  #renew(): void {
    const { forgotten } = this.#settings.instruments
    if (this.#isStale) forgotten.mapping.add(1)
    else if (this.#store.epoch !== this.#epoch) forgotten.swept.add(1)
    else forgotten.full.add(1)
    if (this.#isStale) this.#rules.clear()
    this.#isStale = false
    this.#epoch = this.#store.epoch
    this.#memory.renew()
    this.#known.renew()
    this.#senders?.renew()
  }

  /** The next time, the line is known. */
  #remember(sample: Sample, entry: number, labels: number): void {
    const senders = this.#senders
    const teller = senders?.toldBy(sample) ?? 'address'
    if (teller === 'both') return
    const source = senders === undefined || teller === 'address' ? labels : lineSource(senders)
    this.#known.remember(sample, this.#view, { source, entry })
  }

  /** Adds a number to the series of an entry, now. */
  #count(entry: number, number: number, weight: number, isNew: boolean): void {
    const memory = this.#memory
    const handle = memory.handles[entry] as number
    const action = memory.actions[entry] as number
    if (action === Action.drop) {
      this.#ledger.drop(DROP_REASONS[handle] ?? 'bad_name')
      return
    }
    this.#ledger.samples++
    const value = number * (memory.scales[entry] as number)
    const nowMs = this.#nowMs
    if (action === Action.gauge) this.#store.set(handle, value, nowMs)
    else if (action === Action.observe) this.#store.observe(handle, value, weight, nowMs)
    // The first one makes the series visible.
    else if (action === Action.addChanges && value === 0 && !isNew) this.#ledger.zeroDeltas++
    else this.#add(handle, value * weight, nowMs)
  }

  /** A gauge that changes by a value, or was measured at a time that the line says. */
  #gauge(sample: Sample, entry: number): void {
    const memory = this.#memory
    const handle = memory.handles[entry] as number
    const value = sample.value * (memory.scales[entry] as number)
    const nowMs = this.#nowMs
    this.#ledger.samples++
    if (sample.isDelta) this.#store.shift(handle, value, nowMs)
    // Seconds are whole: the value may be of any time within.
    else this.#store.set(handle, value, nowMs, sample.timestampS * 1000 + 999)
  }

  #member({ bytes, valueStart, valueEnd }: Sample, entry: number): void {
    this.#ledger.samples++
    this.#store.member(this.#memory.handles[entry] as number, bytes, valueStart, valueEnd, this.#nowMs)
  }

  #add(handle: number, value: number, nowMs: number): void {
    if (Number.isFinite(value)) this.#store.add(handle, value, nowMs)
    else {
      this.#ledger.samples--
      this.#ledger.drop('illegal_value')
    }
  }

  /** Looks at a series that is new here; returns its action. */
  #open(sample: Sample, entry: number, labels: number): Action {
    const memory = this.#memory
    if (this.#texts.isFull) this.#texts.renew()
    const raw = rawSeries(sample, this.#settings.dialect, this.#text)
    const tags = raw.tags.filter(([key]) => !isInternalTag(key))
    const resolved = this.#naming.resolve(tags.length === raw.tags.length ? raw : { ...raw, tags })
    if ('dropped' in resolved) {
      memory.actions[entry] = Action.drop
      memory.handles[entry] = DROP_REASONS.indexOf(resolved.dropped)
      return Action.drop
    }
    const series = labels === 0 ? resolved : withLabels(resolved, this.#senders?.labels(labels) ?? [])
    const action = actionOf(series.aggregation, sample.type)
    const isRepeated = action === Action.add && this.#naming.repeatsZeros?.(raw.name) === true
    memory.actions[entry] = isRepeated ? Action.addChanges : action
    memory.handles[entry] = this.#store.open(series)
    memory.scales[entry] = series.scale
    this.#noteRule(series)
    return memory.actions[entry] as Action
  }

  #noteRule({ name, rule }: SeriesSpec): void {
    if (rule === undefined) return
    let rules = this.#rules.get(name)
    if (rules === undefined) {
      if (this.#rules.size >= RULES_MAX) return
      rules = new Set()
      this.#rules.set(name, rules)
    }
    rules.add(rule)
  }

  /** What the store found out while it counted. */
  #takeStoreCounts(): void {
    const { overflowed, negatives } = this.#store
    if (negatives !== this.#negatives) {
      const dropped = negatives - this.#negatives
      this.#negatives = negatives
      this.#ledger.samples -= dropped
      this.#ledger.drop('negative_counter', dropped)
    }
    if (overflowed !== this.#overflowed) {
      this.#settings.instruments.overflowed.add(overflowed - this.#overflowed)
      this.#overflowed = overflowed
    }
  }

  #grow(bytes: number): void {
    this.#bytes = new Uint8Array(Math.max(bytes, this.#bytes.length * 2))
    this.#view = new DataView(this.#bytes.buffer)
  }
}

/** Of lines that tell their sender themselves; no number of labels is below 0. */
function lineSource(senders: Senders): number {
  return -1 - senders.generation
}

function actionOf(aggregation: Aggregation, type: SampleType): Action {
  switch (aggregation.kind) {
    case 'counter':
      return Action.add
    case 'gauge':
      return Action.gauge
    case 'set':
      return type === SampleType.set ? Action.member : Action.drop
    default:
      return Action.observe
  }
}

/** What a line says of itself wins over what its sender is known for. */
function withLabels(series: SeriesSpec, labels: readonly (readonly [string, string])[]): SeriesSpec {
  const own = new Set(series.labels.map(([key]) => key))
  // Names in the exposition format have labels in it too.
  const added = labels.map(([key, value]) => [series.isExactName ? key.replaceAll('.', '_') : key, value] as const).filter(([key]) => !own.has(key))
  return { ...series, labels: [...series.labels, ...added].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)) }
}
