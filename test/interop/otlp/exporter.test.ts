/**
 * The Go Collector on both sides of us: its OTLP exporter sends to our receiver, and our exporters send to its receivers, of which
 * its file exporter writes everything down. Then a Collector that comes late and goes in between.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Signal } from '../../../component/signal.ts'
import { parseLogsJson } from '../../../model/otlp/json.ts'
import { OtlpGrpcClient } from '../../fakes/otlp_client.ts'
import { freePort } from '../../free_port.ts'
import { temporaryFolder } from '../child.ts'
import { type CollectorConfig, type RunningCollector, startCollector } from '../collector.ts'
import { sumOf } from '../daemon.ts'
import { suite } from '../suite.ts'
import { settled } from '../waiting.ts'
import { namedRequest } from './backend.ts'
import { type Batch, batches, goldenBatches, sameText } from './batches.ts'
import { type Relay, startRelay } from './relay.ts'

/** How batches go from us to the Collector. */
const WAYS: Readonly<Record<string, object>> = {
  'otlp_grpc/plain': { compression: 'none' },
  'otlp_grpc/gzip': {},
  'otlp_http/plain': { compression: 'none' },
  'otlp_http/gzip': {},
  'otlp_http/zstd': { compression: 'zstd' },
  'otlp_http/deflate': { compression: 'deflate' },
  'otlp_http/json': { encoding: 'json' },
}
const SIGNALS = ['logs', 'metrics', 'traces'] as const satisfies readonly Signal[]

suite('between two Go Collectors', ['otelcol'], (paths) => {
  const folder = temporaryFolder('exporter')
  const sent: readonly Batch[] = [...goldenBatches(), ...batches()]
  let collector: RunningCollector
  let relay: Relay
  let client: OtlpGrpcClient

  const nameOf = (way: string): string => way.replace('/', '_')
  const fileOf = (way: string, signal: Signal): string => join(folder.path, `${nameOf(way)}_${signal}.jsonl`)

  beforeAll(async () => {
    const front = await freePort()
    const back: Record<string, number> = {}
    for (const way of Object.keys(WAYS)) back[way] = await freePort()
    const exporters = Object.fromEntries(
      Object.entries(WAYS).map(([way, settings]) => [
        way,
        { endpoint: `${way.startsWith('otlp_http') ? 'http://' : ''}127.0.0.1:${back[way]}`, tls: { insecure: true }, timeout: '30s', ...settings },
      ]),
    )
    relay = await startRelay({ exporters })
    collector = await startCollector({ binary: paths.otelcol, config: bothSides(front, back) })
    client = new OtlpGrpcClient(front)
    for (const { signal, bytes } of sent) expect(await client.export(signal, bytes)).toMatchObject({ code: status.OK })
  })

  afterAll(async () => {
    client?.close()
    await collector?.stop()
    await relay?.stop()
    folder.remove()
  })

  /** One process that is the Collector before us, at `front`, and the one behind us, with a receiver and files for each way. */
  function bothSides(front: number, back: Readonly<Record<string, number>>): CollectorConfig {
    const ways = Object.keys(WAYS)
    const receiverOf = (way: string): [string, object] => [
      `otlp/${nameOf(way)}`,
      { protocols: { [way.startsWith('otlp_http') ? 'http' : 'grpc']: { endpoint: `127.0.0.1:${back[way]}` } } },
    ]
    const each = <T>(make: (way: string, signal: Signal) => [string, T]): Record<string, T> =>
      Object.fromEntries(ways.flatMap((way) => SIGNALS.map((signal) => make(way, signal))))
    return {
      receivers: { 'otlp/front': { protocols: { grpc: { endpoint: `127.0.0.1:${front}` } } }, ...Object.fromEntries(ways.map(receiverOf)) },
      exporters: {
        'otlp_grpc/front': { endpoint: `127.0.0.1:${relay.ports.otlp}`, tls: { insecure: true } },
        ...each((way, signal) => [`file/${nameOf(way)}_${signal}`, { path: fileOf(way, signal), flush_interval: '100ms' }]),
      },
      service: {
        pipelines: {
          ...Object.fromEntries(SIGNALS.map((signal) => [`${signal}/front`, { receivers: ['otlp/front'], exporters: ['otlp_grpc/front'] }])),
          ...each((way, signal) => [`${signal}/${nameOf(way)}`, { receivers: [`otlp/${nameOf(way)}`], exporters: [`file/${nameOf(way)}_${signal}`] }]),
        },
      },
    }
  }

  describe.for(Object.keys(WAYS))('by %s', (way) => {
    test.for(SIGNALS)('%s arrive once and unchanged', async (signal) => {
      const wanted = sent.filter((batch) => batch.signal === signal)
      const lines = await settled(
        async () => readFileSync(fileOf(way, signal), 'utf8').split('\n').slice(0, -1),
        ({ length }) => length >= wanted.length,
      )
      expect(lines.map((line) => sameText(signal, line)).toSorted()).toEqual(wanted.map(({ text }) => sameText(signal, text)).toSorted())
    })
  })

  test('nothing was dropped or sent twice', async () => {
    const own = await relay.scrapeOwn()
    const itemsOf = (wanted: Signal): number => sent.reduce((sum, { signal, items }) => sum + (signal === wanted ? items : 0), 0)
    const counted = (name: string): number => sumOf(own, name) / Object.keys(WAYS).length
    expect(counted('otelcol_exporter_sent_log_records')).toBe(itemsOf('logs'))
    expect(counted('otelcol_exporter_sent_metric_points')).toBe(itemsOf('metrics'))
    expect(counted('otelcol_exporter_sent_spans')).toBe(itemsOf('traces'))
    expect(sumOf(own, 'meshscope_exporter_failed_attempts'), relay.child.output).toBe(0)
  })
})

