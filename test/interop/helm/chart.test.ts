/** The chart by Helm itself: lint, examples, values that are refused, and what follows from values. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { registry } from '../../../cmd/meshscope/components.ts'
import { loadConfig } from '../../../config/load.ts'
import {
  CHART,
  configOf,
  exampleNames,
  firstOf,
  goldenText,
  isDashboard,
  type Manifest,
  renderChart,
  renderedOf,
  valuesOf,
} from '../../../scripts/manifests/chart.ts'
import { temporaryFolder } from '../child.ts'
import { suite } from '../suite.ts'

interface Container {
  readonly args: readonly string[]
  readonly env: readonly { readonly name: string; readonly value?: string }[]
  readonly image: string
  readonly ports: readonly { readonly name: string; readonly hostPort?: number }[]
}

interface Workload {
  readonly updateStrategy?: object
  readonly template: {
    readonly metadata: { readonly annotations?: Readonly<Record<string, string>> }
    readonly spec: { readonly containers: readonly [Container]; readonly terminationGracePeriodSeconds: number }
  }
}

/** Values that are wrong, and what Helm says of them. */
const REFUSED = [
  { name: 'an unknown mode', values: { mode: 'deployment' }, says: "'daemonset', 'gateway'" },
  { name: 'a misspelt key', values: { presets: { als: { enabeld: true } } }, says: "additional properties 'enabeld' not allowed" },
  { name: 'an unknown preset', values: { presets: { istioAls: { enabled: true } } }, says: "additional properties 'istioAls' not allowed" },
  { name: 'a text for a switch', values: { presets: { statsd: { enabled: 'yes' } } }, says: 'got string, want boolean' },
  { name: 'a port that needs root', values: { ports: { als: { containerPort: 443 } } }, says: '/ports/als/containerPort' },
  { name: 'a port without a number', values: { ports: { more: { enabled: true } } }, says: "missing properties 'containerPort', 'protocol'" },
  { name: 'a port name that is too long', values: { ports: { 'a-name-of-17-byte': { containerPort: 5000, protocol: 'TCP' } } }, says: 'a-name-of-17-byte' },
  { name: 'no amount of memory', values: { resources: { limits: { memory: '512MB' } } }, says: '/resources/limits/memory' },
  {
    name: 'two ports of one number',
    values: { ports: { metrics: { containerPort: 8889 } } },
    says: 'ports.prometheus.containerPort: TCP/8889 is that of ports.metrics',
  },
  { name: 'autoscaling of a daemonset', values: { autoscaling: { enabled: true } }, says: 'autoscaling.enabled: not with mode daemonset' },
  { name: 'two monitors', values: { podMonitor: { enabled: true }, serviceMonitor: { enabled: true } }, says: 'everything is scraped twice' },
  {
    name: 'a surge with host ports',
    values: { ports: { als: { hostPort: 19001 } }, rollout: { maxSurge: 1 } },
    says: 'rollout.maxSurge: must be 0 with host ports: two pods cannot be on one node',
  },
  {
    name: 'scope namespaces without any',
    values: { presets: { kubernetesAttributes: { enabled: true, scope: 'namespaces' } } },
    says: 'presets.kubernetesAttributes.namespaces: empty',
  },
  { name: 'nowhere to export to', values: { presets: { otlpExport: { enabled: true } } }, says: 'presets.otlpExport.endpoint: missing' },
  { name: 'nothing that flows', values: { presets: { prometheus: { enabled: false } } }, says: 'presets: nothing flows' },
  { name: 'a config of one’s own without what the probes ask', values: { alternateConfig: { receivers: {} } }, says: 'no health_check, which the probes ask' },
  { name: 'a preset without its port', values: { ports: { als: null } }, says: 'ports.als: missing' },
  {
    name: 'an address-less Service of another type',
    values: { service: { headless: true, type: 'NodePort' } },
    says: 'service.headless: not with type NodePort',
  },
  {
    name: 'a monitor of nothing',
    values: {
      podMonitor: { enabled: true },
      presets: { prometheus: { enabled: false }, selfMonitoring: { enabled: false }, otlpExport: { enabled: true, endpoint: 'x:1' } },
    },
    says: 'nothing to scrape',
  },
  {
    name: 'replicas with one disk for all their queues',
    values: {
      mode: 'gateway',
      presets: { otlpExport: { enabled: true, endpoint: 'x:1', queue: 'disk', queueVolume: { persistentVolumeClaim: { claimName: 'q' } } } },
    },
    says: 'one volume for several replicas',
  },
  { name: 'no time to drain', values: { terminationGracePeriodSeconds: 5 }, says: 'terminationGracePeriodSeconds: 5 is not more than preStopSleepSeconds' },
]

