/** A real API server with the definitions that Istio, Envoy Gateway and Contour publish takes our resources, to the last field. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { type Kube, startKube } from './kube/kube.ts'
import { at, listAt, snippet, type Tree } from './mesh_snippets.ts'
import { suite } from './suite.ts'
import { until } from './waiting.ts'

const NAMESPACES = ['istio-system', 'observability', 'envoy-gateway-system', 'projectcontour']
const KINDS = new Set(['Telemetry', 'EnvoyFilter', 'DestinationRule', 'EnvoyProxy', 'GatewayClass', 'ExtensionService', 'ContourConfiguration'])
const FILES = ['istio/crds.yaml', 'envoy_gateway/crds.yaml', 'envoy_gateway/gateway_api.yaml', 'contour/crds.yaml']
const APPLIED = [
  'istio/telemetry.yaml',
  'istio/telemetry_otel.yaml',
  'istio/telemetry_no_metrics.yaml',
  'istio/destination_rule.yaml',
  'istio/envoy_filter.yaml',
  'envoy_gateway/envoy_proxy.yaml',
  'envoy_gateway/envoy_proxy_otel.yaml',
  'contour/extension_service.yaml',
]

suite('resources of meshes', ['etcd', 'kube-apiserver', 'mesh-schemas'], (paths) => {
  let kube: Kube
  let definitions: readonly Tree[]

  beforeAll(async () => {
    definitions = FILES.flatMap((file) => documents(join(paths['mesh-schemas'], file))).filter(
      (document) => document['kind'] === 'CustomResourceDefinition' && KINDS.has(at(document, 'spec', 'names', 'kind') as string),
    )
    kube = await startKube({ paths })
    for (const name of NAMESPACES) await kube.client.createNamespace(name)
    for (const definition of definitions) await kube.client.ask('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)
    for (const definition of definitions) {
      for (const { name } of listAt(definition, 'spec', 'versions').filter(({ served }) => served === true)) {
        const root = `/apis/${String(at(definition, 'spec', 'group'))}/${String(name)}/${String(at(definition, 'spec', 'names', 'plural'))}`
        await until(`${root} is served`, async () => (await kube.client.send('GET', root)).code === 200)
      }
    }
  })

  afterAll(async () => {
    await kube?.stop()
  })

  /** What the server says to an object, with everything checked and nothing kept: 201, or its words. */
  async function verdict(object: Tree): Promise<string> {
    const definition = definitions.find((one) => at(one, 'spec', 'names', 'kind') === object['kind'])
    const scope = at(definition, 'spec', 'scope') === 'Cluster' ? '' : `/namespaces/${String(at(object, 'metadata', 'namespace'))}`
    const path = `/apis/${String(object['apiVersion'])}${scope}/${String(at(definition, 'spec', 'names', 'plural'))}`
    const { code, text } = await kube.client.send('POST', `${path}?dryRun=All&fieldValidation=Strict`, object)
    return code === 201 ? '201' : (JSON.parse(text) as { readonly message: string }).message
  }

  test('the definitions of all kinds are there', () => {
    expect(new Set(definitions.map((definition) => at(definition, 'spec', 'names', 'kind')))).toEqual(KINDS)
  })

  test.for(APPLIED.map((path) => ({ path })))('$path is taken', async ({ path }) => {
    for (const object of snippet(path)) expect(await verdict(object)).toBe('201')
  })

  test.for([
    { path: 'istio/telemetry.yaml', from: '"accessLogging"', to: '"accessLogs"', says: 'unknown field "spec.accessLogs"' },
    { path: 'envoy_gateway/envoy_proxy.yaml', from: '"requestHeaders"', to: '"requestHeader"', says: 'unknown field' },
    { path: 'envoy_gateway/envoy_proxy.yaml', from: '"type":"HTTP"', to: '"type":"TCP"', says: 'The http field may only be set when type is HTTP.' },
    { path: 'contour/extension_service.yaml', from: '"h2c"', to: '"http2"', says: 'spec.protocol: Unsupported value' },
  ])('a mistake in $path would have been found: $says', async ({ path, from, to, says }) => {
    const text = JSON.stringify(snippet(path)[0])
    expect(text).toContain(from)
    expect(await verdict(JSON.parse(text.replaceAll(from, to)) as Tree)).toContain(says)
  })

  test("Contour's DaemonSet of Envoy takes the patch, and Kubernetes puts the node's address into it", async () => {
    const daemonSet = documents(join(paths['mesh-schemas'], 'contour/envoy.yaml')).find(({ kind }) => kind === 'DaemonSet')
    expect(at(daemonSet, 'spec', 'template', 'spec', 'containers', 1, 'name')).toBe('envoy')
    await kube.client.ask('POST', '/apis/apps/v1/namespaces/projectcontour/daemonsets', daemonSet)
    const [patch] = snippet('contour/envoy_daemonset_patch.yaml')
    const path = '/apis/apps/v1/namespaces/projectcontour/daemonsets/envoy?fieldValidation=Strict'
    const patched: unknown = await kube.client.ask('PATCH', path, patch, 'application/json-patch+json')
    const envoy = at(patched, 'spec', 'template', 'spec', 'containers', 1)
    const args = at(envoy, 'args') as readonly string[]
    expect(args.slice(-2)[0]).toBe('--config-yaml')
    // Kubernetes replaces what names a variable of the container.
    const variables = [...(args.at(-1) ?? '').matchAll(/\$\((\w+)\)/g)].map(([, name]) => name)
    expect(variables).toEqual(['HOST_IP'])
    expect(listAt(envoy, 'env').map(({ name }) => name)).toContain('HOST_IP')
  })
})

function documents(file: string): readonly Tree[] {
  return parseAllDocuments(readFileSync(file, 'utf8'), { logLevel: 'silent' }).flatMap((document) =>
    document.contents === null ? [] : [document.toJS() as Tree],
  )
}
