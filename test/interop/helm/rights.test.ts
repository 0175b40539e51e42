/** The rights that the chart gives are those that `meshscope rbac` prints, whatever the config is. */
import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { runCli } from '../../../cmd/meshscope/cli.ts'
import { registry } from '../../../cmd/meshscope/components.ts'
import { configOf, type Manifest, NAMESPACE, RELEASE, renderChart } from '../../../scripts/manifests/chart.ts'
import { rightsOf } from '../../../scripts/manifests/rights.ts'
import { suite } from '../suite.ts'

const KUBERNETES = { kubernetesAttributes: { enabled: true } }

/** `config` on top of the preset for Kubernetes metadata, with an otlp pipeline to put processors into. */
function withProcessor(id: string, settings: object, extension: object = {}): object {
  const pipelines = { 'metrics/otlp': { processors: [id] } }
  return {
    presets: { ...KUBERNETES, otlp: { enabled: true } },
    config: { extensions: { k8s_metadata: extension }, processors: { [id]: settings }, service: { pipelines } },
  }
}

const CASES = [
  { name: 'the preset, with exact owners', values: { presets: { kubernetesAttributes: { enabled: true, exactOwners: true } } } },
  {
    name: 'labels of namespaces and nodes',
    values: withProcessor('k8s_attributes', {
      extract: {
        labels: [
          { key: 'team', from: 'namespace' },
          { key: 'zone', from: 'node' },
        ],
      },
    }),
  },
  {
    name: 'annotations of namespaces, by the Collector’s name',
    values: withProcessor('k8sattributes/more', { extract: { annotations: [{ key: 'x', from: 'namespace' }] } }),
  },
  { name: 'UIDs of the cluster and of nodes', values: withProcessor('k8s_attributes/more', { extract: { metadata: ['k8s.cluster.uid', 'k8s.node.uid'] } }) },
  { name: 'addresses only', values: withProcessor('k8s_attributes', { passthrough: true }) },
  { name: 'no look-ups of the mesh', values: { presets: KUBERNETES, config: { processors: { mesh: { kubernetes: 'never' } } } } },
  { name: 'a mesh that insists, without the preset', values: { config: { processors: { mesh: { kubernetes: 'always' } } } } },
  {
    name: 'nothing that needs it, but resources that are always watched',
    values: {
      config: {
        extensions: { k8s_metadata: { resources: { services: 'always', nodes: 'always' } } },
        processors: { mesh: { kubernetes: 'never' } },
        service: { extensions: ['health_check', 'k8s_metadata'] },
      },
    },
  },
  { name: 'an extension that does not run', values: { config: { extensions: { k8s_metadata: {} } } } },
  { name: 'one node, by its name', values: { presets: KUBERNETES, config: { extensions: { k8s_metadata: { node: 'node-1' } } } } },
  {
    name: 'no endpoints, no Istio',
    values: { presets: KUBERNETES, config: { extensions: { k8s_metadata: { resources: { endpoint_slices: 'never', istio: 'never' } } } } },
  },
  {
    name: 'namespaces, with their own labels and all nodes',
    values: {
      presets: { kubernetesAttributes: { enabled: true, scope: 'namespaces', namespaces: ['shop', 'bank'], exactOwners: true } },
      config: { extensions: { k8s_metadata: { resources: { namespaces: 'always', nodes: 'always' } } } },
    },
  },
  { name: 'senders of StatsD', values: { presets: { ...KUBERNETES, als: { enabled: false }, statsd: { enabled: true } } } },
  {
    name: 'pods that are scraped',
    values: {
      config: {
        receivers: { prometheus: { config: { scrape_configs: [{ job_name: 'pods', kubernetes_sd_configs: [{ role: 'pod' }] }] } } },
        processors: { mesh: { kubernetes: 'never' } },
        service: { pipelines: { 'metrics/scraped': { receivers: ['prometheus'], exporters: ['prometheus'] } } },
      },
    },
  },
  {
    name: 'targets that are listed',
    values: {
      config: {
        receivers: { prometheus: { config: { scrape_configs: [{ job_name: 'one', static_configs: [{ targets: ['localhost:9'] }] }] } } },
        service: { pipelines: { 'metrics/scraped': { receivers: ['prometheus'], exporters: ['prometheus'] } } },
      },
    },
  },
  {
    name: 'a whole config of one’s own, with names',
    values: {
      alternateConfig: {
        receivers: { 'envoyals/edge': {} },
        processors: { 'mesh/edge': {} },
        exporters: { debug: {} },
        extensions: { health_check: {}, k8s_metadata: { scope: 'cluster', exact_owners: true } },
        service: {
          extensions: ['health_check', 'k8s_metadata'],
          pipelines: { 'logs/edge': { receivers: ['envoyals/edge'], processors: ['mesh/edge'], exporters: ['debug'] } },
        },
      },
    },
  },
]

suite('rights of the chart', ['helm'], ({ helm }) => {
  test.for(CASES)('$name', async ({ values }) => {
    const objects = renderChart({ helm, values }).map(({ object }) => object)
    expect(rightsOf(objects)).toEqual(rightsOf(await printed(configOf(objects) ?? '')))
  })

  test('some of these configs need rights, some do not', () => {
    const counts = CASES.map(({ values }) => rightsOf(renderChart({ helm, values }).map(({ object }) => object)).length)
    expect(counts.filter((count) => count === 0)).toHaveLength(3)
    expect(Math.max(...counts)).toBe(6)
  })
})

/** What `meshscope rbac` prints for a config. */
async function printed(config: string): Promise<readonly Manifest[]> {
  let out = ''
  let err = ''
  const io = { out: (text: string) => void (out += text), err: (text: string) => void (err += text), env: { K8S_NODE_NAME: 'node-1' }, hasColour: false }
  const code = await runCli(['rbac', '--config', `yaml:${config}`, '--namespace', NAMESPACE, '--name', RELEASE], { registry, io })
  if (code !== 0) throw new Error(`meshscope rbac ended with ${code}: ${err}`)
  return parseAllDocuments(out).flatMap((document) => (document.toJS() === null ? [] : [document.toJS() as Manifest]))
}
