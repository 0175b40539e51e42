/** What deploy/mesh says to each mesh: it can be read, has the form the mesh publishes, and a real Envoy takes what is meant for it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { OTEL_LABELS } from '../../processors/mesh/otel_labels.ts'
import { REPOSITORY } from './daemon.ts'
import { LISTED_FIELDS, meshConfigType, protoProblems } from './mesh_schema.ts'
import {
  at,
  bootstrapOf,
  envoyVerdict,
  listAt,
  objectsIn,
  onlySnippet,
  patched,
  sidecarBootstrap,
  snippet,
  snippetPaths,
  snippetText,
  type Tree,
} from './mesh_snippets.ts'
import { suite } from './suite.ts'

/** Pages that show a part of a snippet, so that a reader need not open the file. */
const PAGES = ['README.md', 'docs/quickstart/istio.md', 'docs/quickstart/envoy_gateway.md']
/** What in such a page is shown of which file. */
const SHOWN: readonly { readonly path: string; readonly of: (block: Tree | null) => boolean }[] = [
  { path: 'istio/telemetry.yaml', of: (block) => block?.['kind'] === 'Telemetry' && at(block, 'spec', 'accessLogging') !== undefined },
  { path: 'istio/telemetry_no_metrics.yaml', of: (block) => block?.['kind'] === 'Telemetry' && at(block, 'spec', 'metrics') !== undefined },
  { path: 'istio/mesh_config.yaml', of: (block) => at(block, 'meshConfig', 'extensionProviders') !== undefined },
  { path: 'envoy_gateway/envoy_proxy.yaml', of: (block) => block?.['kind'] === 'EnvoyProxy' },
]
const CLUSTER = 'outbound|19001||meshscope.observability.svc.cluster.local'

