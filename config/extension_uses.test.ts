import { describe, expect, test } from 'vitest'
import { configTestRegistry } from '../test/fakes/config_factories.ts'
import { type LoadResult, loadConfig } from './load.ts'

const load = (text: string): LoadResult => loadConfig({ sources: ['a.yaml'], registry: configTestRegistry, env: {}, readFile: () => text })

const config = ({ processors, extensions = '', listed = '' }: { processors: string; extensions?: string; listed?: string }): string => `
receivers: {als: }
processors: {mesh: , k8s_attributes: , k8s_attributes/kube: {auth_type: kubeConfig}, k8s_attributes/off: {passthrough: true}}
exporters: {debug: }
extensions: {${extensions}}
service: {extensions: [${listed}], pipelines: {logs: {receivers: [als], processors: [${processors}], exporters: [debug]}}}
`

describe('what components want of an extension', () => {
  const ADDRESS = { authType: 'any', lookups: ['address'] }
  const KUBE = { authType: 'kubeConfig', lookups: ['address'] }
  const HOST = { lookups: ['address', 'host'] }

  test.for([
    { name: 'creates it', processors: 'k8s_attributes', uses: [ADDRESS] },
    { name: 'is in an order of its own', processors: 'mesh, k8s_attributes/kube, k8s_attributes', uses: [ADDRESS, KUBE, HOST] },
    { name: 'is the same whoever wants it first', processors: 'k8s_attributes, k8s_attributes/kube, mesh', uses: [ADDRESS, KUBE, HOST] },
    { name: 'may be optional', processors: 'mesh', extensions: 'k8s_metadata: ', listed: 'k8s_metadata', uses: [HOST] },
    { name: 'is nothing when nobody uses it', processors: 'k8s_attributes/off', extensions: 'k8s_metadata: ', listed: 'k8s_metadata', uses: [] },
  ])('$name', ({ uses, ...text }) => {
    const { spec, problems } = load(config(text))
    expect(problems).toEqual([])
    expect(spec?.extensions).toEqual([
      {
        id: { kind: 'extension', type: 'k8s_metadata', name: '', text: 'k8s_metadata' },
        address: 'extensions.k8s_metadata',
        config: { scope: 'node', endpoint: 'localhost:13134' },
        uses,
      },
    ])
  })

  test.for([{ processors: 'mesh' }, { processors: 'k8s_attributes/off' }, { processors: 'mesh', extensions: 'k8s_metadata: ' }])(
    'does not make it run when it is optional: $processors $extensions',
    (text) => {
      const { spec, problems } = load(config(text))
      expect(problems).toEqual([])
      expect(spec?.extensions).toEqual([])
    },
  )

  test('is the same when it is wanted twice', () => {
    const text = config({ processors: 'k8s_attributes, k8s_attributes/too' }).replace('k8s_attributes/off', 'k8s_attributes/too: , k8s_attributes/off')
    expect(load(text).spec?.extensions[0]?.uses).toEqual([ADDRESS])
  })

  test('comes after the extensions that are listed', () => {
    const { spec } = load(config({ processors: 'k8s_attributes', extensions: 'health_check: , k8s_metadata/x: ', listed: 'health_check' }))
    expect(spec?.extensions.map(({ id }) => id.text)).toEqual(['health_check', 'k8s_metadata/x'])
  })

  test('of an extension that is not built in is a bug', () => {
    const registry = { factories: configTestRegistry.factories.filter(({ kind }) => kind !== 'extension') }
    const sources = [`yaml:${config({ processors: 'k8s_attributes' })}`]
    expect(() => loadConfig({ sources, registry, env: {} })).toThrow('BUG: processors.k8s_attributes needs the extension k8s_metadata, which is not built in')
  })
})

test('an extension that settings name gets what is wanted of that one, under its canonical id', () => {
  const { spec, problems } = load(`
receivers: {als: {auth: {authenticator: basic_auth}}, records: }
exporters: {loki: {auth: {authenticator: " basicauth / b"}}, loki/2: {auth: {authenticator: basicauth/b}}, loki/3: {auth: {authenticator: basicauth}}}
extensions: {basicauth: , basicauth/b: , basicauth/c: }
service: {extensions: [basicauth/c, basicauth, basicauth/b], pipelines: {logs: {receivers: [als, records], exporters: [loki, loki/2, loki/3]}}}
`)
  expect(problems).toEqual([])
  expect(spec?.extensions.map(({ id, uses }) => [id.text, uses])).toEqual([
    ['basicauth/c', []],
    ['basicauth', [{ side: 'client' }, { side: 'server' }]],
    ['basicauth/b', [{ side: 'client' }]],
  ])
})
