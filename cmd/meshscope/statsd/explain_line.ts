import { EnvoyNaming } from '../../../receivers/statsd/naming/envoy_naming.ts'
import type { DottedNames } from '../../../receivers/statsd/naming/envoy_repair.ts'
import type { Mapping } from '../../../receivers/statsd/naming/mapping.ts'
import { explainRules, type RuleVerdict } from '../../../receivers/statsd/naming/mapping_explain.ts'
import { eventTypeOf, MappingNaming } from '../../../receivers/statsd/naming/mapping_naming.ts'
import { type Naming, type NoSeries, type SeriesSpec, scaled } from '../../../receivers/statsd/naming/naming.ts'
import { PlainNaming } from '../../../receivers/statsd/naming/plain_naming.ts'
import { parseEvent, type StatsdEvent, textOf } from '../../../receivers/statsd/parse/event.ts'
import { LineParser } from '../../../receivers/statsd/parse/line_parser.ts'
import { rawSeries } from '../../../receivers/statsd/parse/raw_series.ts'
import { parseServiceCheck, type ServiceCheck } from '../../../receivers/statsd/parse/service_check.ts'
import { type Dialect, type Flaw, type RejectReason, type Sample, type SampleSink, SampleType } from '../../../receivers/statsd/sample.ts'
import type { CliIo } from '../cli_io.ts'
import { EXIT } from '../exit_codes.ts'
import { readMapping } from './check_mapping.ts'
import { explanationText } from './explanation_text.ts'

export const DIALECTS: readonly Dialect[] = ['lenient', 'etsy', 'dogstatsd', 'statsd_exporter', 'telegraf', 'strict']

/** The flags of `meshscope statsd explain`. */
export interface ExplainLineFlags {
  readonly mapping?: string
  readonly dialect: Dialect
  readonly profile?: 'envoy'
  readonly prefix: string
  readonly dottedNames: DottedNames
  readonly format: 'text' | 'json'
}

/** What became of a line. */
export interface LineExplanation {
  readonly line: string
  readonly dialect: Dialect
  /** Set when the line was not taken. */
  readonly rejected?: RejectReason
  /** Parts that were left out or read as if they were not there. */
  readonly flaws: readonly { readonly flaw: Flaw; readonly part: string }[]
  readonly samples: readonly SampleExplanation[]
  readonly events: readonly (StatsdEvent | ServiceCheck)[]
}

/** What became of one sample. */
export interface SampleExplanation {
  readonly name: string
  readonly type: string
  /** Text for a set's member. */
  readonly value: number | string
  readonly isDelta: boolean
  readonly weight: number
  readonly tags: readonly (readonly [key: string, value: string | null])[]
  readonly containerId: string
  readonly timestampS: number
  /** The stat as Envoy would call it, when the profile takes it for one of Envoy's. */
  readonly envoy?: { readonly stat: string; readonly tags: Readonly<Record<string, string>>; readonly repaired?: string }
  /** In the order in which they are tried; undefined when no mapping is asked. */
  readonly rules?: readonly RuleExplanation[]
  readonly series?: SeriesSpec
  /** What the series gets of the value; of a counter with a sample rate, what it stands for. */
  readonly recorded?: number | string
  readonly dropped?: NoSeries
}

/** What a rule said to a sample. */
export interface RuleExplanation {
  readonly rule: number
  readonly line?: number
  readonly match: string
  readonly isHit: boolean
  readonly why: string
}

/** `meshscope statsd explain`: prints what the receiver makes of one line. */
export function explainLine(line: string, flags: ExplainLineFlags, io: CliIo): number {
  const mapping = flags.mapping === undefined ? undefined : readMapping(flags.mapping, io, { hasWarnings: false })
  if (flags.mapping !== undefined && mapping === undefined) return EXIT.config
  const explanation = explanationOf(line, { ...flags, mapping })
  const text = flags.format === 'json' ? `${JSON.stringify(explanation, null, 2)}\n` : explanationText(explanation, flags.mapping)
  io.out(text)
  const isTaken = explanation.rejected === undefined && (explanation.samples.length > 0 || explanation.events.length > 0)
  return isTaken ? EXIT.ok : EXIT.failed
}