describe('snippets for meshes', () => {
  test.for(snippetPaths().map((path) => ({ path })))('$path is YAML without a key twice', ({ path }) => {
    expect(snippet(path).length).toBeGreaterThan(0)
  })

  test.for(snippetPaths().map((path) => ({ path })))('the README of its folder tells what $path is for', ({ path }) => {
    const [folder = '', file = ''] = path.split('/')
    expect(readFileSync(join(REPOSITORY, 'deploy', 'mesh', folder, 'README.md'), 'utf8')).toContain(`(${file})`)
  })

  test('all of them send to the ports that we listen on', () => {
    const ours = new Set([19001, 4317, 8125])
    const found = snippetPaths().flatMap((path) => [
      ...snippetText(path).matchAll(/meshscope\.observability\.svc\.cluster\.local:(\d+)|outbound\|(\d+)\|\|meshscope/g),
    ])
    const ports = found.map(([, byHost, byCluster]) => Number(byHost ?? byCluster))
    expect(ports.length).toBeGreaterThan(2)
    expect(ports.filter((port) => !ours.has(port))).toEqual([])
    for (const { service, backendRefs, port } of snippetPaths().flatMap((path) => [...objectsIn(snippet(path))])) {
      if (service !== undefined && port !== undefined) expect(ours.has(port as number)).toBe(true)
      for (const ref of (backendRefs ?? []) as readonly { readonly port: number }[]) expect(ours.has(ref.port)).toBe(true)
    }
  })

  test.for(PAGES.map((page) => ({ page })))('what $page shows of them is what they say', ({ page }) => {
    const shown = yamlBlocks(readFileSync(join(REPOSITORY, page), 'utf8')).flatMap((block) =>
      SHOWN.flatMap(({ of, path }) => (of(block) ? [{ block, path }] : [])),
    )
    expect(shown.length).toBeGreaterThan(0)
    for (const { block, path } of shown) expect(missing(block, snippet(path)[0]), `${page} and ${path}`).toEqual([])
  })

  test('no cluster whose name HTTP/2 servers refuse as a host is called by its name', () => {
    const services = snippetPaths().flatMap((path) =>
      [...objectsIn(snippet(path))].flatMap(({ envoy_grpc: service }) => (service === undefined ? [] : [service])),
    )
    expect(services.length).toBeGreaterThan(4)
    for (const service of services) expect(at(service, 'authority') ?? at(service, 'cluster_name')).toMatch(/^[\w.:-]+$/)
  })

  test('every provider that a Telemetry resource names is defined', () => {
    const defined = ['istio/mesh_config.yaml', 'istio/mesh_config_otel.yaml'].flatMap((path) => listAt(onlySnippet(path), 'meshConfig', 'extensionProviders'))
    const named = ['istio/telemetry.yaml', 'istio/telemetry_otel.yaml'].flatMap((path) => listAt(onlySnippet(path), 'spec', 'accessLogging', 0, 'providers'))
    expect(named.length).toBe(3)
    expect(named.map(({ name }) => name)).toEqual(defined.map(({ name }) => name))
  })

  test.for([
    {
      path: 'istio/mesh_config_otel.yaml',
      labels: (tree: Tree) => at(tree, 'meshConfig', 'extensionProviders', 0, 'envoyOtelAls', 'logFormat', 'labels'),
    },
    { path: 'envoy_gateway/envoy_proxy_otel.yaml', labels: (tree: Tree) => at(tree, 'spec', 'telemetry', 'accessLog', 'settings', 0, 'format', 'json') },
    { path: 'kuma/mesh_access_log.yaml', labels: (tree: Tree) => kumaAttributes(tree, 'from') },
    { path: 'kuma/mesh_access_log.yaml', labels: (tree: Tree) => kumaAttributes(tree, 'to') },
    { path: 'envoy/bootstrap_otel.yaml', labels: otelAttributes },
  ])('$path logs every label that the processor mesh understands', ({ path, labels }) => {
    expect(labels(onlySnippet(path))).toEqual(OTEL_LABELS)
  })

  test.for([
    { path: 'consul/proxy_defaults.yaml', kind: 'ProxyDefaults' },
    { path: 'kuma/mesh_access_log.yaml', kind: 'MeshAccessLog' },
  ] as const)('$path has no field but those that are listed for $kind', ({ path, kind }) => {
    const check = LISTED_FIELDS[kind]
    check(onlySnippet(path))
    expect(check.errors ?? []).toEqual([])
  })

  test('a field that is not listed would have been found', () => {
    const right = onlySnippet('consul/proxy_defaults.yaml')
    const wrong = { ...right, spec: { config: { ...(at(right, 'spec', 'config') as Tree), envoy_dogstatd_url: 'udp://127.0.0.1:8125' } } }
    LISTED_FIELDS.ProxyDefaults(wrong)
    expect(LISTED_FIELDS.ProxyDefaults.errors?.map(({ params }) => params)).toEqual([{ additionalProperty: 'envoy_dogstatd_url' }])
  })
})

/** The YAML in a page's fences, document by document; what is no YAML by itself is left out. */
function yamlBlocks(page: string): readonly (Tree | null)[] {
  const texts = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? '')
  return texts.flatMap((text) =>
    parseAllDocuments(text, { logLevel: 'silent' }).flatMap((one) => (one.errors.length > 0 ? [] : [withMeshConfig(one.toJS() as Tree | null)])),
  )
}

/** Istio's mesh config as it stands in the values of its chart, also where a page shows the inside of it. */
function withMeshConfig(block: Tree | null): Tree | null {
  return at(block, 'extensionProviders') === undefined ? block : { meshConfig: block }
}

/** The places at which a part says something else than the whole. Lists may end earlier. */
function missing(part: unknown, whole: unknown, place = ''): readonly string[] {
  if (typeof part !== 'object' || part === null) return part === whole ? [] : [`${place}: ${JSON.stringify(part)}, not ${JSON.stringify(whole)}`]
  return Object.entries(part).flatMap(([key, inner]) => missing(inner, at(whole, key), `${place}.${key}`))
}

/** The attributes of one direction as an object. */
function kumaAttributes(tree: Tree, direction: 'from' | 'to'): object {
  const attributes = listAt(tree, 'spec', direction, 0, 'default', 'backends', 0, 'openTelemetry', 'attributes')
  return Object.fromEntries(attributes.map(({ key, value }) => [key, value]))
}

