import type { Settings } from '../../component/component.ts'
import { ProblemList } from '../../config/problem.ts'
import { checkSchema } from '../../config/schema_check.ts'
import { readSources } from '../../config/sources.ts'
import { type OtlpConfig, otlpConfig } from '../../receivers/otlp/config.ts'
import { OtlpIngest } from '../../receivers/otlp/ingest.ts'
import type { Outcome, ToMain } from '../../receivers/otlp/messages.ts'
import { FakeHost, type FakeSettings, fakeSettings } from './settings.ts'

/** The checked config of an `otlp` receiver with defaults, or its problems as lines. */
export function otlpConfigOf(settings: object): { readonly config: OtlpConfig | undefined; readonly problems: readonly string[] } {
  const problems = new ProblemList()
  const outside = { env: {}, readFile: () => '', orderOf: () => 0 }
  const root = readSources({ sources: [`yaml:${JSON.stringify({ receivers: { otlp: settings } })}`], overrides: [] }, outside, problems)
  const config = root === undefined ? undefined : checkSchema({ root, path: ['receivers', 'otlp'], config: otlpConfig }, problems)
  const lines = problems.problems().map(({ path, problem }) => `${path}: ${problem}`)
  return { config: config as OtlpConfig | undefined, problems: lines }
}

/** What the other half says to a request; undefined for nothing, at least not now. */
export type Reply = (request: ToMain) => Outcome | undefined

/** The ingest half of an `otlp` receiver with real listeners, and a test in place of its main half. */
export class OtlpIngestRun {
  readonly settings: FakeSettings
  readonly host = new FakeHost()
  readonly requests: ToMain[] = []
  readonly half: OtlpIngest
  readonly #config: OtlpConfig
  #whenRequested: (() => void)[] = []

  constructor(settings: object, { reply = () => ({ kind: 'accepted' }), shared }: { readonly reply?: Reply; readonly shared?: Settings['shared'] } = {}) {
    const { config, problems } = otlpConfigOf(settings)
    if (config === undefined) throw new Error(problems.join('\n'))
    this.#config = config
    this.settings = { ...fakeSettings('receiver', 'otlp'), ...(shared === undefined ? {} : { shared }) }
    this.half = new OtlpIngest(this.settings, config, {
      worker: 0,
      send: (message, transfer) => {
        // As a thread boundary does: what is transferred is gone here.
        const request = structuredClone(message, transfer === undefined ? {} : { transfer: [...transfer] })
        this.requests.push(request)
        for (const resolve of this.#whenRequested.splice(0)) resolve()
        const outcome = reply(request)
        if (outcome !== undefined) this.answer(request, outcome)
      },
    })
  }

  async start(): Promise<this> {
    await this.half.start(this.host)
    return this
  }

  /** Answers a request that was left without an answer. */
  answer({ id }: ToMain, outcome: Outcome): void {
    this.half.receive({ id, outcome })
  }

  /** Resolves when so many requests have come to the other half. */
  async requested(count: number): Promise<void> {
    while (this.requests.length < count) await new Promise<void>((resolve) => this.#whenRequested.push(resolve))
  }

  async stop(signal: AbortSignal = AbortSignal.timeout(2000)): Promise<void> {
    await this.half.shutdown({ signal })
  }

  port(protocol: 'grpc' | 'http'): number {
    const endpoint = this.#config.protocols[protocol]?.endpoint
    const listener = this.host.listeners.find(({ configured }) => configured === endpoint)
    if (listener === undefined) throw new Error(`nobody listens for ${protocol}`)
    return listener.port
  }

  /** How many requests ended so. */
  outcomes(labels: Readonly<Record<string, string>>): number {
    return this.settings.telemetry.value('meshscope_otlp_requests', labels)
  }
}
