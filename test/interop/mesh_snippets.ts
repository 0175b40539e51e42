/** The settings of meshes in deploy/mesh, as tests read them, and Envoy's own check of what they hold for an Envoy. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { run, temporaryFolder } from './child.ts'
import { REPOSITORY } from './daemon.ts'
import { cluster, type HttpListener, httpListener, socket, type TcpListener, tcpListener } from './envoy.ts'

const FOLDER = join(REPOSITORY, 'deploy', 'mesh')

/** An object of YAML or JSON. */
export type Tree = Readonly<Record<string, unknown>>

/** What stands in a value at a path of keys and places in lists; undefined where there is none. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Tree)[key] : undefined), value)
}

/** The same for a list of objects; empty where there is none. */
export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly Tree[] {
  const list = at(value, ...path)
  return Array.isArray(list) ? (list as readonly Tree[]) : []
}

/** The files of deploy/mesh by their paths in it, without what is only to read. */
export function snippetPaths(): readonly string[] {
  const paths = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  return paths.filter((path) => /\.(?:yaml|json)$/.test(path)).toSorted()
}

/** A file of deploy/mesh as text, with its comments. */
export function snippetText(path: string): string {
  return readFileSync(join(FOLDER, path), 'utf8')
}

/** The documents of a file, each as plain values. Throws where it is no YAML, or where a key stands twice. */
export function snippet(path: string): readonly Tree[] {
  return parseAllDocuments(snippetText(path)).map((document) => {
    const [problem] = [...document.errors, ...document.warnings]
    if (problem !== undefined) throw new Error(`${path}: ${problem.message}`)
    return document.toJS() as Tree
  })
}

/** The one document of a file. */
export function onlySnippet(path: string): Tree {
  const [document, ...more] = snippet(path)
  if (document === undefined || more.length > 0) throw new Error(`${path}: expected one document, found ${more.length + (document === undefined ? 0 : 1)}`)
  return document
}

/** Every object within a value, the value itself first. */
export function* objectsIn(value: unknown): Generator<Record<string, unknown>> {
  if (Array.isArray(value)) for (const one of value) yield* objectsIn(one)
  else if (typeof value === 'object' && value !== null) {
    yield value as Record<string, unknown>
    for (const one of Object.values(value)) yield* objectsIn(one)
  }
}

/** What Envoy says of a bootstrap; `more` is laid over it as by `--config-yaml`. `ok` where it would start. */
export async function envoyVerdict(envoy: string, bootstrap: object, more?: string): Promise<string> {
  const folder = temporaryFolder('validate')
  try {
    const file = join(folder.path, 'envoy.json')
    writeFileSync(file, JSON.stringify(bootstrap))
    const overlay = more === undefined ? [] : ['--config-yaml', more]
    const { code, output } = await run({ name: 'envoy', file: envoy, args: ['--mode', 'validate', '-c', file, '-l', 'critical', ...overlay] }, 30_000)
    return code === 0 ? 'ok' : output.trim()
  } finally {
    folder.remove()
  }
}

const NODE = { id: 'sidecar~127.0.0.1~shop.default~default.svc.cluster.local', cluster: 'shop.default' }

/** The cluster that the listeners of `sidecarBootstrap` lead to. */
export const APP_CLUSTER = 'outbound|8080||cart.shop.svc.cluster.local'

/** A bootstrap like that of a sidecar: one HTTP and one TCP listener without access logs of their own, and a cluster for each port here. */
export function sidecarBootstrap(portsOfClusters: Readonly<Record<string, number>>): { readonly static_resources: { readonly listeners: readonly object[] } } {
  const http: HttpListener = {
    name: 'http',
    address: '127.0.0.1',
    direction: 'OUTBOUND',
    routes: [{ match: { prefix: '/' }, route: { cluster: APP_CLUSTER } }],
  }
  const tcp: TcpListener = { name: 'tcp', address: '127.0.0.1', direction: 'OUTBOUND', cluster: APP_CLUSTER }
  const listeners = [withoutLogs(httpListener(http)), withoutLogs(tcpListener(tcp))]
  const made = Object.entries({ [APP_CLUSTER]: 1, ...portsOfClusters }).map(([name, port]) =>
    cluster({ name, endpoint: { host: '127.0.0.1', port }, http2: name !== APP_CLUSTER }),
  )
  return { node: NODE, static_resources: { listeners, clusters: made } } as { readonly static_resources: { readonly listeners: readonly object[] } }
}

/** A bootstrap with the given listeners and clusters only. */
export function bootstrapOf(listeners: readonly object[], clusters: readonly object[]): object {
  return { node: NODE, admin: { address: socket('127.0.0.1', 0) }, static_resources: { listeners, clusters } }
}

function withoutLogs(listener: object): object {
  return JSON.parse(JSON.stringify(listener, (key, value: unknown) => (key === 'access_log' ? undefined : value))) as object
}

interface NetworkFilter {
  readonly name: string
  readonly typed_config: object
}

/**
 * What Istio makes of an EnvoyFilter's patches of network filters: MERGE, as protobuf merges messages, where the repeated
 * field `access_log` gets what is added behind what it has.
 */
export function patched<B extends { readonly static_resources: { readonly listeners: readonly object[] } }>(bootstrap: B, patches: readonly Tree[]): B {
  const copy = JSON.parse(JSON.stringify(bootstrap)) as B
  for (const object of objectsIn(copy.static_resources.listeners)) {
    const filters = object['filters'] as NetworkFilter[] | undefined
    if (!Array.isArray(filters)) continue
    object['filters'] = filters.map((filter) => patches.filter((patch) => filterOf(patch) === filter.name).reduce(merged, filter))
  }
  return copy
}

function filterOf(patch: Tree): unknown {
  return at(patch, 'match', 'listener', 'filterChain', 'filter', 'name')
}

function merged(filter: NetworkFilter, patch: Tree): NetworkFilter {
  const { '@type': type, ...fields } = at(patch, 'patch', 'value', 'typed_config') as Tree
  const config = filter.typed_config as Tree
  if (config['@type'] !== type) throw new Error(`the patch is for ${String(type)}, the filter is ${String(config['@type'])}`)
  const made: Record<string, unknown> = { ...config }
  for (const [key, value] of Object.entries(fields))
    made[key] = Array.isArray(value) ? [...((made[key] as unknown[] | undefined) ?? []), ...(value as unknown[])] : value
  return { name: filter.name, typed_config: made }
}