function otelAttributes(tree: Tree): object {
  const [logger] = [...objectsIn(tree)].filter((object) => String(object['@type']).endsWith('OpenTelemetryAccessLogConfig'))
  return Object.fromEntries(listAt(logger, 'attributes', 'values').map((one) => [one['key'], at(one, 'value', 'string_value')]))
}

suite("Istio's own form of its mesh config", ['mesh-schemas'], (paths) => {
  test.for([{ path: 'istio/mesh_config.yaml' }, { path: 'istio/mesh_config_otel.yaml' }])('$path has it', ({ path }) => {
    const { meshConfig, ...others } = onlySnippet(path)
    expect(others).toEqual({})
    expect(protoProblems(meshConfig, meshConfigType(paths['mesh-schemas']))).toEqual([])
  })

  test.for([
    {
      provider: { envoyHttpAls: { service: 'x', ports: 1 } },
      says: 'MeshConfig.extensionProviders[0].envoyHttpAls.ports: unknown field of EnvoyHttpGrpcV3LogProvider',
    },
    { provider: { envoyHttpAls: { service: 'x', port: '1' } }, says: 'MeshConfig.extensionProviders[0].envoyHttpAls.port: expected number, found "1"' },
    {
      provider: { envoyTcpAls: { filterStateObjectsToLog: 'a' } },
      says: 'MeshConfig.extensionProviders[0].envoyTcpAls.filterStateObjectsToLog: expected a list, found "a"',
    },
  ])('a mistake would have been found: $says', ({ provider, says }) => {
    expect(protoProblems({ extensionProviders: [provider] }, meshConfigType(paths['mesh-schemas']))).toEqual([says])
  })
})

suite('Envoy itself', ['envoy'], (paths) => {
  const patches = (): readonly Tree[] => listAt(onlySnippet('istio/envoy_filter.yaml'), 'spec', 'configPatches')

  test.for([{ path: 'envoy/bootstrap.yaml' }, { path: 'envoy/bootstrap_otel.yaml' }, { path: 'envoy/stats_sinks.yaml' }])(
    'would start with $path',
    async ({ path }) => {
      expect(await envoyVerdict(paths.envoy, onlySnippet(path))).toBe('ok')
    },
  )

  test('takes the filters of a sidecar after the EnvoyFilter, with one more access log each', async () => {
    const sidecar = sidecarBootstrap({ [CLUSTER]: 1 })
    const result = patched(sidecar, patches())
    const loggers = [...objectsIn(result)].flatMap((object) => listAt(object, 'access_log')).map(({ name }) => name)
    expect(loggers).toEqual(['envoy.access_loggers.http_grpc', 'envoy.access_loggers.tcp_grpc'])
    expect(await envoyVerdict(paths.envoy, result)).toBe('ok')
  })

  test('would have refused an EnvoyFilter with a wrong field', async () => {
    const misspelt = JSON.parse(JSON.stringify(patches()).replaceAll('buffer_size_bytes', 'buffer_sizes')) as Tree[]
    expect(await envoyVerdict(paths.envoy, patched(sidecarBootstrap({ [CLUSTER]: 1 }), misspelt))).toContain('buffer_sizes')
  })

  test("takes Consul's extra cluster and public listener", async () => {
    const json = at(onlySnippet('consul/proxy_defaults.yaml'), 'spec', 'config', 'envoy_extra_static_clusters_json')
    const extra = JSON.parse(json as string) as object
    const app = { name: 'local_app', type: 'STATIC', load_assignment: { cluster_name: 'local_app', endpoints: [] } }
    expect(await envoyVerdict(paths.envoy, bootstrapOf([onlySnippet('consul/public_listener.json')], [extra, app]))).toBe('ok')
  })

  test("takes the statistics laid over Contour's bootstrap", async () => {
    const added = snippet('contour/envoy_daemonset_patch.yaml').flatMap((list) => listAt({ list }, 'list').map(({ value }) => value))
    const overlay = added.find((value): value is string => typeof value === 'string' && value.includes('stats_sinks'))
    expect(overlay).toContain('$(HOST_IP)')
    expect(await envoyVerdict(paths.envoy, bootstrapOf([], []), overlay?.replace('$(HOST_IP)', '192.0.2.1'))).toBe('ok')
  })
})
