import { describe, expect, test } from 'vitest'
import { DimensionChooser, declarationProblems } from './dimensions.ts'
import { DECLARATION_PRESETS } from './presets.ts'
import { emfConfig } from './testing.ts'

function setsOf(given: object, metric: string, labels: Readonly<Record<string, string>>): readonly string[] {
  const chooser = new DimensionChooser(emfConfig(given))
  const found = chooser.setsOf(chooser.declarationsOf(metric), { dimensionKeys: Object.keys(labels).sort(), valueOf: (key) => labels[key] })
  return found.sets.map((set) => set.join())
}

const LABELS = { code: '200', pod: 'cart-1', service: 'cart' }

describe('without declarations', () => {
  test.for([
    { name: 'all labels are one set', given: {}, wanted: ['code,pod,service'] },
    {
      name: 'single roll-up adds each label',
      given: { dimension_rollup_option: 'SingleDimensionRollupOnly' },
      wanted: ['code,pod,service', 'code', 'pod', 'service'],
    },
    {
      name: 'zero and single roll-up adds the empty set, too',
      given: { dimension_rollup_option: 'ZeroAndSingleDimensionRollup' },
      wanted: ['code,pod,service', '', 'code', 'pod', 'service'],
    },
    { name: 'nothing is extracted when that is switched off', given: { disable_metric_extraction: true }, wanted: [] },
  ])('$name', ({ given, wanted }) => {
    expect(setsOf(given, 'requests', LABELS)).toEqual(wanted)
  })

  test('the label of the scope stays in each set that is rolled up', () => {
    expect(setsOf({ dimension_rollup_option: 'ZeroAndSingleDimensionRollup' }, 'm', { OTelLib: 'lib', code: '200' })).toEqual(['OTelLib,code', 'OTelLib'])
  })

  test('a set has at most 30 labels', () => {
    const chooser = new DimensionChooser(emfConfig())
    const dimensionKeys = Array.from({ length: 40 }, (_, i) => `label${i}`)
    const found = chooser.setsOf([], { dimensionKeys, valueOf: () => 'x' })
    expect([found.sets[0]?.length, found.isCut]).toEqual([30, true])
  })
})

describe('declarations', () => {
  test.for([
    { name: 'choose sets', declared: [{ dimensions: [['service'], ['service', 'code']] }], wanted: ['service', 'code,service'] },
    { name: 'leave out sets of which a label is missing', declared: [{ dimensions: [['zone'], ['service']] }], wanted: ['service'] },
    { name: 'choose the empty set', declared: [{ dimensions: [[]] }], wanted: [''] },
    { name: 'add up, each set once', declared: [{ dimensions: [['service']] }, { dimensions: [['service'], ['pod']] }], wanted: ['service', 'pod'] },
    { name: 'leave out metrics of other names', declared: [{ metric_name_selectors: ['^errors$'], dimensions: [['service']] }], wanted: [] },
    { name: 'find names in the middle', declared: [{ metric_name_selectors: ['quest'], dimensions: [['service']] }], wanted: ['service'] },
    {
      name: 'hold when one of the conditions does',
      declared: [
        {
          dimensions: [['service']],
          label_matchers: [
            { label_names: ['code'], regex: '^5' },
            { label_names: ['service', 'zone', 'code'], regex: '^cart;;2' },
          ],
        },
      ],
      wanted: ['service'],
    },
    {
      name: 'do not hold when no condition does',
      declared: [{ dimensions: [['service']], label_matchers: [{ label_names: ['code'], regex: '^5' }] }],
      wanted: [],
    },
    {
      name: 'join values as told',
      declared: [{ dimensions: [['service']], label_matchers: [{ label_names: ['service', 'code'], separator: '@', regex: '^cart@200$' }] }],
      wanted: ['service'],
    },
  ])('$name', ({ declared, wanted }) => {
    const declarations = declared.map((declaration) => ({ metric_name_selectors: ['requests'], ...declaration }))
    expect(setsOf({ metric_declarations: declarations }, 'requests_total', LABELS)).toEqual(wanted)
  })

  test('are chosen by values, also of series with the same keys', () => {
    const label_matchers = [{ label_names: ['code'], regex: '^2' }]
    const chooser = new DimensionChooser(emfConfig({ metric_declarations: [{ metric_name_selectors: ['.'], dimensions: [['code']], label_matchers }] }))
    const dimensionKeys = ['code']
    const sets = ['200', '500', '204'].map((code) => chooser.setsOf(chooser.declarationsOf('m'), { dimensionKeys, valueOf: () => code }).sets.length)
    expect(sets).toEqual([1, 0, 1])
  })

  test('that cannot be are told with their place', () => {
    const metric_declarations = [
      {
        dimensions: [Array.from({ length: 31 }, (_, i) => `d${i}`)],
        metric_name_selectors: ['ok', '('],
        label_matchers: [{ label_names: ['a'], separator: ';', regex: '[' }],
      },
    ]
    expect(declarationProblems({ metric_declarations }).map(({ path }) => path.join('.'))).toEqual([
      'metric_declarations.0.dimensions.0',
      'metric_declarations.0.metric_name_selectors.1',
      'metric_declarations.0.label_matchers.0.regex',
    ])
  })
})

