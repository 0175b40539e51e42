import type { ResponseFlagCode } from '../../../model/response_flags.ts'
import type { Mesh, Pod, Proxy, Service } from './bookinfo.ts'
import { type HttpCall, HttpCallFacts, type HttpCallSite, httpCallSite, type Knowledge, throughProxyUs } from './http_call_site.ts'
import { ENDPOINTS, type Endpoint, OUTCOMES, type Outcome } from './outcomes.ts'
import type { Random } from './random.ts'
import { TcpConnection, type TcpEnd } from './tcp_connection.ts'
import { callerSpanOf, SPANS_MAX, spanIdsOf, spanKindOf, type Tracing, type TruthSpan } from './trace_tree.ts'
import type { TruthTable } from './truth.ts'

/** Where the entries of the simulated proxies go. What they are made of is valid only during the call. */
export interface EntrySink {
  http(site: HttpCallSite, facts: HttpCallFacts): void
  tcp(end: TcpEnd, nowUs: number, isEnd: boolean): void
}

/** What happens to requests, with how many of a thousand. The rest is the product page without trouble. */
const SCENARIOS = [
  { perThousand: 300, run: 'stylesheet' },
  { perThousand: 50, run: 'login' },
  { perThousand: 20, run: 'missing' },
  { perThousand: 12, run: 'noRoute' },
  { perThousand: 6, run: 'rateLimited' },
  { perThousand: 10, run: 'clientGone' },
  { perThousand: 8, run: 'gatewayReset' },
  { perThousand: 15, run: 'rates' },
  { perThousand: 15, run: 'slowReviews' },
  { perThousand: 15, run: 'detailsError' },
  { perThousand: 6, run: 'detailsGone' },
  { perThousand: 4, run: 'detailsOverflow' },
  { perThousand: 12, run: 'reviewsRetried' },
  { perThousand: 6, run: 'reviewsUnreachable' },
  { perThousand: 10, run: 'ratingsTimeout' },
  { perThousand: 5, run: 'ratingsFault' },
] as const
type Scenario = (typeof SCENARIOS)[number]['run'] | 'productpage'

/** Microseconds after which a client's proxy gives up. */
const TIMEOUT_US = 2_500_000
/** How often an open TCP connection is reported. */
const PERIODIC_US = 5_000_000
/** Every pod talks to this many pods of a workload, so that large meshes stay sparse. */
const PEERS_MAX = 3
/** One in so many requests comes with a call of a client without a proxy. */
const PLAIN_CALLS = 25

/**
 * Plays requests through the mesh: each one becomes the entries that all proxies on its way would log. What happens is
 * decided by the random stream alone, so the same seed and number of requests give the same truth at any speed.
 */
export class Traffic {
  readonly #mesh: Mesh
  readonly #random: Random
  readonly #truth: TruthTable
  readonly #sink: EntrySink
  readonly #knowledge: Knowledge
  readonly #tracing: Tracing | undefined
  /** Spans of the proxies; empty when nobody traces. */
  readonly spans: TruthSpan[] = []
  readonly #sites = new Map<string, HttpCallSite>()
  readonly #facts = new HttpCallFacts()
  readonly #connections = new Map<Proxy, TcpConnection>()
  #nominalUs = 0
  #reportAtUs = 0

  constructor(options: {
    readonly mesh: Mesh
    readonly random: Random
    readonly truth: TruthTable
    readonly sink: EntrySink
    readonly knowledge: Knowledge
    /** Nobody by default. */
    readonly tracing?: Tracing | undefined
  }) {
    this.#mesh = options.mesh
    this.#random = options.random
    this.#truth = options.truth
    this.#sink = options.sink
    this.#knowledge = options.knowledge
    this.#tracing = options.tracing
    this.#facts.traceparent.set(Buffer.from('00-00000000000000000000000000000000-0000000000000000-01'))
  }

