import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Host, Settings, ShutdownOptions } from '../../component/component.ts'
import { HttpServer } from '../../component/kit/http_server.ts'
import type { Talker } from './aggregate/talkers.ts'
import { type ClientCounts, mergeClients } from './clients.ts'
import type { RejectedLine } from './ledger.ts'
import type { WorkerReport } from './messages.ts'

/** What the page is made of. */
export interface DebugReport {
  readonly receiver: string
  readonly talkers: readonly Talker[]
  readonly series: number
  /** Undefined for transports without datagrams. */
  readonly kernelDrops: number | undefined
  /** The last events and service checks, as they came. */
  readonly events: readonly string[]
  readonly workers: readonly WorkerReport[]
  /** Workers that did not answer in time. */
  readonly missing: number
}

const PATH = '/debug/statsd'
const LIMIT = { default: 50, most: 1000 }

/** Serves `/debug/statsd`: who sends, what is sent most, and what was rejected last, as text or JSON. */
export class DebugPage {
  readonly #report: (limit: number) => Promise<DebugReport>
  readonly #server: HttpServer

  constructor(endpoint: string, settings: Settings, report: (limit: number) => Promise<DebugReport>) {
    this.#report = report
    const config = {
      endpoint,
      read_timeout: '10s',
      read_header_timeout: '10s',
      write_timeout: '30s',
      idle_timeout: '1m',
      keep_alives_enabled: true,
      response_headers: {},
    }
    this.#server = new HttpServer(config, { log: settings.log, clock: settings.clock, handle: (request, response) => this.#answer(request, response) })
  }

  start(host: Host): Promise<void> {
    return this.#server.start(host)
  }

  close(options: ShutdownOptions): Promise<void> {
    return this.#server.close(options)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost')
    if (url.pathname !== PATH) {
      response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`not here; see ${PATH}\n`)
      return
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end()
      return
    }
    const limit = Number(url.searchParams.get('limit') ?? LIMIT.default)
    const page = debugView(await this.#report(Number.isInteger(limit) && limit > 0 ? Math.min(limit, LIMIT.most) : LIMIT.default), LIMIT.default)
    const isJson = url.searchParams.get('format') === 'json' || (request.headers.accept ?? '').includes('application/json')
    const [type, body] = isJson ? ['application/json', `${JSON.stringify(page, undefined, 2)}\n`] : ['text/plain; charset=utf-8', debugText(page)]
    response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(request.method === 'HEAD' ? undefined : body)
  }
}

/** The page as data. */
export interface DebugView {
  readonly receiver: string
  readonly series: number
  readonly kernel_dropped_packets?: number
  readonly workers_without_answer: number
  readonly remembered_lines: number
  readonly top: readonly {
    readonly metric: string
    readonly type: string
    readonly labels: Readonly<Record<string, string>>
    readonly samples: number
    readonly per_second: number
    readonly last_seen: string
    /** Numbers of the mapping's rules that make metrics of this name. */
    readonly rules: readonly number[]
  }[]
  readonly rejected: readonly { readonly reason: string; readonly lines: number; readonly last: string; readonly sender: string; readonly at: string }[]
  readonly clients: readonly {
    readonly address: string
    readonly packets: number
    readonly lines: number
    readonly rejected: number
    readonly bytes: number
    readonly last_seen: string
  }[]
  readonly events: readonly string[]
}

/** Puts together what the workers say. */
export function debugView(report: DebugReport, clientsMax: number): DebugView {
  const rules = new Map<string, Set<number>>()
  for (const [name, numbers] of report.workers.flatMap((worker) => worker.rules)) rules.set(name, new Set([...(rules.get(name) ?? []), ...numbers]))
  return {
    receiver: report.receiver,
    series: report.series,
    ...(report.kernelDrops === undefined ? {} : { kernel_dropped_packets: report.kernelDrops }),
    workers_without_answer: report.missing,
    remembered_lines: report.workers.reduce((sum, worker) => sum + worker.remembered, 0),
    top: report.talkers.map(({ name, kind, attributes, samples, ratePerS, lastSeenMs }) => ({
      metric: name,
      type: kind,
      labels: Object.fromEntries(attributes.keys.map((key) => [key, attributes.get(key) as string])),
      samples,
      per_second: Math.round(ratePerS * 100) / 100,
      last_seen: timeText(lastSeenMs),
      rules: [...(rules.get(name) ?? [])].sort((a, b) => a - b),
    })),
    rejected: mergeRejected(report.workers.flatMap((worker) => worker.rejected)),
    clients: mergeClients(
      report.workers.map((worker) => worker.clients),
      clientsMax,
    ).map(clientView),
    events: report.events,
  }
}

function mergeRejected(lines: readonly RejectedLine[]): DebugView['rejected'] {
  return Array.from(
    Map.groupBy(lines, ({ reason }) => reason),
    ([reason, all]) => {
      const last = all.reduce((a, b) => (b.atMs > a.atMs ? b : a))
      return { reason, lines: all.reduce((sum, one) => sum + one.lines, 0), last: last.last, sender: last.sender, at: timeText(last.atMs) }
    },
  ).sort((a, b) => b.lines - a.lines)
}

function clientView({ address, packets, lines, rejected, bytes, lastSeenMs }: ClientCounts): DebugView['clients'][number] {
  return { address, packets, lines, rejected, bytes, last_seen: timeText(lastSeenMs) }
}

/** The page as text, a table for each part. */
export function debugText(view: DebugView): string {
  const { kernel_dropped_packets: drops } = view
  const parts = [
    `receiver ${view.receiver}: ${view.series} series, ${view.remembered_lines} different lines known${drops === undefined ? '' : `, ${drops} packets dropped by the kernel`}`,
    ...(view.workers_without_answer > 0 ? [`${view.workers_without_answer} workers did not answer in time and are missing below`] : []),
    table(
      'top talkers',
      ['per second', 'samples', 'last seen', 'rules', 'type', 'series'],
      view.top.map((one) => [String(one.per_second), String(one.samples), one.last_seen, one.rules.join(','), one.type, seriesText(one.metric, one.labels)]),
    ),
    table(
      'rejected lines',
      ['reason', 'lines', 'at', 'sender', 'last'],
      view.rejected.map((one) => [one.reason, String(one.lines), one.at, one.sender, JSON.stringify(one.last)]),
    ),
    table(
      'clients',
      ['address', 'packets', 'lines', 'rejected', 'bytes', 'last seen'],
      view.clients.map((one) => [one.address, String(one.packets), String(one.lines), String(one.rejected), String(one.bytes), one.last_seen]),
    ),
    table(
      'last events and service checks',
      ['line'],
      view.events.map((line) => [JSON.stringify(line)]),
    ),
  ]
  return `${parts.join('\n\n')}\n`
}

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return `${title}: none`
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  return [title, ...all.map((row) => `  ${row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ')}`)].join(
    '\n',
  )
}

function seriesText(metric: string, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  return pairs.length === 0 ? metric : `${metric}{${pairs.join(',')}}`
}

function timeText(ms: number): string {
  return ms > 0 ? new Date(ms).toISOString() : ''
}
