import { describe, expect, test } from 'vitest'
import { bodyBytesMax, relabelRule, scrapeTimes } from './config.ts'
import { configOf } from './testing.ts'

const job = (settings: object) => ({ scrape_configs: [{ job_name: 'a', ...settings }] })

describe('a config', () => {
  test('of a Go Collector for Envoy sidecars is taken as it is', () => {
    const { config } = configOf({
      global: { scrape_interval: '15s', evaluation_interval: '15s', external_labels: { cluster: 'c1' } },
      scrape_configs: [
        {
          job_name: 'envoy-stats',
          metrics_path: '/stats/prometheus',
          kubernetes_sd_configs: [{ role: 'pod', selectors: [{ role: 'pod', field: 'spec.nodeName=node-1' }] }],
          relabel_configs: [
            { source_labels: ['__meta_kubernetes_pod_container_port_name'], action: 'keep', regex: '.*-envoy-prom' },
            { source_labels: ['__meta_kubernetes_pod_annotation_prometheus_io_scrape'], action: 'keep', regex: true },
            {
              source_labels: ['__address__', '__meta_kubernetes_pod_annotation_prometheus_io_port'],
              action: 'replace',
              regex: '([^:]+)(?::\\d+)?;(\\d+)',
              replacement: '$1:15090',
              target_label: '__address__',
            },
            { action: 'labelmap', regex: '__meta_kubernetes_pod_label_(.+)' },
            { source_labels: ['__meta_kubernetes_namespace'], target_label: 'namespace' },
          ],
          metric_relabel_configs: [{ source_labels: ['__name__'], regex: 'envoy_cluster_upstream_cx_.*', action: 'drop' }],
        },
      ],
    })
    expect(config.scrape_configs[0]?.relabel_configs.map(relabelRule)[1]).toMatchObject({ regex: 'true', replacement: '$1', separator: ';' })
  })

  test('gives jobs the times of global, and no timeout above the interval', () => {
    const times = (settings: object, global: object = {}) => {
      const { config } = configOf({ global, ...job(settings) })
      return scrapeTimes(config.scrape_configs[0] as (typeof config.scrape_configs)[0], config.global)
    }
    expect(times({})).toEqual({ interval: '1m', timeout: '10s' })
    expect(times({ scrape_interval: '5s' })).toEqual({ interval: '5s', timeout: '5s' })
    expect(times({ scrape_timeout: '3s' }, { scrape_interval: '20s' })).toEqual({ interval: '20s', timeout: '3s' })
  })

  test.for([
    ['10MB', 10 * 2 ** 20],
    ['1KiB', 1024],
    ['1.5GB', 1.5 * 2 ** 30],
    [100, 100],
    ['0', 256 * 2 ** 20],
    ['ten', undefined],
  ] as const)('has sizes as Prometheus writes them: %s', ([size, bytes]) => {
    expect(bodyBytesMax(size)).toBe(bytes)
  })
})

describe('a config is refused', () => {
  test.for<readonly [string, object, RegExp]>([
    ['unsupported discovery', job({ consul_sd_configs: [] }), /scrape_configs\[0\]\.consul_sd_configs: unknown setting/],
    ['another role', job({ kubernetes_sd_configs: [{ role: 'endpoints' }] }), /kubernetes_sd_configs\[0\]\.role: unknown value/],
    ['rules', { ...job({}), rule_files: [] }, /rule_files: unknown setting/],
    ['no jobs', { scrape_configs: [] }, /scrape_configs: too few items/],
    ['two of a name', { scrape_configs: [{ job_name: 'a' }, { job_name: 'a' }] }, /scrape_configs\[1\]\.job_name: a name that another/],
    ['a long timeout', job({ scrape_interval: '5s', scrape_timeout: '6s' }), /scrape_configs\[0\]\.scrape_timeout: longer than scrape_interval/],
    ['no interval', job({ scrape_interval: '0s' }), /scrape_configs\[0\]\.scrape_interval: too short/],
    ['a bad regex', job({ relabel_configs: [{ target_label: 'a', regex: '(' }] }), /relabel_configs\[0\]\.regex: not a regular expression/],
    ['a look-around', job({ metric_relabel_configs: [{ action: 'drop', regex: '(?!a)b' }] }), /metric_relabel_configs\[0\]\.regex: not a regular/],
    ['an unknown action', job({ relabel_configs: [{ action: 'copy' }] }), /relabel_configs\[0\]\.action: unknown value/],
    ['no target label', job({ relabel_configs: [{ source_labels: ['a'] }] }), /relabel_configs\[0\]: no target_label for replace/],
    ['no modulus', job({ relabel_configs: [{ action: 'hashmod', target_label: 'a' }] }), /relabel_configs\[0\]: no modulus/],
    ['a bad label', job({ relabel_configs: [{ action: 'lowercase', target_label: 'a-b' }] }), /relabel_configs\[0\]\.target_label: not a label name/],
    ['a target with a scheme', job({ static_configs: [{ targets: ['http://a:1/x'] }] }), /static_configs\[0\]\.targets\[0\]: not an address/],
    [
      'a bad selector',
      job({ kubernetes_sd_configs: [{ role: 'pod', selectors: [{ role: 'pod', field: 'spec.x=1' }] }] }),
      /selectors\[0\]\.field: field spec\.x is not supported/,
    ],
    ['two kinds of credentials', job({ basic_auth: { username: 'a' }, authorization: { credentials: 'b' } }), /authorization: given together with basic_auth/],
    ['half a certificate', job({ tls_config: { cert_file: 'a' } }), /tls_config: one of cert_file and key_file/],
    ['a bad size', job({ body_size_limit: 'ten' }), /body_size_limit: not a size/],
  ])('with %s', ([, config, problem]) => {
    expect(() => configOf(config)).toThrow(problem)
  })
})
