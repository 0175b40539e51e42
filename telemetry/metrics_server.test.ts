import { createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { FakeLogger } from '../test/fakes/settings.ts'
import { MetricsServer } from './metrics_server.ts'
import { OwnTelemetry } from './own_telemetry.ts'
import { observeProcess } from './process_metrics.ts'

const servers: MetricsServer[] = []
function newServer(own: OwnTelemetry, address = '127.0.0.1:0'): MetricsServer {
  const server = new MetricsServer(own, { address, resource: { 'service.name': 'meshscope' }, log: new FakeLogger() })
  servers.push(server)
  return server
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.shutdown()))
})

test('serves exact names, without _total, units and scope labels', async () => {
  const own = new OwnTelemetry()
  own
    .counter({ name: 'otelcol_a', description: 'A "quoted" counter.', unit: '{records}', type: 'counter' }, { receiver: 'x/"y"', 'otel.signal': 'logs' })
    .add(3)
  own.gauge({ name: 'meshscope_size_total', description: 'A gauge with an odd name.', unit: 'By', type: 'gauge' }).set(1.5)
  const server = newServer(own)
  const port = await server.start()
  const response = await fetch(`http://127.0.0.1:${port}/metrics`)
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect(await response.text()).toBe(
    [
      '# HELP target_info Target metadata',
      '# TYPE target_info gauge',
      'target_info{service_name="meshscope"} 1',
      '# HELP otelcol_a A "quoted" counter.',
      '# TYPE otelcol_a counter',
      'otelcol_a{receiver="x/\\"y\\"",otel_signal="logs"} 3',
      '# HELP meshscope_size_total A gauge with an odd name.',
      '# TYPE meshscope_size_total gauge',
      'meshscope_size_total 1.5',
      '',
    ].join('\n'),
  )
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404)
})

test('a later look shows later counts and later instruments', async () => {
  const own = new OwnTelemetry()
  const server = newServer(own)
  own.counter({ name: 'first', description: 'First.', unit: '1', type: 'counter' }).add(1)
  expect(await server.render()).toContain('\nfirst 1\n')
  own.counter({ name: 'first', description: 'First.', unit: '1', type: 'counter' }).add(1)
  own.counter({ name: 'second', description: 'Second.', unit: '1', type: 'counter' }).add(5)
  const page = await server.render()
  expect(page).toContain('\nfirst 2\n')
  expect(page).toContain('\nsecond 5\n')
})

test('tells about the process under the names of the Collector', async () => {
  const own = new OwnTelemetry()
  const end = observeProcess(own)
  const page = await newServer(own).render()
  end()
  for (const name of ['otelcol_process_uptime', 'otelcol_process_cpu_seconds', 'otelcol_process_memory_rss', 'otelcol_process_runtime_heap_alloc_bytes']) {
    expect(page).toMatch(new RegExp(`^${name} [0-9.e+]+$`, 'm'))
  }
  expect(page).toMatch(/^meshscope_event_loop_delay_seconds\{statistic="max"\} /m)
})

test('says that its address is in use', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen({ port: 0, host: '127.0.0.1' }, resolve))
  const { port } = other.address() as { port: number }
  await expect(newServer(new OwnTelemetry(), `127.0.0.1:${port}`).start()).rejects.toThrow(
    `service.telemetry.metrics: cannot listen on tcp 127.0.0.1:${port}: address in use`,
  )
  await new Promise((resolve) => other.close(resolve))
})
