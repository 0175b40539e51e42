import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { Factory } from '../../component/factory.ts'
import type { ComponentSpec, GraphSpec } from '../../component/spec.ts'
import { registry } from './components.ts'
import { componentsOf } from './components_of.ts'

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

test('loading all components does not load the client behind fetch, as importing node:http does (see lib/node_http.ts)', async () => {
  const look = `await import(${JSON.stringify(new URL('./components.ts', import.meta.url).href)}); console.log(process.moduleLoadList.filter((name) => name.includes('undici')).length)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', look])
  expect(stdout.trim()).toBe('0')
})
