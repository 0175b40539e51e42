import type { Settings } from '../../component/component.ts'
import type { InstrumentSpec } from '../../component/telemetry.ts'
import type { Metrics } from '../../model/metrics.ts'
import type { AwsEmfConfig } from './config.ts'
import type { ChangeReason, DropReason, EmfDocument } from './document/document.ts'
import { EmfEncoder } from './document/encoder.ts'
import type { DocumentSource } from './document_source.ts'
import { CHANGED_POINTS, CUSTOM_METRICS, SERIES, UNENCODED_POINTS } from './telemetry.ts'

/** Shortest time between two log lines about one reason. */
const LOG_MS = 600_000

/** What an operator should look at; the others are in order, or chosen by the config. */
const ADVICE: Readonly<Partial<Record<DropReason | ChangeReason, string>>> = {
  series_limit: 'raise delta_series_max, or send fewer series',
  custom_metrics_limit: 'raise max_custom_metrics, or choose fewer dimensions with metric_declarations',
  log_streams_limit: 'raise log_streams_max, or use fewer placeholders',
  too_large: 'raise max_event_bytes, or send shorter labels',
  aborted: 'the exporter was stopped while they were encoded',
}

/** The encoder with its counters: what it drops and changes adds up for each slice, because it is told of every point by itself. */
export class CountedDocuments implements DocumentSource {
  readonly #settings: Settings
  readonly #encoder: EmfEncoder
  readonly #dropped = new Map<DropReason, number>()
  readonly #changed = new Map<ChangeReason, number>()
  readonly #loggedMs = new Map<string, number>()

  constructor(settings: Settings, config: AwsEmfConfig) {
    this.#settings = settings
    this.#encoder = new EmfEncoder(config, {
      clock: settings.clock,
      onDropped: (reason, points) => addTo(this.#dropped, reason, points),
      onChanged: (reason, points) => addTo(this.#changed, reason, points),
      onMissing: ({ placeholder, attributes }) => {
        const hint = 'set the attribute, with resource or resourcedetection, or take the placeholder away'
        settings.log.warn({ placeholder, attributes, instead: config.placeholder_default, hint }, 'placeholder without its attribute')
      },
    })
  }

  encode(metrics: Metrics): AsyncIterable<readonly EmfDocument[]> {
    return this.#counted(this.#encoder.encode(metrics))
  }

  async *#counted(slices: AsyncIterable<readonly EmfDocument[]>): AsyncGenerator<readonly EmfDocument[], void> {
    try {
      for await (const slice of slices) {
        this.#flush()
        yield slice
      }
    } finally {
      this.#flush()
      const { telemetry, id } = this.#settings
      telemetry.gauge(SERIES, { exporter: id.text }).set(this.#encoder.series)
      telemetry.gauge(CUSTOM_METRICS, { exporter: id.text }).set(this.#encoder.customMetrics)
    }
  }

  #flush(): void {
    this.#count(UNENCODED_POINTS, this.#dropped)
    this.#count(CHANGED_POINTS, this.#changed)
  }

  #count(spec: InstrumentSpec, sums: Map<DropReason | ChangeReason, number>): void {
    const { telemetry, id } = this.#settings
    for (const [reason, points] of sums) {
      telemetry.counter(spec, { exporter: id.text, reason }).add(points)
      this.#tell(reason, points)
    }
    sums.clear()
  }

  #tell(reason: DropReason | ChangeReason, points: number): void {
    const hint = ADVICE[reason]
    const { clock, log } = this.#settings
    const nowMs = clock.monotonic()
    if (hint === undefined || nowMs - (this.#loggedMs.get(reason) ?? Number.NEGATIVE_INFINITY) < LOG_MS) return
    this.#loggedMs.set(reason, nowMs)
    log.warn({ points, reason, hint }, 'points not encoded as they came')
  }
}

function addTo<R>(sums: Map<R, number>, reason: R, points: number): void {
  sums.set(reason, (sums.get(reason) ?? 0) + points)
}
