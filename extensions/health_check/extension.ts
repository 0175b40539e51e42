import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Component, Host, Settings, ShutdownOptions } from '../../component/component.ts'
import type { ComponentView, ProcessView } from '../../component/factory.ts'
import { HttpServer } from '../../component/kit/http_server.ts'
import type { HealthCheckConfig } from './config.ts'

/** What `/` answers; also the body of the probes, so that a failed one explains itself. */
export interface HealthReport {
  readonly status: 'ready' | 'not ready'
  /** RFC 3339. */
  readonly started_at: string
  readonly components: readonly HealthEntry[]
  readonly last_reload?: { readonly at: string; readonly error?: string }
}

export interface HealthEntry {
  readonly address: string
  readonly kind: string
  readonly worker?: number
  readonly status: string
  readonly error?: string
  readonly since: string
}

/**
 * Tells how the process is, over HTTP: `/livez` (should it be restarted?), `/readyz` (does it take data?) and a page
 * with the status of everything.
 *
 * That it answers at all shows that the event loop of the main thread runs. `/livez` fails when an ingest worker stands
 * still and could not be replaced: workers that die are started again without anybody's help.
 */
export class HealthCheck implements Component {
  readonly #path: string
  readonly #view: ProcessView
  readonly #server: HttpServer

  constructor(settings: Settings, config: HealthCheckConfig, view: ProcessView) {
    this.#path = config.path
    this.#view = view
    this.#server = new HttpServer(config, { log: settings.log, clock: settings.clock, handle: (request, response) => this.#answer(request, response) })
  }

  start(host: Host): Promise<void> {
    return this.#server.start(host)
  }

  shutdown(options: ShutdownOptions): Promise<void> {
    return this.#server.close(options)
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? '/').split('?', 1)[0] as string
    const isGood = this.#verdict(path)
    if (isGood === undefined) {
      response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`not here; see ${this.#path}, /livez and /readyz\n`)
      return
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { Allow: 'GET, HEAD' }).end()
      return
    }
    const body = `${JSON.stringify(this.#report(path), undefined, 2)}\n`
    response
      .writeHead(isGood ? 200 : 503, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
      .end(request.method === 'HEAD' ? undefined : body)
  }

  #verdict(path: string): boolean | undefined {
    if (path === '/livez') return !this.#view.components().some(isLost)
    if (path === '/readyz' || path === this.#path) return this.#view.isReady()
    return undefined
  }

  /** Probes get what is not well only. */
  #report(path: string): HealthReport {
    const all = this.#view.components()
    const shown = path === this.#path ? all : all.filter(({ status }) => status.kind !== 'ok')
    const reload = this.#view.lastReload()
    return {
      status: this.#view.isReady() ? 'ready' : 'not ready',
      started_at: new Date(this.#view.startedAt).toISOString(),
      components: shown.map(entryOf),
      ...(reload === undefined
        ? {}
        : { last_reload: { at: new Date(reload.at).toISOString(), ...(reload.error === undefined ? {} : { error: reload.error }) } }),
    }
  }
}

function isLost({ kind, status }: ComponentView): boolean {
  return kind === 'worker' && status.kind === 'permanent_error'
}

function entryOf({ address, kind, worker, status, since }: ComponentView): HealthEntry {
  return {
    address,
    kind,
    ...(worker === undefined ? {} : { worker }),
    status: status.kind,
    ...(status.error === undefined ? {} : { error: status.error }),
    since: new Date(since).toISOString(),
  }
}