  /**
   * One request that reaches the gateway and ends at `nowUs` (microseconds since the epoch). `nominalUs` is when it
   * would end at an even pace since the beginning; timers of the simulated mesh follow it.
   */
  request(nowUs: number, nominalUs: number): void {
    this.#nominalUs = nominalUs
    if (nominalUs >= this.#reportAtUs) this.#reportOpen(nowUs)
    this.#newIds()
    if (this.#random.below(PLAIN_CALLS) === 0) this.#plainCall(nowUs)
    const gateway = this.#any(this.#mesh.gateway)
    const scenario = this.#pickScenario()
    switch (scenario) {
      case 'stylesheet':
        return this.#simplePage(gateway, nowUs, ENDPOINTS.stylesheet, this.#random.below(4) === 0 ? OUTCOMES.notModified : OUTCOMES.ok, 900)
      case 'login':
        return this.#simplePage(gateway, nowUs, ENDPOINTS.login, OUTCOMES.redirect, 2_500)
      case 'missing':
        return this.#simplePage(gateway, nowUs, ENDPOINTS.missing, OUTCOMES.notFound, 700)
      case 'noRoute':
        return this.#localReply(gateway, nowUs, ENDPOINTS.admin, OUTCOMES.noRoute)
      case 'rateLimited':
        return this.#localReply(gateway, nowUs, ENDPOINTS.login, OUTCOMES.rateLimited)
      case 'gatewayReset': {
        const productpage = this.#peerOf(gateway, this.#mesh.productpage)
        return this.#outbound(gateway, productpage, productpage.workload.service, ENDPOINTS.productpage, OUTCOMES.reset, nowUs - 2_400, 2_000)
      }
      default:
        return this.#productpage(gateway, nowUs, scenario)
    }
  }

  /** Closes every open TCP connection, as when the pods stop. */
  closeConnections(nowUs: number): void {
    for (const connection of this.#connections.values()) this.#report(connection, nowUs, true)
    this.#connections.clear()
  }

  /** A page that productpage answers by itself. */
  #simplePage(gateway: Proxy, nowUs: number, endpoint: Endpoint, outcome: Outcome, typicalUs: number): void {
    const ownUs = this.#random.microseconds(typicalUs)
    const startUs = nowUs - throughProxyUs(throughProxyUs(ownUs))
    this.#call(gateway, this.#mesh.productpage, endpoint, startUs, ownUs, outcome)
  }

  /** An answer that the gateway gives without asking anyone. */
  #localReply(gateway: Proxy, nowUs: number, endpoint: Endpoint, outcome: Outcome): void {
    const us = this.#random.between(60, 240)
    this.#outbound(gateway, undefined, undefined, endpoint, outcome, nowUs - us, us)
  }

  /** The product page: asks details, then reviews, which asks ratings in versions 2 and 3, which asks MongoDB. */
  #productpage(gateway: Proxy, nowUs: number, scenario: Scenario): void {
    const random = this.#random
    const productpage = this.#peerOf(gateway, this.#mesh.productpage)
    const reviewsVersion = scenario === 'slowReviews' || scenario === 'ratingsTimeout' || scenario === 'ratingsFault' ? random.between(1, 2) : random.below(3)
    const detailsUs = random.microseconds(1_800)
    const ratingsUs = random.microseconds(2_200)
    const reviewsOwnUs = random.microseconds(4_000) + (scenario === 'slowReviews' ? 1_500_000 + random.microseconds(600_000) : 0)
    const ownUs = random.microseconds(6_000)
    const ratingsWaitUs = reviewsVersion === 0 ? 0 : this.#ratingsWaitUs(scenario, ratingsUs)
    const reviewsUs = reviewsOwnUs + ratingsWaitUs
    const detailsWaitUs = throughProxyUs(throughProxyUs(detailsUs))
    const reviewsWaitUs = throughProxyUs(throughProxyUs(reviewsUs))
    const pageUs = ownUs + detailsWaitUs + reviewsWaitUs
    const startUs = nowUs - throughProxyUs(throughProxyUs(pageUs))
    // Half of productpage's own time passes before its first call.
    const detailsAtUs = startUs + Math.round(ownUs / 2)
    if (scenario === 'rates') this.#passthrough(productpage, detailsAtUs)
    this.#details(productpage, scenario, detailsAtUs, detailsUs)
    this.#reviews(productpage, scenario, detailsAtUs + detailsWaitUs, { version: reviewsVersion, reviewsUs, ratingsUs, ratingsWaitUs })
    const outcome = scenario === 'clientGone' ? OUTCOMES.clientGone : OUTCOMES.ok
    this.#callTo(gateway, productpage, ENDPOINTS.productpage, startUs, pageUs, outcome)
  }

