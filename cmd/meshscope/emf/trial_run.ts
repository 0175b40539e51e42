import type { Consumer } from '../../../component/consumer.ts'
import type { GraphSpec, Registry } from '../../../component/spec.ts'
import type { AwsEmfConfig } from '../../../exporters/awsemf/config.ts'
import { EmfEncoder } from '../../../exporters/awsemf/document/encoder.ts'
import { systemClock } from '../../../lib/clock.ts'
import { siblingModule } from '../../../lib/worker_pool.ts'
import type { Metrics } from '../../../model/metrics.ts'
import { Service } from '../../../pipeline/service.ts'
import { LogSource } from '../../../telemetry/log_source.ts'
import { OwnTelemetry } from '../../../telemetry/own_telemetry.ts'
import type { InputFile } from './input_file.ts'
import { applicationLines, envoyLines, sendAccessLogs, sendLines } from './sample_traffic.ts'
import { inputReceiver, withExporter } from './trial_graph.ts'

const TYPE = 'awsemf'
const STOP_MS = 10_000
const RECEIVED_MS = 3_000

/** What one exporter makes of the data. */
export interface TrialResult {
  readonly documents: readonly TrialDocument[]
  /** Points that are in no document, by reason. */
  readonly dropped: Readonly<Record<string, number>>
}

export interface TrialDocument {
  readonly json: string
  readonly logGroup: string
  readonly logStream: string
}

interface Collected {
  readonly documents: TrialDocument[]
  readonly dropped: Record<string, number>
}

/** Runs a part of a config once and collects the documents by the ids of exporters. Rejects when something cannot be started. */
export class TrialRun {
  readonly #results = new Map<string, Collected>()
  readonly #telemetry = new OwnTelemetry()
  readonly #service: Service
  readonly #spec: GraphSpec
  /** What the components say. */
  readonly warnings = new Set<string>()
  #input: Consumer<Metrics> | undefined
  #isLast = false

  constructor(spec: GraphSpec, registry: Registry) {
    this.#spec = spec
    const capturing = withExporter(
      registry,
      TYPE,
      (settings, config) => ({ consumers: { metrics: this.#capture(settings.id.text, config as AwsEmfConfig) } }),
      [
        inputReceiver((next) => {
          this.#input = next
        }),
      ],
    )
    const logs = new LogSource('warn', ({ address, message, fields }) => void this.warnings.add(`${address}: ${message} ${JSON.stringify(fields)}`))
    this.#service = new Service({
      registry: capturing,
      clock: systemClock,
      logs,
      writeLog: () => {},
      telemetry: this.#telemetry,
      workerEntry: siblingModule(import.meta.url, '../ingest_worker'),
      onFatal: (address, error) => void this.warnings.add(`${address}: ${error}`),
    })
  }

  /** Hands on the batches of a file. */
  async onInput({ batches }: Extract<InputFile, { readonly batches: unknown }>): Promise<ReadonlyMap<string, TrialResult>> {
    return await this.#run(async () => {
      this.#isLast = true
      for (const batch of batches) await this.#input?.consume(batch)
    })
  }

  /** Sends a sample to every receiver. */
  async onSample(): Promise<ReadonlyMap<string, TrialResult>> {
    return await this.#run(async () => {
      for (const { id, address, config } of Object.values(this.#spec.receivers)) {
        const port = this.#service.listeners.find((listener) => listener.address === address)?.port
        if (port === undefined) continue
        if (id.type === 'envoyals') await sendAccessLogs(port)
        else await this.#sendStatsd({ port, receiver: id.text, isEnvoy: (config as { readonly profile?: string }).profile === 'envoy' })
      }
    })
  }

  async #run(feed: () => Promise<void>): Promise<ReadonlyMap<string, TrialResult>> {
    try {
      await this.#service.start(this.#spec)
      await feed()
      // What comes before the last flush is in that one, too: it is all that was counted.
      this.#isLast = true
    } finally {
      await this.#service.shutdown(AbortSignal.timeout(STOP_MS))
    }
    return this.#results
  }

  async #sendStatsd({ port, receiver, isEnvoy }: { readonly port: number; readonly receiver: string; readonly isEnvoy: boolean }): Promise<void> {
    const lines = isEnvoy ? envoyLines() : applicationLines()
    await sendLines(port, lines)
    const deadline = performance.now() + RECEIVED_MS
    const received = (): number => this.#telemetry.value('meshscope_statsd_received_lines', { receiver })
    while (received() < lines.length && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  #capture(id: string, config: AwsEmfConfig): Consumer<Metrics> {
    const collected: Collected = { documents: [], dropped: {} }
    this.#results.set(id, collected)
    // What a series has counted counts whole: there is one flush only.
    const whole: AwsEmfConfig = { ...config, retain_initial_value_of_delta_metric: true }
    const onDropped = (reason: string, points: number): void => void (collected.dropped[reason] = (collected.dropped[reason] ?? 0) + points)
    const encoder = new EmfEncoder(whole, { clock: systemClock, onDropped })
    return {
      consume: async (metrics) => {
        if (!this.#isLast) return
        for await (const slice of encoder.encode(metrics)) {
          for (const { json, logGroup, logStream } of slice) collected.documents.push({ json, logGroup, logStream })
        }
      },
    }
  }
}
