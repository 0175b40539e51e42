import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { DaemonProcess } from '../fakes/daemon_process.ts'
import { sendLines, until } from '../fakes/service_run.ts'

const daemons: DaemonProcess[] = []
function newDaemon(config: string, ...flags: string[]): DaemonProcess {
  const daemon = new DaemonProcess(config, ...flags)
  daemons.push(daemon)
  return daemon
}
afterEach(async () => {
  await Promise.all(daemons.splice(0).map((daemon) => daemon.dispose()))
})

const config = ({ receiver = '', processors = '[]', drain = '2s', threads = 1 } = {}): string => `
receivers:
  fake_lines: { endpoint: "127.0.0.1:0"${receiver} }
processors:
  fake_stamp: { stamp: 5 }
  fake_numbered: {}
connectors:
  fake_count: {}
exporters:
  fake_collect: {}
extensions:
  health_check: { endpoint: "127.0.0.1:0" }
service:
  extensions: [health_check]
  drain_timeout: ${drain}
  workers: { threads: ${threads} }
  telemetry:
    logs: { encoding: json }
    metrics: { address: "127.0.0.1:0" }
  pipelines:
    logs: { receivers: [fake_lines], processors: ${processors}, exporters: [fake_count] }
    metrics: { receivers: [fake_count], exporters: [fake_collect] }
`

const portOf = (address: string): number => Number(address.split(':').at(-1))
const get = async (address: string, path: string): Promise<{ status: number; text: string }> => {
  const response = await fetch(`http://${address}${path}`)
  return { status: response.status, text: await response.text() }
}

describe('signals', () => {
  test.for(['SIGTERM', 'SIGINT'] as const)('%s drains and exits 0', async (signal) => {
    const daemon = newDaemon(config())
    await daemon.logged('everything is up')
    daemon.kill(signal)
    expect(await daemon.ended()).toBe(0)
    expect(daemon.lines.at(-1)?.message).toBe('everything is drained and closed')
  })

  test('a missed drain deadline exits 5 and is logged with the component', async () => {
    const daemon = newDaemon(config({ receiver: ', hang_on_stop: true', drain: '50ms' }))
    await daemon.logged('everything is up')
    daemon.kill('SIGTERM')
    expect(await daemon.ended()).toBe(5)
    expect(await daemon.logged('drain deadline missed')).toMatchObject({ components: ['receivers.fake_lines'] })
  })

  test('a second signal exits at once, unless it is the echo of the first', async () => {
    const daemon = newDaemon(config({ receiver: ', hang_on_stop: true', drain: '1m' }))
    await daemon.logged('everything is up')
    daemon.kill('SIGTERM')
    await daemon.logged('draining; a second signal ends at once')
    const asked = performance.now()
    const again = setInterval(() => daemon.kill('SIGTERM'), 50)
    expect(await daemon.ended()).toBe(143)
    clearInterval(again)
    expect(performance.now() - asked).toBeGreaterThan(400)
  })

  test('a fatal component exits 4', async () => {
    const daemon = newDaemon(config())
    await sendLines(portOf(await daemon.listener('receivers.fake_lines')), [{ do: 'fatal' }])
    expect(await daemon.ended()).toBe(4)
    expect(await daemon.logged('component failed for good')).toMatchObject({ component: 'receivers.fake_lines', error: 'fatal because the test says so' })
  })
})

describe('a start that fails exits 3', () => {
  test('and names the component', async () => {
    const daemon = newDaemon(config({ receiver: ', fail_start: true' }))
    expect(await daemon.ended()).toBe(3)
    expect((await daemon.logged('cannot start'))['error']).toBe('receivers.fake_lines: cannot start because the test says so')
  })

  test('when the port is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen({ port: 0, host: '127.0.0.1' }, resolve))
    const { port } = other.address() as { port: number }
    const daemon = newDaemon(config().replace('fake_lines: { endpoint: "127.0.0.1:0"', `fake_lines: { endpoint: "127.0.0.1:${port}"`))
    expect(await daemon.ended()).toBe(3)
    expect((await daemon.logged('cannot start'))['error']).toBe(
      `receivers.fake_lines: cannot listen on tcp 127.0.0.1:${port}: address in use; stop the other listener or change endpoint`,
    )
    await new Promise((resolve) => other.close(resolve))
  })
})