  /** How long reviews waits for ratings. */
  #ratingsWaitUs(scenario: Scenario, ratingsUs: number): number {
    if (scenario === 'ratingsTimeout') return TIMEOUT_US
    if (scenario === 'ratingsFault') return 200
    return throughProxyUs(throughProxyUs(ratingsUs))
  }

  #details(productpage: Proxy, scenario: Scenario, atUs: number, us: number): void {
    const details = this.#peerOf(productpage, this.#mesh.details)
    const { service } = details.workload
    if (scenario === 'detailsGone') this.#outbound(productpage, undefined, service, ENDPOINTS.details, OUTCOMES.noHealthyUpstream, atUs, 150)
    else if (scenario === 'detailsOverflow') this.#outbound(productpage, undefined, service, ENDPOINTS.details, OUTCOMES.overflow, atUs, 150)
    else this.#callTo(productpage, details, ENDPOINTS.details, atUs, us, scenario === 'detailsError' ? OUTCOMES.internalError : OUTCOMES.ok)
  }

  #reviews(
    productpage: Proxy,
    scenario: Scenario,
    atUs: number,
    plan: { readonly version: number; readonly reviewsUs: number; readonly ratingsUs: number; readonly ratingsWaitUs: number },
  ): void {
    const { reviewsV1, reviewsV2, reviewsV3 } = this.#mesh
    const reviews = this.#peerOf(productpage, [reviewsV1, reviewsV2, reviewsV3][plan.version] as readonly Proxy[])
    if (scenario === 'reviewsUnreachable') {
      this.#outbound(productpage, reviews, reviews.workload.service, ENDPOINTS.reviews, OUTCOMES.connectFailureAfterRetries, atUs, 75_000)
      return
    }
    if (plan.version > 0) this.#ratings(reviews, scenario, atUs + plan.reviewsUs - plan.ratingsWaitUs, plan.ratingsUs)
    if (scenario === 'reviewsRetried') {
      this.#inbound(productpage, reviews, ENDPOINTS.reviews, OUTCOMES.ok, atUs + 25_000, plan.reviewsUs)
      this.#outbound(productpage, reviews, reviews.workload.service, ENDPOINTS.reviews, OUTCOMES.okAfterRetry, atUs, 25_000 + throughProxyUs(plan.reviewsUs))
    } else this.#callTo(productpage, reviews, ENDPOINTS.reviews, atUs, plan.reviewsUs, OUTCOMES.ok)
  }

  #ratings(reviews: Proxy, scenario: Scenario, atUs: number, us: number): void {
    const ratings = this.#peerOf(reviews, this.#mesh.ratings)
    const { service } = ratings.workload
    if (scenario === 'ratingsFault') {
      this.#outbound(reviews, undefined, service, ENDPOINTS.ratings, OUTCOMES.injectedFault, atUs, 120)
      return
    }
    this.#query(ratings, atUs)
    if (scenario === 'ratingsTimeout') {
      this.#inbound(reviews, ratings, ENDPOINTS.ratings, OUTCOMES.clientGone, atUs + 400, TIMEOUT_US - 500)
      this.#outbound(reviews, ratings, service, ENDPOINTS.ratings, OUTCOMES.timeout, atUs, TIMEOUT_US)
    } else this.#callTo(reviews, ratings, ENDPOINTS.ratings, atUs, us, OUTCOMES.ok)
  }

  /** A call to a host that is not in the mesh's registry. */
  #passthrough(productpage: Proxy, atUs: number): void {
    this.#outbound(productpage, undefined, undefined, ENDPOINTS.rates, OUTCOMES.ok, atUs, this.#random.microseconds(30_000))
  }

  /** A call from a pod outside of the mesh: only the server's proxy sees it, and only the client's address. */
  #plainCall(nowUs: number): void {
    const plainClient = this.#any(this.#mesh.clients)
    const reporter = this.#peerOf(plainClient, this.#mesh.details)
    const us = throughProxyUs(this.#random.microseconds(1_800))
    const call: HttpCall = {
      direction: 'inbound',
      reporter,
      peer: undefined,
      plainClient,
      service: reporter.workload.service,
      endpoint: ENDPOINTS.details,
      outcome: OUTCOMES.ok,
    }
    this.#entry(call, nowUs - us, us)
  }

  #call(client: Proxy, servers: readonly Proxy[], endpoint: Endpoint, atUs: number, us: number, outcome: Outcome): void {
    this.#callTo(client, this.#peerOf(client, servers), endpoint, atUs, us, outcome)
  }

  /** A call that both proxies see end the same way; the server itself takes `us`. */
  #callTo(client: Proxy, server: Proxy, endpoint: Endpoint, atUs: number, us: number, outcome: Outcome): void {
    const serverUs = throughProxyUs(us)
    this.#inbound(client, server, endpoint, outcome, atUs + 330, us)
    this.#outbound(client, server, server.workload.service, endpoint, outcome, atUs, throughProxyUs(serverUs))
  }

  #inbound(client: Proxy, server: Proxy, endpoint: Endpoint, outcome: Outcome, startUs: number, us: number): void {
    this.#entry({ direction: 'inbound', reporter: server, peer: client, service: server.workload.service, endpoint, outcome }, startUs, throughProxyUs(us))
  }

  #outbound(
    client: Proxy,
    server: Proxy | undefined,
    service: Service | undefined,
    endpoint: Endpoint,
    outcome: Outcome,
    startUs: number,
    durationUs: number,
  ): void {
    this.#entry({ direction: 'outbound', reporter: client, peer: server, service, endpoint, outcome }, startUs, durationUs)
  }

  #entry(call: HttpCall, startUs: number, durationUs: number): void {
    const site = this.#siteOf(call)
    const facts = this.#facts
    const random = this.#random
    facts.startUs = startUs
    facts.durationUs = durationUs
    facts.upstreamUs = Math.max(100, durationUs - throughProxyUs(0))
    facts.downstreamPort = random.between(32_768, 60_999)
    facts.upstreamPort = random.between(32_768, 60_999)
    facts.requestBody = random.between(...call.endpoint.requestBody)
    facts.responseBody = call.outcome.code === 304 || call.outcome.code === 0 ? 0 : this.#responseBody(call)
    random.hex(facts.traceparent, 36, 16)
    if (this.#tracing !== undefined) this.#trace(call, this.#tracing)
    this.#sink.http(site, facts)
  }

  /** Puts the span that the proxy logs into the header, and with proxies that trace all ids into tags. */
  #trace(call: HttpCall, tracing: Tracing): void {
    const facts = this.#facts
    const traceId = Buffer.from(facts.traceparent.subarray(3, 35)).toString('latin1')
    const own = spanIdsOf(traceId, call)
    const callerId = callerSpanOf(traceId, call)
    const isByProxies = tracing === 'proxies'
    facts.tracing = isByProxies ? { traceId, ...own } : undefined
    facts.traceparent.set(Buffer.from(isByProxies ? own.spanId : callerId), 36)
    if (this.spans.length >= SPANS_MAX) return
    const isOfCaller = call.direction === 'outbound' || call.peer === undefined
    const ids = isByProxies ? own : { spanId: '', parentSpanId: isOfCaller ? callerId : '' }
    const { startUs, durationUs } = facts
    this.spans.push({ traceId, ...ids, workload: call.reporter.workload.name, kind: spanKindOf(call), startUs, durationUs, code: call.outcome.code })
  }

  #responseBody({ endpoint, outcome }: HttpCall): number {
    return outcome.answered ? this.#random.between(...endpoint.responseBody) : outcome.details.length + 40
  }

  #siteOf(call: HttpCall): HttpCallSite {
    const key = `${call.direction} ${call.reporter.index} ${call.peer?.index} ${call.plainClient?.ip} ${call.service?.name} ${call.endpoint.path} ${call.outcome.details} ${call.outcome.code} ${call.outcome.attempts}`
    let site = this.#sites.get(key)
    if (site === undefined) {
      site = httpCallSite(call, this.#knowledge, (labels) => this.#truth.rowOf('http', labels))
      this.#sites.set(key, site)
    }
    return site
  }

  /** A query of ratings to MongoDB over its one connection, which is replaced from time to time. */
  #query(ratings: Proxy, nowUs: number): void {
    const random = this.#random
    const connection = this.#connections.get(ratings) ?? this.#connect(ratings, nowUs)
    if (connection === undefined) return
    connection.receivedBytes += random.between(110, 160)
    connection.sentBytes += random.between(600, 950)
    connection.queriesLeft--
    if (connection.queriesLeft > 0) return
    this.#connections.delete(ratings)
    this.#report(connection, nowUs, true)
  }

  /** Opens a connection; one in fifty is refused (undefined). */
  #connect(ratings: Proxy, nowUs: number): TcpConnection | undefined {
    const random = this.#random
    const flags: readonly ResponseFlagCode[] = random.below(50) === 0 ? ['UF', 'URX'] : []
    const connection = new TcpConnection({
      client: ratings,
      server: this.#peerOf(ratings, this.#mesh.mongodb),
      startUs: nowUs,
      nominalUs: this.#nominalUs,
      queries: random.between(20, 60),
      port: random.between(32_768, 60_999),
      flags,
      knowledge: this.#knowledge,
      newId: () => this.#uuid(new Uint8Array(36)),
      rowOf: (labels) => this.#truth.rowOf('tcp', labels),
    })
    if (flags.length > 0) {
      this.#report(connection, nowUs + 1_000, true)
      return undefined
    }
    this.#connections.set(ratings, connection)
    return connection
  }

  /** Once a second: the periodic entries of connections that are due. */
  #reportOpen(nowUs: number): void {
    this.#reportAtUs = this.#nominalUs + 1_000_000
    for (const connection of this.#connections.values()) {
      if (this.#nominalUs - connection.reportedAtUs < PERIODIC_US) continue
      connection.reportedAtUs = this.#nominalUs
      this.#report(connection, nowUs, false)
    }
  }

  #report(connection: TcpConnection, nowUs: number, isEnd: boolean): void {
    for (const end of connection.ends) this.#sink.tcp(end, nowUs, isEnd)
  }

  #pickScenario(): Scenario {
    let pick = this.#random.below(1000)
    for (const { perThousand, run } of SCENARIOS) {
      if (pick < perThousand) return run
      pick -= perThousand
    }
    return 'productpage'
  }

  #any<P extends Pod>(pods: readonly P[]): P {
    return pods[this.#random.below(pods.length)] as P
  }

  /** One of the few pods of a workload that a pod talks to. */
  #peerOf(from: Pod, among: readonly Proxy[]): Proxy {
    const at = from.replica + this.#random.below(Math.min(PEERS_MAX, among.length))
    return among[at % among.length] as Proxy
  }

  /** A request id and a trace id for the next request. */
  #newIds(): void {
    this.#uuid(this.#facts.requestId)
    this.#random.hex(this.#facts.traceparent, 3, 32)
  }

  #uuid(into: Uint8Array): Uint8Array {
    this.#random.hex(into, 0, 36)
    for (const at of [8, 13, 18, 23]) into[at] = 0x2d
    into[14] = 0x34
    into[19] = 0x38
    return into
  }
}
