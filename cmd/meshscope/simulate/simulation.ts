import { Client, connectivityState, credentials } from '@grpc/grpc-js'
import type { Clock } from '../../../component/component.ts'
import { type AlsConnection, AlsStream, Delivery } from './als_stream.ts'
import { bookinfoMesh, type Proxy } from './bookinfo.ts'
import { DogStatsdSender } from './dogstatsd.ts'
import type { HttpCallFacts, HttpCallSite, Knowledge } from './http_call_site.ts'
import { encodeIdentifier } from './identity.ts'
import { Random } from './random.ts'
import type { TcpEnd } from './tcp_connection.ts'
import type { Tracing } from './trace_tree.ts'
import { type EntrySink, Traffic } from './traffic.ts'
import { type TruthDocument, TruthTable, truthRows } from './truth.ts'

export interface SimulationOptions {
  /** `host:port` or `unix:/path` of the access-log receiver. */
  readonly endpoint: string
  /** Requests per second that reach the gateway. */
  readonly requestsPerSecond: number
  /** How long to go on, in milliseconds; undefined = until `stop`. */
  readonly durationMs: number | undefined
  readonly seed: string
  /** Pods per workload. */
  readonly replicas: number
  /** TCP connections that the streams share; undefined = one per pod. */
  readonly connections: number | undefined
  /** What the labels of the truth take for known; the logs alone unless told otherwise. */
  readonly knowledge?: Knowledge
  /** Puts the long list of Envoy's extensions into the first message of each stream. */
  readonly withExtensions: boolean
  /** `host:port` to which the applications send DogStatsD; nowhere by default. */
  readonly statsd?: string | undefined
  /** Who traces, so that proxies log span ids and the truth tells the proxies' spans; nobody by default. */
  readonly tracing?: Tracing | undefined
  readonly clock: Clock
}

/** What a simulation has done so far. */
export interface SimulationProgress {
  readonly requests: number
  readonly sent: number
  readonly lost: number
  readonly unconfirmed: number
  readonly streams: number
  readonly lastProblem: string
}

const TICK_MS = 10
const FLUSH_MS = 1_000
/** How long the receiver may take to end the half-closed streams. */
const CLOSE_MS = 15_000
/** A tick makes at most the requests of this many milliseconds, so that a late one cannot block the process for long. */
const CATCH_UP_MS = 100

/**
 * Plays a mesh against a receiver over real gRPC streams: one per pod and log. `connect`, then `run`, then `truth`.
 * All times come from the clock; what happens comes from the seed.
 */
export class Simulation implements EntrySink {
  readonly options: SimulationOptions
  readonly #delivery = new Delivery()
  readonly #truth = new TruthTable()
  readonly #traffic: Traffic
  readonly #statsd: DogStatsdSender | undefined
  readonly #clients: Client[] = []
  readonly #streams: { readonly http: AlsStream; readonly tcp: AlsStream }[] = []
  #requests = 0
  #startedAt = 0
  #stop: (() => void) | undefined
  #isStopped = false