suite('the chart', ['helm'], ({ helm }) => {
  const objectsOf = (values: object): readonly Manifest[] => renderChart({ helm, values }).map(({ object }) => object)
  const configFor = (values: object): unknown => parse(configOf(objectsOf(values)) ?? '')
  const workloadOf = (values: object): Workload => firstOf(objectsOf(values), 'DaemonSet', 'Deployment')['spec'] as Workload
  const containerOf = (values: object): Container => workloadOf(values).template.spec.containers[0]

  test('passes lint with every example', () => {
    const args = exampleNames().flatMap((example) => ['--values', valuesOf(example)])
    // Each on its own: values of several files would be laid on one another.
    for (const [i] of exampleNames().entries()) {
      const { status, stdout } = spawnSync(helm, ['lint', '--strict', CHART, ...args.slice(2 * i, 2 * i + 2)], { encoding: 'utf8' })
      expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringContaining('0 chart(s) failed') })
    }
  })

  test.for(exampleNames())('renders the example %s as it is checked in', (example) => {
    expect(goldenText(renderChart({ helm, valuesFile: valuesOf(example) }))).toBe(readFileSync(renderedOf(example), 'utf8'))
  })

  test.for(REFUSED)('refuses $name', ({ values, says }) => {
    expect(() => objectsOf(values)).toThrow(says)
  })

  test('has every dashboard and every file of rules, unchanged, also as a package', () => {
    const values = { presets: { dashboards: { enabled: true }, alerts: { enabled: true } } }
    const objects = objectsOf(values)
    const dashboards = filesOf('dashboards')
    expect(Object.assign({}, ...objects.filter(isDashboard).map(({ data }) => data as object))).toEqual(dashboards)
    const rules = objects.filter(({ kind }) => kind === 'PrometheusRule')
    expect(rules.map(({ spec }) => spec)).toEqual(Object.values(filesOf('rules')).map((text) => parse(text) as unknown))
    expect(rules.length).toBeGreaterThan(0)
    const folder = temporaryFolder('package')
    try {
      execFileSync(helm, ['package', CHART, '--destination', folder.path], { stdio: 'ignore' })
      const [archive = ''] = readdirSync(folder.path)
      const names = execFileSync('tar', ['-tzf', join(folder.path, archive)], { encoding: 'utf8' }).split('\n')
      for (const name of Object.keys(dashboards)) expect(names).toContain(`meshscope/files/dashboards/${name}`)
    } finally {
      folder.remove()
    }
  })

  test('sizes heaps by the memory limit, and the limiter with it', () => {
    const sized = { resources: { limits: { memory: '2Gi' } }, workers: { threads: 4 } }
    expect(containerOf(sized).env).toContainEqual({ name: 'NODE_OPTIONS', value: '--max-old-space-size=819' })
    expect(configFor(sized)).toMatchObject({
      service: { workers: { threads: 4, heap_mib_max: 153 } },
      processors: { memory_limiter: { limit_percentage: 85 } },
    })
    const unlimited = { resources: { limits: { memory: null } } }
    expect(containerOf(unlimited).env.map(({ name }) => name)).not.toContain('NODE_OPTIONS')
    expect(configFor(unlimited)).toMatchObject({ service: { workers: { heap_mib_max: 0 } }, processors: { mesh: {} } })
    expect(configFor(unlimited)).not.toHaveProperty('processors.memory_limiter')
  })

  test('lays config on what presets make, and takes alternateConfig as it is', () => {
    const added = { config: { exporters: { debug: {} }, service: { pipelines: { 'metrics/mesh': { exporters: ['prometheus', 'debug'] } } } } }
    expect(configFor(added)).toMatchObject({
      exporters: { prometheus: {}, debug: {} },
      service: { pipelines: { 'metrics/mesh': { receivers: ['mesh_metrics'], exporters: ['prometheus', 'debug'] } } },
    })
    const whole = { extensions: { health_check: { endpoint: '0.0.0.0:13133' } }, service: { extensions: ['health_check'], pipelines: {} } }
    expect(configFor({ alternateConfig: whole, config: { exporters: { debug: {} } } })).toEqual(whole)
  })

  test('takes the example of its README', () => {
    const [, block = ''] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(CHART, 'README.md'), 'utf8')) ?? []
    const config = configOf(objectsOf(parse(block) as object)) ?? ''
    expect(loadConfig({ sources: [`yaml:${config}`], overrides: [], registry, env: {} })).toMatchObject({ problems: [], warnings: [] })
    expect(parse(config)).toMatchObject({ receivers: { statsd: { aggregation_interval: '30s' } }, exporters: { debug: {} } })
  })

  test('declares CloudWatch metrics by their source, so that none keeps the others out', () => {
    const presets = { statsd: { enabled: true }, otlp: { enabled: true }, cloudwatchEmf: { enabled: true }, prometheus: { enabled: false } }
    expect(configFor({ presets })).toMatchObject({
      connectors: { mesh_metrics: { metrics_flush_interval: '60s' } },
      exporters: {
        'awsemf/mesh': { metric_declaration_preset: 'mesh' },
        'awsemf/statsd': { metric_declaration_preset: 'none' },
        'awsemf/otlp': { metric_declaration_preset: 'none' },
      },
      service: { pipelines: { 'metrics/mesh': { exporters: ['awsemf/mesh'] }, 'metrics/statsd': { exporters: ['awsemf/statsd'] } } },
    })
    const envoy = { ...presets, als: { enabled: false }, statsd: { enabled: true, profile: 'envoy' } }
    expect(configFor({ presets: envoy })).toMatchObject({ exporters: { 'awsemf/statsd': { metric_declaration_preset: 'envoy_statsd' } } })
  })

  test('gives rights for what config adds to the presets', () => {
    const added = { config: { processors: { mesh: { kubernetes: 'always' } }, extensions: { k8s_metadata: { resources: { istio: 'never' } } } } }
    const rules = firstOf(objectsOf(added), 'ClusterRole')['rules'] as readonly { readonly resources: readonly string[] }[]
    expect(rules.flatMap(({ resources }) => resources)).toEqual(['nodes', 'pods', 'services', 'endpointslices'])
    expect(objectsOf({ ...added, rbac: { create: false } }).map(({ kind }) => kind)).not.toContain('ClusterRole')
  })

  test('reloads a changed config, or restarts for it, as asked', () => {
    expect(containerOf({}).args).toEqual(['run', '--config=/conf/relay.yaml', '--watch'])
    const checksum = (values: object): string | undefined =>
      workloadOf({ configReload: 'checksum', ...values }).template.metadata.annotations?.['checksum/config']
    expect(checksum({})).toMatch(/^[0-9a-f]{64}$/)
    expect(checksum({ config: { service: { drain_timeout: '20s' } } })).not.toBe(checksum({}))
    expect(containerOf({ configReload: 'checksum' }).args).not.toContain('--watch')
  })

  test('replaces pods without a gap, unless a host port keeps two of them apart', () => {
    expect(workloadOf({}).updateStrategy).toEqual({ type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } })
    const withHostPort = { ports: { als: { hostPort: 19001 } } }
    expect(workloadOf(withHostPort).updateStrategy).toEqual({ type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } })
    expect(containerOf(withHostPort).ports.filter(({ hostPort }) => hostPort !== undefined)).toEqual([
      { name: 'als', containerPort: 19001, protocol: 'TCP', hostPort: 19001 },
    ])
  })

  test('lets go of a disk before the next pod wants it', () => {
    const queue = (queueVolume: object): object => ({ presets: { otlpExport: { enabled: true, endpoint: 'x:1', queue: 'disk', queueVolume } } })
    expect(workloadOf(queue({ hostPath: { path: '/var/lib/meshscope' } })).updateStrategy).toMatchObject({ rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } })
    expect(workloadOf(queue({})).updateStrategy).toMatchObject({ rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } })
    const own = { ephemeral: { volumeClaimTemplate: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } } } } } }
    expect(workloadOf({ mode: 'gateway', ...queue(own) })).toMatchObject({ replicas: 2, strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } })
  })

  test('takes the image from where it is told', () => {
    expect(containerOf({}).image).toBe('meshscope:0.1.0')
    expect(containerOf({ global: { imageRegistry: 'registry.example.com' }, image: { tag: 'edge' } }).image).toBe('registry.example.com/meshscope:edge')
    const digest = `sha256:${'a'.repeat(64)}`
    expect(containerOf({ image: { registry: 'r.example.com', repository: 'x/y', digest } }).image).toBe(`r.example.com/x/y@${digest}`)
  })

  test('names the jobs of own metrics and of service metrics', () => {
    const { podMetricsEndpoints } = firstOf(objectsOf({ podMonitor: { enabled: true } }), 'PodMonitor')['spec'] as { readonly podMetricsEndpoints: unknown }
    const job = (replacement: string): unknown => expect.arrayContaining([{ targetLabel: 'job', replacement }])
    expect(podMetricsEndpoints).toMatchObject([
      { port: 'metrics', relabelings: job('meshscope') },
      { port: 'prometheus', honorLabels: true, relabelings: job('meshscope-mesh') },
    ])
  })
})

/** The files of a folder of the chart, by their names, in the order of these. */
function filesOf(folder: 'dashboards' | 'rules'): Readonly<Record<string, string>> {
  const path = join(CHART, 'files', folder)
  const names = readdirSync(path).filter((name) => name.endsWith(folder === 'dashboards' ? '.json' : '.yaml'))
  return Object.fromEntries(names.toSorted().map((name) => [name, readFileSync(join(path, name), 'utf8')]))
}
