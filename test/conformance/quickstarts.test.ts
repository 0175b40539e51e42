import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { blocksOf } from './user_docs.ts'

const MESH = join(import.meta.dirname, '../../deploy/mesh')

/** All documents of the YAML blocks of a quickstart. */
function shown(page: string): unknown[] {
  return blocksOf(`docs/quickstart/${page}.md`)
    .filter(({ language }) => language === 'yaml')
    .flatMap(({ text }) => parseAllDocuments(text).map((document) => document.toJSON() as unknown))
}

function fileOf(path: string): unknown {
  return parseAllDocuments(readFileSync(join(MESH, path), 'utf8'))[0]?.toJSON()
}

// What quickstarts show is what deploy/mesh has, which the interop tests run or have judged.
test.for(['istio/mesh_config.yaml', 'istio/telemetry.yaml', 'istio/telemetry_no_metrics.yaml'])('the quickstart of Istio shows %s', (path) => {
  expect(shown('istio')).toContainEqual(fileOf(path))
})

test('the quickstart of Envoy Gateway shows the HTTP part of envoy_gateway/envoy_proxy.yaml', () => {
  const whole = fileOf('envoy_gateway/envoy_proxy.yaml') as { spec: { telemetry: { accessLog: { settings: { sinks: unknown[] }[] } } } }
  whole.spec.telemetry.accessLog.settings[0]?.sinks.pop()
  expect(shown('envoy_gateway')).toContainEqual(whole)
})

test('the quickstart of plain Envoy shows parts of envoy/bootstrap.yaml', () => {
  interface Parts {
    readonly access_log?: readonly { readonly typed_config: { readonly common_config: { readonly custom_tags: readonly unknown[] } } }[]
    readonly clusters?: readonly unknown[]
    readonly stats_sinks?: readonly unknown[]
  }
  const parts = shown('plain_envoy_vm') as readonly Parts[]
  const whole = JSON.stringify(fileOf('envoy/bootstrap.yaml'))
  const clusters = parts.flatMap(({ clusters: some = [] }) => some)
  const tags = parts.flatMap(({ access_log: logs = [] }) => logs.flatMap(({ typed_config: { common_config } }) => common_config.custom_tags))
  for (const part of [...clusters, ...tags]) expect(whole).toContain(JSON.stringify(part))
  expect([clusters.length, tags.length, parts.flatMap(({ stats_sinks: some = [] }) => some).length]).toEqual([1, 3, 1])
})
