import { describe, expect, test } from 'vitest'
import { podOf } from '../../../test/fakes/identity_objects.ts'
import { configOf } from '../testing.ts'
import { podFilter, podTargets, wantedTexts } from './pods.ts'

const DISCOVERY = {
  phase: 'Running',
  ready: 'true',
  hostIp: '192.168.0.1',
  controllerKind: 'ReplicaSet',
  controllerName: 'reviews-6d5f8b7c9d',
  ports: [
    { container: 'istio-proxy', name: 'http-envoy-prom', port: 15_090, protocol: 'TCP' },
    { container: 'istio-proxy', name: '', port: 15_021, protocol: 'TCP' },
  ],
  initContainers: ['istio-init'],
}
const container = (name: string) => ({ name, id: 'ab'.repeat(32), image: `${name}:1` })
const POD = podOf({
  discovery: DISCOVERY,
  containers: [container('istio-proxy'), container('app'), container('istio-init')],
  labels: { 'app.kubernetes.io/name': 'reviews' },
  annotations: { 'prometheus.io/scrape': 'true' },
})

describe('a pod', () => {
  test('is a target for each port, and for each container without one, with the labels of Prometheus', () => {
    const targets = podTargets(POD).map((labels) => Object.fromEntries(labels))
    expect(
      targets.map((labels) => [labels['__address__'], labels['__meta_kubernetes_pod_container_name'], labels['__meta_kubernetes_pod_container_init']]),
    ).toEqual([
      ['10.0.0.1:15090', 'istio-proxy', 'false'],
      ['10.0.0.1:15021', 'istio-proxy', 'false'],
      ['10.0.0.1', 'app', 'false'],
      ['10.0.0.1', 'istio-init', 'true'],
    ])
    expect(targets[0]).toEqual({
      __address__: '10.0.0.1:15090',
      __meta_kubernetes_namespace: 'shop',
      __meta_kubernetes_pod_name: 'reviews-6d5f8b7c9d-abcde',
      __meta_kubernetes_pod_ip: '10.0.0.1',
      __meta_kubernetes_pod_ready: 'true',
      __meta_kubernetes_pod_phase: 'Running',
      __meta_kubernetes_pod_node_name: 'node-a',
      __meta_kubernetes_pod_host_ip: '192.168.0.1',
      __meta_kubernetes_pod_uid: POD.uid,
      __meta_kubernetes_pod_controller_kind: 'ReplicaSet',
      __meta_kubernetes_pod_controller_name: 'reviews-6d5f8b7c9d',
      __meta_kubernetes_pod_label_app_kubernetes_io_name: 'reviews',
      __meta_kubernetes_pod_labelpresent_app_kubernetes_io_name: 'true',
      __meta_kubernetes_pod_annotation_prometheus_io_scrape: 'true',
      __meta_kubernetes_pod_annotationpresent_prometheus_io_scrape: 'true',
      __meta_kubernetes_pod_container_name: 'istio-proxy',
      __meta_kubernetes_pod_container_image: 'istio-proxy:1',
      __meta_kubernetes_pod_container_id: 'ab'.repeat(32),
      __meta_kubernetes_pod_container_init: 'false',
      __meta_kubernetes_pod_container_port_name: 'http-envoy-prom',
      __meta_kubernetes_pod_container_port_number: '15090',
      __meta_kubernetes_pod_container_port_protocol: 'TCP',
    })
  })

  test('with an IPv6 address has it in brackets', () => {
    expect(podTargets({ ...POD, ips: ['fd00::1'] })[0]?.get('__address__')).toBe('[fd00::1]:15090')
  })

  test('without an address is none', () => {
    expect(podTargets({ ...POD, ips: [] })).toEqual([])
  })
})

test.for<readonly [object, boolean]>([
  [{}, true],
  [{ namespaces: { names: ['shop', 'x'] } }, true],
  [{ namespaces: { names: ['x'] } }, false],
  [{ selectors: [{ role: 'pod', field: 'spec.nodeName=node-a,status.phase=Running' }] }, true],
  [{ selectors: [{ role: 'pod', field: 'spec.nodeName=node-b' }] }, false],
  [{ selectors: [{ role: 'pod', label: 'app.kubernetes.io/name in (reviews)' }] }, true],
  [{ selectors: [{ role: 'pod', label: 'app.kubernetes.io/name=ratings' }] }, false],
])('%j means the pod: %s', ([settings, expected]) => {
  const { config } = configOf({ scrape_configs: [{ job_name: 'a', kubernetes_sd_configs: [{ role: 'pod', ...settings }] }] })
  const [discovery] = config.scrape_configs[0]?.kubernetes_sd_configs ?? []
  expect(discovery !== undefined && podFilter(discovery)(POD)).toBe(expected)
})

test.for<readonly [object[], string[], string[]]>([
  [[], [], []],
  [[{ source_labels: ['__meta_kubernetes_pod_label_app_name', '__address__'], target_label: 'app' }], ['app[^a-zA-Z0-9]name'], []],
  [[{ source_labels: ['__meta_kubernetes_pod_annotationpresent_x'], action: 'keep', regex: true }], [], ['x']],
  [[{ action: 'labelmap', regex: '__meta_kubernetes_pod_label_(.+)' }], ['.*'], []],
  [[{ action: 'labelmap', regex: '__meta_(.+)' }], ['.*'], ['.*']],
])('rules %j want of labels %j and of annotations %j', ([rules, labels, annotations]) => {
  const { config } = configOf({ scrape_configs: [{ job_name: 'a', kubernetes_sd_configs: [{ role: 'pod' }], relabel_configs: rules }] })
  const [job] = config.scrape_configs
  const patterns = (kind: 'label' | 'annotation') =>
    job === undefined ? [] : wantedTexts(job, kind).map((rule) => ('pattern' in rule ? rule.pattern : rule.key))
  expect([patterns('label'), patterns('annotation')]).toEqual([labels, annotations])
})