suite('a Go Collector behind us that comes late and goes in between', ['otelcol'], (paths) => {
  test.for(['otlp_grpc', 'otlp_http'])('%s brings every record', async (exporter) => {
    const folder = temporaryFolder('late')
    const port = await freePort()
    const http = exporter === 'otlp_http'
    const relay = await startRelay({
      exporters: {
        [exporter]: {
          endpoint: `${http ? 'http://' : ''}127.0.0.1:${port}`,
          tls: { insecure: true },
          retry_on_failure: { initial_interval: '50ms', max_interval: '500ms' },
        },
      },
    })
    const client = new OtlpGrpcClient(relay.ports.otlp)
    const path = join(folder.path, 'logs.jsonl')
    const config: CollectorConfig = {
      receivers: { otlp: { protocols: { [http ? 'http' : 'grpc']: { endpoint: `127.0.0.1:${port}` } } } },
      exporters: { file: { path, append: true, flush_interval: '100ms' } },
      service: { pipelines: { logs: { receivers: ['otlp'], exporters: ['file'] } } },
    }
    let collector: RunningCollector | undefined
    try {
      let sent = 0
      const send = async (count: number): Promise<void> => {
        for (const end = sent + count; sent < end; sent++)
          expect(await client.export('logs', namedRequest(`request ${sent}`, 3))).toMatchObject({ code: status.OK })
      }
      const sentItems = async (): Promise<number> => sumOf(await relay.scrapeOwn(), 'otelcol_exporter_sent_log_records')
      await send(20)
      expect(await sentItems()).toBe(0)
      for (let life = 0; life < 3; life++) {
        collector = await startCollector({ binary: paths.otelcol, config })
        await send(20)
        await settled(sentItems, (items) => items >= 3 * sent)
        // It hands on what it holds before it ends; what comes then has to wait for the next one.
        await collector.stop()
        await send(5)
      }
      collector = await startCollector({ binary: paths.otelcol, config })
      expect(await settled(sentItems, (items) => items >= 3 * sent)).toBe(3 * sent)
      await collector.stop()
      const bodies = readFileSync(path, 'utf8')
        .split('\n')
        .slice(0, -1)
        .flatMap((line) => parseLogsJson(line).groups.flatMap(({ records }) => records.map(({ body }) => body)))
      const wanted = Array.from({ length: sent }, (_, i) => [0, 1, 2].map((j) => `request ${i} ${j}`)).flat()
      expect(new Set(bodies)).toEqual(new Set(wanted))
      expect(sumOf(await relay.scrapeOwn(), 'meshscope_exporter_dropped_log_records')).toBe(0)
    } finally {
      client.close()
      await relay.stop()
      await collector?.stop()
      folder.remove()
    }
  })
})