describe('the preset', () => {
  const istio = { destination_workload: 'cart', destination_workload_namespace: 'shop', reporter: 'destination', response_code: '200', source_workload: 'web' }
  const service = { 'service.name': 'cart', 'service.namespace': 'shop' }
  test.for([
    { preset: 'mesh', metric: 'istio_requests_total', labels: istio, wanted: ['destination_workload,destination_workload_namespace,reporter,response_code'] },
    { preset: 'mesh', metric: 'mesh_request_duration_milliseconds', labels: istio, wanted: ['destination_workload,destination_workload_namespace,reporter'] },
    { preset: 'mesh', metric: 'istio_request_bytes', labels: istio, wanted: [] },
    {
      preset: 'mesh',
      metric: 'http.server.request.duration',
      labels: { ...service, 'http.response.status_code': '200' },
      wanted: ['service.name,service.namespace', 'http.response.status_code,service.name,service.namespace'],
    },
    {
      preset: 'envoy_statsd',
      metric: 'envoy_cluster_upstream_rq_xx',
      labels: { envoy_cluster_name: 'a', envoy_response_code_class: '2' },
      wanted: ['envoy_cluster_name,envoy_response_code_class'],
    },
    {
      preset: 'envoy_statsd',
      metric: 'envoy.cluster.upstream_rq_time',
      labels: { 'appmesh.mesh': 'm', 'appmesh.virtual_node': 'v', 'envoy.cluster_name': 'a' },
      wanted: ['appmesh.mesh,appmesh.virtual_node,envoy.cluster_name'],
    },
    { preset: 'envoy_statsd', metric: 'envoy_cluster_upstream_rq_retry_success', labels: { envoy_cluster_name: 'a' }, wanted: [] },
  ])('$preset has $metric with $wanted', ({ preset, metric, labels, wanted }) => {
    expect(setsOf({ metric_declaration_preset: preset }, metric, labels)).toEqual(wanted)
  })

  test('is as good as what a user may write', () => {
    for (const metric_declarations of Object.values(DECLARATION_PRESETS))
      expect(declarationProblems({ metric_declarations: [...metric_declarations] })).toEqual([])
  })
})

test('a config with declarations and units that cannot be is refused with places', () => {
  const declared = { metric_declarations: [{ metric_name_selectors: ['a(?=b)'], dimensions: [[]] }], metric_descriptors: [{ metric_name: 'm', unit: 'ms' }] }
  expect(() => emfConfig(declared)).toThrow(
    /metric_declarations\[0\]\.metric_name_selectors\[0\]: .*\n.*metric_descriptors\[0\]\.unit: not a unit of CloudWatch/,
  )
})
