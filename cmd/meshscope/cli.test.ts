import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { loadConfig } from '../../config/load.ts'
import { planProblems } from '../../pipeline/planner.ts'
import { configTestRegistry } from '../../test/fakes/config_factories.ts'
import { type GraphSketch, graphSpec } from '../../test/fakes/graph_spec.ts'
import { runCli } from './cli.ts'
import { registry } from './components.ts'
import { EXIT } from './exit_codes.ts'

const folder = mkdtempSync(join(tmpdir(), 'meshscope-cli-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const good = file(
  'good.yaml',
  'receivers: {statsd: }\nexporters: {otlp: {endpoint: a, token: hunter22hunter22}}\nservice: {pipelines: {metrics: {receivers: [statsd], exporters: [otlp]}}}\n',
)
const bad = file('bad.yaml', 'receivers: {statsd: {packet_bytes_max: 0}}\nexporters: {debug: {verbosity: x}}\nservice: {pipelines: {}}\n')

async function run(args: readonly string[], options: { readonly env?: Readonly<Record<string, string>>; readonly hasColour?: boolean } = {}) {
  let out = ''
  let err = ''
  const io = {
    out: (text: string) => void (out += text),
    err: (text: string) => void (err += text),
    env: options.env ?? {},
    hasColour: options.hasColour ?? false,
  }
  const code = await runCli(args, { registry: configTestRegistry, io })
  return { code, out, err }
}

describe('validate', () => {
  test('exits 0 on a good config, its result on standard output and warnings on standard error', async () => {
    const { code, out, err } = await run(['validate', '--config', good])
    expect({ code, out }).toEqual({ code: EXIT.ok, out: 'config is good: 1 pipeline, 2 components\n' })
    expect(err).toBe(`${good}:2:13  warning: exporters.otlp: otlp is another name of otlp_grpc\n  hint      write otlp_grpc\n`)
  })

  test('exits 2 on a bad config with every problem on standard error', async () => {
    const { code, out, err } = await run(['validate', `--config=${bad}`])
    expect({ code, out }).toEqual({ code: EXIT.config, out: '' })
    expect(err.split('\n').filter((line) => line.startsWith(bad))).toHaveLength(5)
    expect(err).toMatch(/\n3 problems, 2 warnings\n$/)
  })

  test('takes several sources and overrides', async () => {
    const args = ['validate', '-c', bad, '-c', good, '-c', 'env:MORE', '-s', 'receivers.statsd.packet_bytes_max=5']
    expect((await run(args, { env: { MORE: 'exporters: {debug: {verbosity: basic}}' } })).code).toBe(EXIT.ok)
  })

  test('colours problems only where colours are shown', async () => {
    expect((await run(['validate', '-c', bad], { hasColour: true })).err).toContain('\u001b[31m')
    expect((await run(['validate', '-c', bad])).err).not.toContain('\u001b')
  })
})

describe('what can run in workers', () => {
  const pipelines: readonly GraphSketch['pipelines'][] = [
    [['metrics', ['statsd'], [], ['otlp_grpc']]],
    [['metrics', ['statsd'], [], ['prometheus']]],
    [['metrics', ['statsd'], ['batch'], ['debug']]],
    [['traces', ['statsd'], [], ['otlp_grpc']]],
    [['logs', ['als'], ['mesh'], ['loki']]],
    [
      ['logs', ['als'], ['mesh'], ['mesh_metrics', 'debug']],
      ['metrics', ['mesh_metrics'], ['batch'], ['prometheus']],
    ],
  ]
  const components = {
    receivers: { statsd: {}, als: {} },
    processors: { batch: {}, mesh: {} },
    connectors: { mesh_metrics: {} },
    exporters: { otlp_grpc: { endpoint: 'a' }, loki: {}, prometheus: {}, debug: {} },
  }

  test.for(pipelines.flatMap((sketch) => [0, 2].map((threads) => ({ sketch, threads, name: sketch.map((line) => line.join(' ')).join(', ') }))))(
    'is judged by the check as by the graph, with $threads threads: $name',
    ({ sketch, threads }) => {
      const named = sketch.filter(([, receivers, , exporters]) => [...receivers, ...exporters].includes('mesh_metrics'))
      const used = named.length > 0 ? components : { ...components, connectors: {} }
      const lines = Object.fromEntries(sketch.map(([id, receivers, processors, exporters]) => [id, { receivers, processors, exporters }]))
      const config = { ...used, service: { pipelines: lines, workers: { threads } } }
      const checked = loadConfig({ sources: [`yaml:${JSON.stringify(config)}`], registry: configTestRegistry, env: {} })
      const planned = planProblems(graphSpec({ ...used, pipelines: sketch, threads }, configTestRegistry), configTestRegistry)
      expect(checked.problems.length > 0).toBe(planned.length > 0)
    },
  )
})

describe('print-config', () => {
  test('prints the config that takes effect, without secrets', async () => {
    const { code, out } = await run(['print-config', '-c', good])
    expect(code).toBe(EXIT.ok)
    expect(parse(out)).toMatchObject({ receivers: { statsd: { packet_bytes_max: 8192 } }, exporters: { otlp_grpc: { token: '[REDACTED]' } } })
  })

  test('prints secrets when asked to, also as JSON', async () => {
    const { out } = await run(['print-config', '-c', good, '--format', 'json', '--unredacted'])
    expect(JSON.parse(out)).toMatchObject({ exporters: { otlp_grpc: { token: 'hunter22hunter22' } } })
  })

  test.for(['otlp_grpc', 'otlp_http'])('hides the headers and the key of %s', async (exporter) => {
    const settings = { endpoint: 'https://a:1', headers: { 'x-api-key': 'hunter22' }, tls: { cert_pem: 'certificate', key_pem: 'hunter23' } }
    const pipelines = { logs: { receivers: ['envoyals'], exporters: [exporter] } }
    const source = `yaml:${JSON.stringify({ receivers: { envoyals: {} }, exporters: { [exporter]: settings }, service: { pipelines } })}`
    let out = ''
    const io = { out: (text: string) => void (out += text), err: () => {}, env: {}, hasColour: false }
    expect(await runCli(['print-config', '-c', source], { registry, io })).toBe(EXIT.ok)
    expect(parse(out)).toMatchObject({ exporters: { [exporter]: { headers: { 'x-api-key': '[REDACTED]' }, tls: { key_pem: '[REDACTED]' } } } })
    expect(out).not.toMatch(/hunter2/)
  })

  test('exits 2 on a bad config and prints none of it', async () => {
    const { code, out } = await run(['print-config', '-c', bad])
    expect({ code, out }).toEqual({ code: EXIT.config, out: '' })
  })
})

describe('components and schema', () => {
  test.for(['yaml', 'json'])('lists the components as %s', async (format) => {
    const { code, out } = await run(['components', '--format', format])
    expect(code).toBe(EXIT.ok)
    expect(parse(out)).toMatchObject({
      buildinfo: { command: 'meshscope' },
      exporters: [{ name: 'otlp_grpc', aliases: ['otlp'], stability: { logs: 'stable' } }, { name: 'loki' }, { name: 'debug' }, { name: 'prometheus' }],
      connectors: [{ name: 'mesh_metrics', stability: { 'logs-to-metrics': 'alpha' } }, { name: 'census' }, { name: 'forward' }],
    })
  })

  test('prints a JSON Schema', async () => {
    const { code, out } = await run(['schema'])
    expect(code).toBe(EXIT.ok)
    expect(JSON.parse(out)).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema' })
  })

  test('describes every built-in component and every one of its settings', () => {
    const names = registry.factories.map(({ kind, type }) => `${kind} ${type}`)
    expect(new Set(names).size).toBe(names.length)
    for (const { description, config } of registry.factories) {
      expect(description).toMatch(/^[A-Z].*\.$/)
      for (const [key, schema] of Object.entries(config.schema.properties))
        expect({ key, described: schema.description }).toEqual({ key, described: expect.stringMatching(/.\.$/s) })
    }
  })
})

describe('the command line', () => {
  test.for([
    { args: ['valdate'], says: 'did you mean validate?' },
    { args: ['valdate', '--config', 'x'], says: 'did you mean validate?' },
    { args: ['my.yaml'], says: 'did you mean --config my.yaml?' },
    { args: ['frobnicate'], says: 'see meshscope --help' },
    { args: ['validate', '--confg', 'x'], says: 'Did you mean --config?' },
    { args: ['components', '--format', 'xml'], says: 'Allowed choices are yaml, json' },
    { args: ['validate'], says: 'no config given' },
    { args: [], says: 'no config given' },
    { args: ['--watch'], says: 'no config given' },
    { args: ['validate', '-c'], says: 'argument missing' },
    { args: ['validate', 'x.yaml', '-c', 'y.yaml'], says: 'too many arguments' },
  ])('$args is refused with "$says"', async ({ args, says }) => {
    const { code, out, err } = await run(args)
    expect({ code, out }).toEqual({ code: EXIT.usage, out: '' })
    expect(err).toContain(says)
  })

  test('runs without the word run, and a bad config is not started', async () => {
    const { code, err } = await run(['--config', bad])
    expect(code).toBe(EXIT.config)
    expect(err).toContain('packet_bytes_max: too small')
  })

  test.for(['run', 'validate', 'print-config', 'components', 'schema', 'simulate', 'demo'])('%s has help', async (command) => {
    for (const args of [
      [command, '--help'],
      ['help', command],
    ]) {
      const { code, out, err } = await run(args)
      expect({ code, err }).toEqual({ code: EXIT.ok, err: '' })
      expect(out).toContain(`Usage: meshscope ${command}`)
    }
  })

  test('has help with examples and exit codes, and a version', async () => {
    const { out } = await run(['--help'])
    expect(out).toContain('Examples:')
    expect(out).toContain('5 drain deadline missed')
    expect((await run(['--version'])).out).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

test('the launcher passes arguments, output and exit code through', async () => {
  const launcher = fileURLToPath(new URL('../../bin/meshscope.js', import.meta.url))
  const result = await new Promise<{ readonly code: unknown; readonly err: string }>((resolve) => {
    execFile(process.execPath, [launcher, 'validate', '--config', 'yaml:receivers: 5'], { timeout: 20_000 }, (error, _out, err) =>
      resolve({ code: error?.code, err }),
    )
  })
  expect(result.code).toBe(EXIT.config)
  expect(result.err).toContain('yaml:receivers: 5  receivers: wrong type')
})