  constructor(options: SimulationOptions) {
    this.options = options
    const mesh = bookinfoMesh(options.replicas)
    this.#statsd = options.statsd === undefined ? undefined : new DogStatsdSender(options.statsd)
    const connections = Math.min(options.connections ?? mesh.proxies.length, mesh.proxies.length)
    for (let i = 0; i < connections; i++) this.#clients.push(newClient(options.endpoint))
    for (const proxy of mesh.proxies) this.#streams[proxy.index] = this.#streamsOf(proxy)
    this.#traffic = new Traffic({
      mesh,
      random: new Random(options.seed),
      truth: this.#truth,
      sink: this,
      knowledge: options.knowledge ?? 'logs',
      tracing: options.tracing,
    })
  }

  /** Resolves when every connection is up; rejects when that takes longer than `timeoutMs`. */
  async connect(timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs
    await Promise.all(
      this.#clients.map(
        (client) =>
          new Promise<void>((resolve, reject) => {
            client.waitForReady(deadline, (error) => (error === undefined ? resolve() : reject(error)))
          }),
      ),
    )
  }

  /** Sends until the duration is over or `stop` is called, then ends every stream and waits for the receiver's OK. */
  async run(): Promise<void> {
    const { clock } = this.options
    this.#startedAt = clock.monotonic()
    await new Promise<void>((resolve) => {
      const timers = [clock.every(TICK_MS, () => this.#tick()), clock.every(FLUSH_MS, () => this.#flush())]
      this.#stop = () => {
        for (const cancel of timers) cancel()
        this.#stop = undefined
        resolve()
      }
      if (this.#isStopped) this.#stop()
    })
    this.#traffic.closeConnections(clock.now() * 1000)
    await this.#statsd?.flush()
    await this.#closeStreams()
  }

  /** Ends `run` early and cleanly. Safe at any time and twice. */
  stop(): void {
    this.#isStopped = true
    this.#stop?.()
  }

  /** Closes the connections. */
  close(): void {
    for (const client of this.#clients) client.close()
    this.#statsd?.close()
  }

  get progress(): SimulationProgress {
    const { sent, lost, unconfirmed, streams, lastProblem } = this.#delivery
    return { requests: this.#requests, sent, lost, unconfirmed, streams, lastProblem }
  }

  /** What was sent and acknowledged. Complete when `run` has resolved. */
  truth(): TruthDocument {
    const { confirmed, unconfirmed, lost } = this.#delivery
    return {
      format: 'meshscope-simulate-truth/1',
      seed: this.options.seed,
      requests: this.#requests,
      entries: { confirmed: confirmed.entries, unconfirmed, lost },
      http: truthRows(this.#truth, confirmed, 'http'),
      tcp: truthRows(this.#truth, confirmed, 'tcp'),
      ...(this.options.tracing === undefined ? {} : { spans: this.#traffic.spans }),
    }
  }

  http(site: HttpCallSite, facts: HttpCallFacts): void {
    this.#statsd?.http(site, facts)
    this.#streams[site.call.reporter.index]?.http.http(site, facts)
  }

  tcp(end: TcpEnd, nowUs: number, isEnd: boolean): void {
    this.#streams[end.reporter.index]?.tcp.tcp(end, nowUs, isEnd)
  }

  #streamsOf(proxy: Proxy): { readonly http: AlsStream; readonly tcp: AlsStream } {
    const { clock, withExtensions } = this.options
    const client = this.#clients[proxy.index % this.#clients.length] as Client
    const connection: AlsConnection = { client, isReady: () => client.getChannel().getConnectivityState(true) === connectivityState.READY }
    const open = (log: 'http' | 'tcp'): AlsStream =>
      new AlsStream({
        connection,
        log,
        identifier: encodeIdentifier(proxy, log, withExtensions),
        delivery: this.#delivery,
        nowMs: () => clock.monotonic(),
      })
    return { http: open('http'), tcp: open('tcp') }
  }

  #tick(): void {
    const { clock, requestsPerSecond, durationMs } = this.options
    const elapsedMs = clock.monotonic() - this.#startedAt
    const total = durationMs === undefined ? Number.POSITIVE_INFINITY : Math.round((durationMs * requestsPerSecond) / 1000)
    const due = Math.min(total, Math.floor((elapsedMs * requestsPerSecond) / 1000))
    const most = this.#requests + Math.max(1, Math.ceil((CATCH_UP_MS * requestsPerSecond) / 1000))
    const nowUs = clock.now() * 1000
    for (const end = Math.min(due, most); this.#requests < end; ) {
      this.#requests++
      this.#traffic.request(nowUs, (this.#requests * 1e6) / requestsPerSecond)
    }
    if (this.#requests >= total) this.#stop?.()
  }

  #flush(): void {
    for (const { http, tcp } of this.#streams) {
      http.flush()
      tcp.flush()
    }
    void this.#statsd?.flush()
  }

  async #closeStreams(): Promise<void> {
    const streams = this.#streams.flatMap(({ http, tcp }) => [http, tcp])
    // A stalled receiver must not keep us: what it has not acknowledged by then stays unconfirmed.
    const cancel = this.options.clock.after(CLOSE_MS, () => {
      for (const stream of streams) stream.cancel()
    })
    await Promise.all(streams.map((stream) => stream.close()))
    cancel()
  }
}

function newClient(endpoint: string): Client {
  return new Client(endpoint, credentials.createInsecure(), {
    // Streams of one connection must not end up on another's socket.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
    'grpc.max_send_message_length': -1,
    'grpc.enable_http_proxy': 0,
  })
}
