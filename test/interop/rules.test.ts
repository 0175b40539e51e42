import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TruthDocument } from '../../cmd/meshscope/simulate/truth.ts'
import { run, temporaryFolder } from './child.ts'
import { COMMANDS, REPOSITORY, type RunningDaemon, samplesOf, startDaemon } from './daemon.ts'
import { type PrometheusServer, startPrometheusServer } from './dashboards/prometheus_server.ts'
import { suite } from './suite.ts'
import { until } from './waiting.ts'

const FOLDER = join(import.meta.dirname, '../../deploy/prometheus')

function filesOf(folder: string): string[] {
  const names = readdirSync(join(FOLDER, folder)).filter((name) => name.endsWith('.yaml'))
  return names.map((name) => join(folder, name))
}

suite('the rules for Prometheus', ['promtool'], ({ promtool }) => {
  const runTool = (...args: readonly string[]): { readonly status: number | null; readonly output: string } => {
    const { status, stdout, stderr } = spawnSync(promtool, args, { cwd: FOLDER, encoding: 'utf8', timeout: 120_000 })
    return { status, output: `${stdout}${stderr}` }
  }

  test.for(filesOf('rules'))('%s is good to promtool, lint included', (file) => {
    const { status, output } = runTool('check', 'rules', '--lint-fatal', file)
    expect({ status, output }).toMatchObject({ status: 0 })
    expect(output).toMatch(/SUCCESS: \d+ rules found/)
  })

  describe('tests of promtool', () => {
    test.for(filesOf('tests'))('%s passes', (file) => {
      const { status, output } = runTool('test', 'rules', file)
      expect({ status, output }).toMatchObject({ status: 0 })
      expect(output).toMatch(/SUCCESS/)
    })
  })
})

suite('the rules, evaluated over a simulated mesh', ['prometheus'], ({ prometheus: binary }) => {
  const folder = temporaryFolder('rules')
  let daemon: RunningDaemon
  let prometheus: PrometheusServer
  let truth: TruthDocument

  beforeAll(async () => {
    daemon = await startDaemon()
    const jobs = { meshscope: daemon.ports.own, 'meshscope-mesh': daemon.ports.metrics }
    prometheus = await startPrometheusServer({ binary, jobs, rules: filesOf('rules').map((file) => join(FOLDER, file)), scrapeSeconds: 1 })
    const file = join(folder.path, 'truth.json')
    const args = ['simulate', '--endpoint', `127.0.0.1:${daemon.ports.als}`, '--rps', '200', '--duration', '5s', '--truth', file, '--quiet']
    const { code, output } = await run({ name: 'simulate', file: process.execPath, args: [COMMANDS.source, ...args], dir: REPOSITORY }, 60_000)
    expect(code, output).toBe(0)
    truth = JSON.parse(readFileSync(file, 'utf8')) as TruthDocument
    const atGateway = 'sum(traces_service_graph_request_total{client="istio-ingressgateway"})'
    await until('every request at the gateway is in the graph', async () => (await prometheus.query(atGateway))[0]?.value === truth.requests, {
      timeoutMs: 30_000,
    })
  })

  afterAll(async () => {
    await prometheus?.stop()
    await daemon?.stop()
    folder.remove()
  })

  test('each edge counts what one side reports: the caller, and where it has no proxy the called', async () => {
    const bySide = new Map<string, Record<string, number>>()
    for (const { labels, value } of samplesOf(await daemon.scrape(), 'istio_requests_total')) {
      const { source_canonical_service: client, destination_canonical_service: canonical, destination_service_name: name } = labels
      const edge = `${client} → ${canonical === 'unknown' ? name : canonical}`
      const sides = bySide.get(edge) ?? {}
      bySide.set(edge, { ...sides, [labels['reporter'] ?? '']: (sides[labels['reporter'] ?? ''] ?? 0) + value })
    }
    const expected = [...bySide].map(([edge, { source, destination }]) => [edge, source ?? destination])
    const graph = await prometheus.query('sum by (client, server) (traces_service_graph_request_total)')
    const shown = graph.map(({ labels, value }) => [`${labels['client']} → ${labels['server']}`, value])
    expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(expected))
    expect([...bySide.values()].some(({ source, destination }) => source !== undefined && destination !== undefined)).toBe(true)
    expect([...bySide.values()].some(({ source }) => source === undefined)).toBe(true)
  })

  test('every rule is evaluated without an error, and no alert of the daemon fires', async () => {
    const response = await fetch(`${prometheus.url}/api/v1/rules`)
    const { data } = (await response.json()) as { readonly data: { readonly groups: readonly { readonly rules: readonly RuleState[] }[] } }
    const rules = data.groups.flatMap((group) => group.rules)
    expect(rules.filter(({ health, lastError }) => health === 'err' || (lastError ?? '') !== '')).toEqual([])
    expect(rules.filter(({ state, name }) => state === 'firing' && name.startsWith('Meshscope'))).toEqual([])
    expect(rules.length).toBeGreaterThan(50)
  })

  test('durations of the graph are those of the mesh, in seconds', async () => {
    const sum = async (expression: string): Promise<number> => (await prometheus.query(`sum(${expression})`))[0]?.value ?? 0
    const bounds = await prometheus.query('count by (le) (traces_service_graph_request_server_seconds_bucket)')
    expect(
      bounds
        .map(({ labels }) => Number(labels['le']?.replace('+Inf', 'Infinity')))
        .sort((a, b) => a - b)
        .slice(0, 4),
    ).toEqual([0.0005, 0.001, 0.005, 0.01])
    const all = await sum('traces_service_graph_request_server_seconds_count')
    expect(await sum('traces_service_graph_request_server_seconds_bucket{le="+Inf"}')).toBe(all)
    expect(all).toBeGreaterThan(truth.requests)
    expect(await sum('traces_service_graph_request_server_seconds_sum')).toBeLessThan(await sum('istio_request_duration_milliseconds_sum / 1000'))
  })
})

interface RuleState {
  readonly name: string
  readonly health: string
  readonly lastError?: string
  readonly state?: string
}
