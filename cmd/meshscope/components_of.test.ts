import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { Factory } from '../../component/factory.ts'
import type { ComponentSpec, GraphSpec } from '../../component/spec.ts'
import { loadConfig } from '../../config/load.ts'
import { loadWithNamed } from './cli_config.ts'
import { registry } from './components.ts'
import { BuiltIn, componentsOf } from './components_of.ts'

const NOTHING: GraphSpec = {
  receivers: {},
  processors: {},
  connectors: {},
  exporters: {},
  extensions: [],
  pipelines: [],
  service: {
    telemetry: { logs: { level: 'info', encoding: 'json' }, metrics: { level: 'none', address: '' }, resource: {} },
    workers: { threads: 1, heap_mib_max: 0 },
    drain_timeout: '1s',
  },
}

function specOf({ kind, type }: Pick<Factory, 'kind' | 'type'>): ComponentSpec {
  return { id: { kind, type, name: '', text: type }, address: `${kind}s.${type}`, config: {} }
}

function graphOf(factory: Pick<Factory, 'kind' | 'type'>): GraphSpec {
  const spec = specOf(factory)
  return factory.kind === 'extension' ? { ...NOTHING, extensions: [spec] } : { ...NOTHING, [`${factory.kind}s`]: { [factory.type]: spec } }
}

describe('the components of a graph', () => {
  test.for(registry.factories.map((factory) => ({ name: `${factory.kind} ${factory.type}`, factory })))('$name is found', async ({ factory }) => {
    expect((await componentsOf(graphOf(factory))).factories).toContain(factory)
  })

  test('are no others, where each has its folder', async () => {
    const spec = { ...graphOf({ kind: 'receiver', type: 'envoyals' }), crossing: specOf({ kind: 'processor', type: 'mesh' }) }
    expect((await componentsOf(spec)).factories.map(({ type }) => type)).toEqual(['envoyals', 'mesh'])
  })

  test('are all there are, where one has no folder of its own', async () => {
    expect(await componentsOf(graphOf({ kind: 'exporter', type: 'nowhere' }))).toBe(registry)
  })
})

describe('the components that a config names', () => {
  const UNNAMED = ['access_log_records', 'k8s_metadata']
  const names = registry.factories.flatMap(({ kind, type, aliases = [] }) => [type, ...aliases].map((name) => ({ kind, type, name })))

  test.for(names)('$kind $name is found alone', async ({ kind, type, name }) => {
    const builtIn = new BuiltIn()
    await builtIn.loadNamed([{ kind, type: name }])
    expect(new Set(builtIn.factories.map((factory) => factory.type))).toEqual(new Set([type, ...UNNAMED]))
  })

  test('are all when one is not there', async () => {
    const builtIn = new BuiltIn()
    await builtIn.loadNamed([{ kind: 'exporter', type: 'nowhere' }])
    expect(builtIn.factories).toEqual(registry.factories)
  })

  test('stay when another config names others', async () => {
    const builtIn = new BuiltIn()
    await builtIn.loadNamed([{ kind: 'receiver', type: 'statsd' }])
    await builtIn.loadNamed([{ kind: 'exporter', type: 'debug' }])
    expect(builtIn.factories.map(({ type }) => type).sort()).toEqual(['debug', 'statsd', ...UNNAMED].sort())
  })

  const examples = join(import.meta.dirname, '../../deploy/examples')
  test.for(readdirSync(examples).filter((file) => file.endsWith('.yaml')))('%s means with them what it means with all', async (file) => {
    const builtIn = new BuiltIn()
    const request = { sources: [join(examples, file)], env: {} }
    const lean = await loadWithNamed({ ...request, registry: builtIn }, builtIn)
    expect(builtIn.factories.length).toBeLessThan(registry.factories.length / 2)
    expect(lean).toEqual(loadConfig({ ...request, registry }))
    expect(lean.spec).toBeDefined()
  })

  test('are inserted where a pipeline needs them', async () => {
    const builtIn = new BuiltIn()
    const config = { receivers: { envoyals: {} }, exporters: { otlp: { endpoint: 'localhost:4317' } } }
    const service = { pipelines: { logs: { receivers: ['envoyals'], exporters: ['otlp'] } } }
    const { spec } = await loadWithNamed({ sources: [`yaml:${JSON.stringify({ ...config, service })}`], env: {}, registry: builtIn }, builtIn)
    expect(spec?.crossing?.id.type).toBe('access_log_records')
  })

  test('are told with all others when there is a problem', async () => {
    const builtIn = new BuiltIn()
    const request = { sources: ['yaml:receivers: {statsd: {}, evoyals: {}}'], env: {} }
    const { problems } = await loadWithNamed({ ...request, registry: builtIn }, builtIn)
    expect(problems).toEqual(loadConfig({ ...request, registry }).problems)
    expect(JSON.stringify(problems)).toContain('envoyals')
  })

  test('do not bring gRPC along where nothing speaks it', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { createRequire } from 'node:module'
       const { BuiltIn } = await import(${JSON.stringify(new URL('./components_of.ts', import.meta.url).href)})
       const loaded = () => Object.keys(createRequire(import.meta.url).cache).filter((file) => file.includes('grpc-js')).length
       const builtIn = new BuiltIn()
       await builtIn.loadNamed([{ kind: 'receiver', type: 'statsd' }, { kind: 'exporter', type: 'prometheus' }])
       const before = loaded()
       await builtIn.loadAll()
       console.log(before, loaded() > 0)`,
    ])
    expect(stdout.trim()).toBe('0 true')
  })
})

test('loading all components does not load the client behind fetch, as importing node:http does (see lib/node_http.ts)', async () => {
  const look = `await import(${JSON.stringify(new URL('./components.ts', import.meta.url).href)}); console.log(process.moduleLoadList.filter((name) => name.includes('undici')).length)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', look])
  expect(stdout.trim()).toBe('0')
})