describe('a reload', () => {
  test('on SIGHUP takes a good config, and leaves the old graph in place for a bad one', async () => {
    const daemon = newDaemon(config())
    const receiver = await daemon.listener('receivers.fake_lines')
    const health = await daemon.listener('extensions.health_check')
    writeFileSync(daemon.file, config({ processors: '[fake_stamp]' }))
    daemon.kill('SIGHUP')
    await daemon.logged('config loaded again')
    writeFileSync(daemon.file, 'receivers: { fake_lines: { endpiont: x } }')
    daemon.kill('SIGHUP')
    const refused = await daemon.logged('config not loaded again: the old one goes on')
    expect(refused['error']).toContain('unknown setting')
    expect(await sendLines(portOf(receiver), [{ rows: [['a', 200]] }])).toEqual(['ok'])
    const page = JSON.parse((await get(health, '/')).text) as { status: string; last_reload: { error: string } }
    expect(page.status).toBe('ready')
    expect(page.last_reload.error).toContain('unknown setting')
    const { port } = (await daemon.logged('own metrics are served')) as unknown as { port: number }
    const { text } = await get(`127.0.0.1:${port}`, '/metrics')
    expect(text).toContain('\nmeshscope_config_reloads 2\n')
    expect(text).toContain('\nmeshscope_config_reload_failures 1\n')
    expect(text).toContain('\nmeshscope_config_last_reload_success 0\n')
    expect(text).toContain('\notelcol_processor_incoming_items{processor="fake_stamp",otel_signal="logs"} 1\n')
  })

  test('starts an extension that a processor needs, and stops it when none does any more', async () => {
    const daemon = newDaemon(config())
    const health = await daemon.listener('extensions.health_check')
    const extensions = async (): Promise<string[]> => {
      const { components } = JSON.parse((await get(health, '/')).text) as { components: { address: string; status: string; worker?: number }[] }
      return components.filter(({ address }) => address.endsWith('fake_number')).map(({ status, worker }) => `${worker ?? 'main'} ${status}`)
    }
    await daemon.logged('everything is up')
    expect(await extensions()).toEqual([])
    for (const { processors, expected } of [
      { processors: '[fake_stamp, fake_numbered]', expected: ['main ok', '0 ok'] },
      { processors: '[fake_stamp]', expected: [] },
    ]) {
      writeFileSync(daemon.file, config({ processors }))
      daemon.kill('SIGHUP')
      await until('the extension has come or gone', async () => (await extensions()).join() === expected.join())
    }
    expect(await sendLines(portOf(await daemon.listener('receivers.fake_lines')), [{ rows: [['a', 200]] }])).toEqual(['ok'])
  })

  test('with --watch follows a file, and the symlink swap of a ConfigMap', async () => {
    const daemon = newDaemon(config(), '--watch')
    await daemon.logged('everything is up')
    writeFileSync(daemon.file, config({ processors: '[fake_stamp]' }))
    await daemon.logged('config loaded again')
    const version = (name: string, text: string): void => {
      mkdirSync(join(daemon.folder, name))
      writeFileSync(join(daemon.folder, name, 'config.yaml'), text)
      symlinkSync(name, join(daemon.folder, '..data_tmp'))
      renameSync(join(daemon.folder, '..data_tmp'), join(daemon.folder, '..data'))
    }
    version('..v1', config())
    symlinkSync('..data/config.yaml', join(daemon.folder, 'link'))
    renameSync(join(daemon.folder, 'link'), daemon.file)
    await daemon.logged('config loaded again', 2)
    version('..v2', config({ processors: '[fake_stamp]' }))
    expect(await daemon.logged('config loaded again', 3)).toMatchObject({ reason: 'file changed' })
  })

  test('with --watch follows files that a reload has brought in, and logs its warnings', async () => {
    const daemon = newDaemon(config(), '--watch')
    await daemon.logged('everything is up')
    const part = join(daemon.folder, 'stamp.yaml')
    writeFileSync(part, '{ stamp: 6 }')
    writeFileSync(daemon.file, config().replace('fake_stamp: { stamp: 5 }', `fake_stamp: \${file:${part}}`))
    await daemon.logged('config loaded again')
    expect((await daemon.logged('config loaded again with a warning'))['problem']).toContain('processors.fake_stamp')
    writeFileSync(part, '{ stamp: 7 }')
    expect(await daemon.logged('config loaded again', 2)).toMatchObject({ reason: 'file changed' })
  })
})

test('a worker that dies shows in readiness and telemetry, not in liveness', async () => {
  const daemon = newDaemon(config({ threads: 2 }))
  const receiver = portOf(await daemon.listener('receivers.fake_lines'))
  const health = await daemon.listener('extensions.health_check')
  expect((await get(health, '/readyz')).status).toBe(200)
  await sendLines(receiver, [{ rows: [['a', 200]] }])
  await sendLines(receiver, [{ do: 'throw' }])
  expect(await daemon.logged('ingest worker ended')).toMatchObject({ reason: 'uncaught_error', level: 'error' })
  expect((await get(health, '/livez')).status).toBe(200)
  await daemon.logged('ingest worker started again')
  await until('it is ready', async () => (await get(health, '/readyz')).status === 200)
  const { port } = (await daemon.logged('own metrics are served')) as unknown as { port: number }
  const { text } = await get(`127.0.0.1:${port}`, '/metrics')
  expect(text).toContain('\nmeshscope_worker_restarts{reason="uncaught_error"} 1\n')
  expect(text).toContain('\nmeshscope_workers_running 2\n')
  expect(text).toMatch(/^meshscope_worker_event_loop_delay_seconds\{worker="1",statistic="max"\} [\d.]+$/m)
  expect(text).toContain('\nmeshscope_connector_consumed_items{connector="fake_count",otel_signal="logs",outcome="success"} 1\n')
})
