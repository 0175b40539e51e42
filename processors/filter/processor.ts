import type { Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import type { Counter } from '../../component/telemetry.ts'
import { type LogGroup, logRecordCount } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import { type Span, type SpanGroup, spanCount, type Traces } from '../../model/traces.ts'
import { filterGroups, type Pass } from './batch_filter.ts'
import { stagesOf } from './conditions.ts'
import type { FilterConfig } from './schema.ts'
import * as telemetry from './telemetry.ts'
import { ConditionTester, type StageTests } from './tester.ts'

/** Drops log records. */
export class FilterLogs implements Consumer<Logs> {
  readonly mutatesData = true
  readonly #tester: ConditionTester
  readonly #next: Consumer<Logs>
  readonly #filtered: Counter

  constructor(settings: Settings, config: FilterConfig, next: Consumer<Logs>) {
    this.#tester = new ConditionTester(settings, 'logs', stagesOf(config, 'logs'))
    this.#next = next
    this.#filtered = settings.telemetry.counter(telemetry.filteredLogs, { filter: settings.id.text })
  }

  async consume(logs: Logs): Promise<void> {
    if (!('groups' in logs)) throw new Error('BUG: filter has met access logs, which must be made records before')
    if (this.#tester.stages.length === 0) return this.#next.consume(logs)
    const before = logRecordCount(logs)
    try {
      const groups = await filterGroups<LogGroup>(this.#tester.stages, logs.groups, filterRecords)
      // Not a copy of the whole batch: what is encoded already has all records.
      const kept = logs.client === undefined ? { groups } : { groups, client: logs.client }
      this.#filtered.add(before - logRecordCount(kept))
      if (groups.length > 0) await this.#next.consume(kept)
    } finally {
      this.#tester.flush()
    }
  }
}

async function filterRecords(group: LogGroup, { log: drops }: StageTests, pass: Pass): Promise<boolean> {
  if (drops !== undefined) {
    const kept = await pass.filter(group.records, (item, record) => void (item.log = record), drops)
    if (kept !== group.records) group.records = [...kept]
  }
  return group.records.length > 0
}

/** Drops spans, and events of spans. A span that has lost all its events stays. */
export class FilterTraces implements Consumer<Traces> {
  readonly mutatesData = true
  readonly #tester: ConditionTester
  readonly #next: Consumer<Traces>
  readonly #filtered: Counter
  readonly #filteredEvents: Counter

  constructor(settings: Settings, config: FilterConfig, next: Consumer<Traces>) {
    this.#tester = new ConditionTester(settings, 'traces', stagesOf(config, 'traces'))
    this.#next = next
    this.#filtered = settings.telemetry.counter(telemetry.filteredSpans, { filter: settings.id.text })
    this.#filteredEvents = settings.telemetry.counter(telemetry.filteredEvents, { filter: settings.id.text })
  }

  async consume(traces: Traces): Promise<void> {
    if (this.#tester.stages.length === 0) return this.#next.consume(traces)
    const before = spanCount(traces)
    try {
      const groups = await filterGroups<SpanGroup>(this.#tester.stages, traces.groups, (group, tests, pass) => this.#filterSpans(group, tests, pass))
      const kept = { ...traces, groups }
      this.#filtered.add(before - spanCount(kept))
      if (groups.length > 0) await this.#next.consume(kept)
    } finally {
      this.#tester.flush()
    }
  }

  async #filterSpans(group: SpanGroup, { span: drops, spanevent: dropsEvent }: StageTests, pass: Pass): Promise<boolean> {
    if (drops !== undefined) {
      const kept = await pass.filter(group.spans, (item, span) => void (item.span = span), drops)
      if (kept !== group.spans) group.spans = [...kept]
    }
    if (dropsEvent !== undefined) for (const span of group.spans) await this.#filterEvents(span, dropsEvent, pass)
    return group.spans.length > 0
  }

  async #filterEvents(span: Span, drops: NonNullable<StageTests['spanevent']>, pass: Pass): Promise<void> {
    pass.item.span = span
    const { events } = span
    const kept = await pass.filter(events, (item, event) => void (item.event = event), drops)
    if (kept === events) return
    this.#filteredEvents.add(events.length - kept.length)
    span.events = [...kept]
  }
}