interface Asked {
  readonly dialect: Dialect
  readonly mapping: Mapping | undefined
  readonly profile?: 'envoy'
  readonly prefix: string
  readonly dottedNames: DottedNames
}

function explanationOf(line: string, asked: Asked): LineExplanation {
  const { dialect, mapping, profile, prefix, dottedNames } = asked
  const plain: Naming = mapping === undefined ? new PlainNaming() : new MappingNaming(mapping)
  const envoy = profile === 'envoy' ? new EnvoyNaming(plain, { prefixes: [prefix], dottedNames }) : undefined
  const found = new Findings((sample) => explainSample(sample, { dialect, mapping, naming: envoy ?? plain, envoy }))
  const bytes = Buffer.from(line)
  new LineParser(dialect).parsePacket(bytes, 0, bytes.length, found)
  const { reason, flaws, samples, events } = found
  return { line, dialect, ...(reason === undefined ? {} : { rejected: reason }), flaws, samples, events }
}

/** Collects what the parser finds. */
class Findings implements SampleSink {
  readonly samples: SampleExplanation[] = []
  readonly events: (StatsdEvent | ServiceCheck)[] = []
  readonly flaws: { readonly flaw: Flaw; readonly part: string }[] = []
  reason: RejectReason | undefined
  readonly #explain: (sample: Sample) => SampleExplanation

  constructor(explain: (sample: Sample) => SampleExplanation) {
    this.#explain = explain
  }

  sample(sample: Sample): void {
    this.samples.push(this.#explain(sample))
  }

  event(bytes: Uint8Array, start: number, end: number): void {
    const event = parseEvent(bytes, start, end)
    if (event !== undefined) this.events.push(event)
  }

  serviceCheck(bytes: Uint8Array, start: number, end: number): void {
    const check = parseServiceCheck(bytes, start, end)
    if (check !== undefined) this.events.push(check)
  }

  rejected(reason: RejectReason): void {
    this.reason ??= reason
  }

  accepted(): void {
    // What was accepted is known by its samples.
  }

  flaw(flaw: Flaw, bytes: Uint8Array, start: number, end: number): void {
    this.flaws.push({ flaw, part: textOf(bytes, start, end) })
  }
}

interface Namings {
  readonly dialect: Dialect
  readonly mapping: Mapping | undefined
  readonly naming: Naming
  readonly envoy: EnvoyNaming | undefined
}

function explainSample(sample: Sample, { dialect, mapping, naming, envoy }: Namings): SampleExplanation {
  const { bytes, type } = sample
  const raw = rawSeries(sample, dialect)
  const value = type === SampleType.set ? textOf(bytes, sample.valueStart, sample.valueEnd) : sample.value
  const stat = envoy?.stat(raw)
  const rules = mapping === undefined || stat !== undefined ? undefined : explainRules(mapping, raw.name, eventTypeOf(type)).map(ruleOf)
  const result = naming.resolve(raw)
  return {
    name: raw.name,
    type: TYPE_NAMES[type],
    value,
    isDelta: sample.isDelta,
    weight: sample.weight,
    tags: raw.tags.map(([key, text]) => [key, text ?? null]),
    containerId: textOf(bytes, sample.containerStart, sample.containerEnd),
    timestampS: sample.timestampS,
    ...(stat === undefined
      ? {}
      : { envoy: { stat: stat.name, tags: Object.fromEntries(stat.tags), ...(stat.repaired === undefined ? {} : { repaired: stat.repaired }) } }),
    ...(rules === undefined ? {} : { rules }),
    ...('dropped' in result
      ? { dropped: result }
      : { series: result, recorded: typeof value === 'number' ? scaled(type === SampleType.counter ? value * sample.weight : value, result.scale) : value }),
  }
}

function ruleOf({ rule, isHit, why }: RuleVerdict): RuleExplanation {
  return { rule: rule.number, ...(rule.line === undefined ? {} : { line: rule.line }), match: rule.match, isHit, why }
}

const TYPE_NAMES: Readonly<Record<SampleType, string>> = {
  [SampleType.counter]: 'counter',
  [SampleType.gauge]: 'gauge',
  [SampleType.timer]: 'timer',
  [SampleType.histogram]: 'histogram',
  [SampleType.distribution]: 'distribution',
  [SampleType.set]: 'set',
}
