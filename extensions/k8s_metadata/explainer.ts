import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../component/component.ts'
import type { IdentityExplanation } from '../../model/identity/handles.ts'
import type { IdentityIndex, IdentityNeeds } from '../../model/identity/index.ts'
import { normalizeIp } from '../../model/identity/ip.ts'
import type { IdentityObject } from '../../model/identity/objects.ts'
import type { WatchReport, WatchState } from './watch_protocol.ts'

/** The body of an answer, as JSON; also what `meshscope explain --format json` prints. */
export interface ExplainAnswer {
  readonly question: { readonly kind: 'ip' | 'pod' | 'host'; readonly name: string; readonly port: number; readonly timeMs: number }
  /** What the components of the daemon get for the question; null for nothing. */
  readonly answer: IdentityObject | null
  /** Every claim to an address; only for `ip`. */
  readonly claims?: IdentityExplanation
  /** What limits the answer, for people. */
  readonly notes: readonly string[]
  readonly index: { readonly isSynced: boolean; readonly isClusterWide: boolean; readonly changedMs: number; readonly watches: readonly WatchState[] }
}

export interface ExplainerOptions {
  readonly clock: Clock
  readonly index: IdentityIndex
  readonly needs: IdentityNeeds
  readonly report: () => WatchReport | undefined
  /** Asks the thread that owns the index; undefined when there is none because nothing is watched. */
  readonly explain: (question: { readonly ip: string; readonly port: number; readonly timeMs: number }) => Promise<IdentityExplanation> | undefined
}

type Question = ExplainAnswer['question']

const FORMS =
  'GET /explain?ip=10.1.2.3, /explain?ip=10.1.2.3&port=8080&at=2026-01-01T00:00:00Z, /explain?pod=namespace/name or /explain?host=reviews.default.svc.cluster.local'

/** What must be kept for a question to have an answer. */
const LOOKUPS = { ip: 'address', pod: 'pod_name', host: 'host' } as const

/** Answers over HTTP what an address, a pod or a host is, and why. */
export class Explainer {
  readonly #options: ExplainerOptions

  constructor(options: ExplainerOptions) {
    this.#options = options
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return sendError(response, 405, 'only GET and HEAD')
    }
    if (url.pathname !== '/explain') return sendError(response, 404, `not here; ask ${FORMS}`)
    const question = parseQuestion(url.searchParams, this.#options.clock.now())
    if (typeof question === 'string') return sendError(response, 400, question)
    try {
      send(response, 200, await this.#explain(question))
    } catch (error) {
      sendError(response, 503, error instanceof Error ? error.message : String(error))
    }
  }

  async #explain(question: Question): Promise<ExplainAnswer> {
    const { kind } = question
    const isKept = this.#options.needs.lookups.includes(LOOKUPS[kind])
    const notes = isKept ? [] : [`no component of this daemon looks things up by ${kind}: such keys are not kept`]
    return { question, ...(await this.#lookUp(question)), notes: [...notes, ...this.#limits()], index: this.#state() }
  }

  async #lookUp({ kind, name, port, timeMs }: Question): Promise<Pick<ExplainAnswer, 'answer' | 'claims'>> {
    const { index, explain } = this.#options
    if (kind === 'host') return { answer: index.serviceByHost(name) ?? null }
    if (kind === 'pod') {
      const [namespace = '', pod = ''] = name.split('/')
      return { answer: index.podByName(namespace, pod) ?? null }
    }
    const claims = await explain({ ip: name, port, timeMs })
    const answer = index.byAddress(name, port, timeMs)?.value ?? index.serviceByAddress(name, port, timeMs)?.value ?? null
    return { answer, ...(claims === undefined ? {} : { claims }) }
  }

  #limits(): string[] {
    const { index, report } = this.#options
    const now = report()
    if (now === undefined || now.watches.length === 0) return [now === undefined || now.accessError === '' ? 'nothing is watched yet' : now.accessError]
    return [
      ...(index.isSynced ? [] : ['not everything has been listed yet: what is not found may still come']),
      ...(index.isClusterWide ? [] : ['not the pods of the whole cluster are watched: what is not found may be elsewhere']),
    ]
  }

  #state(): ExplainAnswer['index'] {
    const { index, report } = this.#options
    return { isSynced: index.isSynced, isClusterWide: index.isClusterWide, changedMs: index.changedMs, watches: report()?.watches ?? [] }
  }
}

/** The question of a query, or what is wrong with it. */
function parseQuestion(query: URLSearchParams, nowMs: number): Question | string {
  const kinds = (['ip', 'pod', 'host'] as const).filter((kind) => query.has(kind))
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) return `expected one of ip, pod and host; ask ${FORMS}`
  const timeMs = parseTime(query.get('at'), nowMs)
  if (timeMs === undefined) return `at: not a time: ${query.get('at')}; expected RFC 3339 or milliseconds since the epoch`
  const portText = query.get('port') ?? '0'
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : Number.NaN
  if (!(port <= 65_535)) return `port: not a port: ${portText}; expected 0 to 65535`
  const name = query.get(kind) ?? ''
  if (kind === 'ip') {
    const ip = normalizeIp(name)
    return ip === undefined ? `ip: not an IP address: ${name}` : { kind, name: ip, port, timeMs }
  }
  if (kind === 'pod' && !/^[^/]+\/[^/]+$/.test(name)) return `pod: not a pod: ${name}; expected namespace/name`
  return name === '' ? `${kind}: empty` : { kind, name: kind === 'host' ? name.toLowerCase() : name, port, timeMs }
}

function parseTime(text: string | null, nowMs: number): number | undefined {
  if (text === null || text === '') return nowMs
  const ms = /^\d{1,16}$/.test(text) ? Number(text) : Date.parse(text)
  return Number.isFinite(ms) ? ms : undefined
}

function sendError(response: ServerResponse, status: number, error: string): void {
  send(response, status, { error })
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = `${JSON.stringify(body)}\n`
  response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(text) }).end(text)
}
