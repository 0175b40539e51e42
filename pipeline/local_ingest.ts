import type { Clock } from '../component/component.ts'
import type { GraphSpec, Registry } from '../component/spec.ts'
import type { Telemetry } from '../component/telemetry.ts'
import type { LogSource } from '../telemetry/log_source.ts'
import { IngestReplica } from './ingest_replica.ts'
import type { IngestSide } from './ingest_side.ts'
import type { IngestThread, LinkHub } from './links.ts'
import type { PortBook } from './port_book.ts'
import type { StatusBoard } from './status.ts'

export interface LocalIngestOptions {
  readonly registry: Registry
  readonly clock: Clock
  readonly logs: LogSource
  readonly telemetry: Telemetry
  readonly board: StatusBoard
  readonly links: LinkHub
  readonly ports: PortBook
  readonly life: number
}

/** The ingest side on the main thread (`service.workers.threads: 0`): the same code, and a message is a call. */
export class LocalIngest implements IngestSide {
  readonly #replica: IngestReplica
  readonly #ports: PortBook
  readonly #links: LinkHub
  readonly #life: number
  #isCommitted = false

  constructor(options: LocalIngestOptions) {
    const { board, links, ports, life, registry, logs, telemetry, clock } = options
    const thread: IngestThread = { worker: 0, life, post: (half, message) => this.#replica.receive(half, message) }
    this.#ports = ports
    this.#links = links
    this.#life = life
    this.#replica = new IngestReplica({
      registryFor: () => registry,
      worker: 0,
      logs,
      telemetry,
      clock,
      news: {
        link: (ends, message) => links.deliver(ends, message, thread),
        gone: (ends) => links.gone(ends, thread),
        status: (owner, status) => void board.set({ ...owner, key: `ingest ${life} ${owner.key}` }, status),
        removed: (key) => board.remove(`ingest ${life} ${key}`),
        listening: (listening) => ports.add(listening),
      },
    })
  }

  get isUp(): boolean {
    return this.#isCommitted
  }

  prepare(spec: GraphSpec): Promise<void> {
    return this.#replica.prepare(spec, this.#ports.all())
  }

  async commit(): Promise<void> {
    this.#replica.commit()
    this.#isCommitted = true
  }

  finish(signal: AbortSignal): Promise<readonly string[]> {
    return this.#replica.finish(signal)
  }

  abort(): Promise<void> {
    return this.#replica.abort(AbortSignal.timeout(1000))
  }

  async stop(signal: AbortSignal): Promise<readonly string[]> {
    this.#isCommitted = false
    const missed = await this.#replica.stop(signal)
    this.#links.allGone({ worker: 0, life: this.#life })
    return missed
  }
}
