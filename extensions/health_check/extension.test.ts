import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ComponentView } from '../../component/factory.ts'
import { FakeHost, fakeSettings } from '../../test/fakes/settings.ts'
import type { HealthCheckConfig } from './config.ts'
import { healthCheckExtension } from './factory.ts'

const config: HealthCheckConfig = {
  endpoint: '127.0.0.1:0',
  path: '/',
  read_timeout: '0s',
  read_header_timeout: '1m',
  write_timeout: '30s',
  idle_timeout: '1m',
  keep_alives_enabled: true,
  response_headers: {},
}
const exporter: ComponentView = { address: 'exporters.x', kind: 'exporter', status: { kind: 'ok' }, since: 1000 }
const worker: ComponentView = { address: 'service.workers', kind: 'worker', worker: 1, status: { kind: 'ok' }, since: 2000 }

let isReady = true
let components: ComponentView[] = []
let reload: { readonly at: number; readonly error?: string } | undefined
const opened: { shutdown?: (options: { signal: AbortSignal }) => void | Promise<void> }[] = []

beforeEach(() => {
  isReady = true
  components = [exporter, worker]
  reload = undefined
})
afterEach(async () => {
  for (const extension of opened.splice(0)) await extension.shutdown?.({ signal: AbortSignal.abort() })
})

async function open(more: Partial<HealthCheckConfig> = {}): Promise<(path: string, method?: string) => Promise<{ status: number; body: string }>> {
  const view = { components: () => components, isReady: () => isReady, lastReload: () => reload, startedAt: 0 }
  const extension = healthCheckExtension.create(fakeSettings('extension', 'health_check'), { ...config, ...more }, view, [])
  const host = new FakeHost()
  await extension.start?.(host)
  opened.push(extension)
  return async (path, method = 'GET') => {
    const response = await fetch(`http://127.0.0.1:${host.listeners[0]?.port}${path}`, { method })
    return { status: response.status, body: await response.text() }
  }
}

test('tells the status of everything', async () => {
  reload = { at: 3000, error: 'config.yaml:1:1 bad' }
  const get = await open()
  const { status, body } = await get('/?verbose')
  expect(status).toBe(200)
  expect(JSON.parse(body)).toEqual({
    status: 'ready',
    started_at: '1970-01-01T00:00:00.000Z',
    components: [
      { address: 'exporters.x', kind: 'exporter', status: 'ok', since: '1970-01-01T00:00:01.000Z' },
      { address: 'service.workers', kind: 'worker', worker: 1, status: 'ok', since: '1970-01-01T00:00:02.000Z' },
    ],
    last_reload: { at: '1970-01-01T00:00:03.000Z', error: 'config.yaml:1:1 bad' },
  })
})

test('a process that is not ready says which part is to blame, and is alive', async () => {
  isReady = false
  components = [exporter, { ...worker, status: { kind: 'recoverable_error', error: 'ended (exit); starts again in 100 ms' } }]
  const get = await open()
  const ready = await get('/readyz')
  expect(ready.status).toBe(503)
  expect((JSON.parse(ready.body) as { components: unknown[] }).components).toEqual([
    {
      address: 'service.workers',
      kind: 'worker',
      worker: 1,
      status: 'recoverable_error',
      error: 'ended (exit); starts again in 100 ms',
      since: '1970-01-01T00:00:02.000Z',
    },
  ])
  expect((await get('/')).status).toBe(503)
  expect((await get('/livez')).status).toBe(200)
})

test('a worker that is lost for good asks for a restart of the process; a failed component does not', async () => {
  const get = await open()
  components = [{ ...exporter, status: { kind: 'permanent_error', error: 'no credentials' } }, worker]
  expect((await get('/livez')).status).toBe(200)
  components = [exporter, { ...worker, status: { kind: 'permanent_error', error: 'does not respond since 40 s' } }]
  expect((await get('/livez')).status).toBe(503)
})

test('the page can be elsewhere; other paths and methods are told off', async () => {
  const get = await open({ path: '/health' })
  expect((await get('/health')).status).toBe(200)
  expect(await get('/')).toEqual({ status: 404, body: 'not here; see /health, /livez and /readyz\n' })
  expect((await get('/readyz', 'POST')).status).toBe(405)
  expect(await get('/readyz', 'HEAD')).toEqual({ status: 200, body: '' })
})

test('the path of a probe cannot be taken', () => {
  expect(healthCheckExtension.config.check?.({ ...config, path: '/livez' })).toMatchObject([{ path: ['path'], problem: 'path is taken' }])
  expect(healthCheckExtension.config.check?.(config)).toEqual([])
})

test('a certificate without its key is a config problem', () => {
  const tls = { cert_file: 'cert.pem', min_version: '1.2', max_version: '1.3', cipher_suites: [], curve_preferences: [], reload_interval: '1m' } as const
  expect(healthCheckExtension.config.check?.({ ...config, tls })?.map(({ path }) => path[0])).toContain('tls')
})
