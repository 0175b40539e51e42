/** A Prometheus that does what the chart's PodMonitor and PrometheusRules say finds everything, under the names that alerts and dashboards use. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { firstOf, type Manifest, renderChart } from '../../../scripts/manifests/chart.ts'
import { freePort } from '../../free_port.ts'
import { Child, temporaryFolder } from '../child.ts'
import { suite } from '../suite.ts'
import { Containers, ownPorts, simulate } from './containers.ts'

interface Relabeling {
  readonly sourceLabels?: readonly string[]
  readonly targetLabel?: string
  readonly replacement?: string
}

interface PodMonitor {
  readonly podMetricsEndpoints: readonly {
    readonly port: string
    readonly path: string
    readonly honorLabels?: boolean
    readonly relabelings: readonly Relabeling[]
  }[]
}

interface RuleGroups {
  readonly data: {
    readonly groups: readonly {
      readonly name: string
      readonly rules: readonly { readonly name: string; readonly health: string; readonly state?: string; readonly lastError?: string }[]
    }[]
  }
}

interface Vector {
  readonly data: { readonly result: readonly { readonly metric: Readonly<Record<string, string>>; readonly value: readonly [number, string] }[] }
}

suite('monitors of the chart', ['helm', 'prometheus'], ({ helm, prometheus }) => {
  const containers = new Containers(helm)
  const folder = temporaryFolder('monitors')
  let server: Child | undefined
  afterAll(async () => {
    await server?.stop('SIGKILL')
    await containers.close()
    folder.remove()
  })

  test('own metrics and service metrics come as two jobs with their node, and every rule can be evaluated', async () => {
    const values = {
      ...(await ownPorts('als', 'prometheus', 'metrics', 'health')),
      workers: { threads: 1 },
      podMonitor: { enabled: true },
      presets: { alerts: { enabled: true } },
    }
    const { port } = await containers.start('monitored', values)
    const objects = renderChart({ helm, values }).map(({ object }) => object)
    const groups = objects.filter(({ kind }) => kind === 'PrometheusRule').flatMap(({ spec }) => (spec as { readonly groups: readonly object[] }).groups)
    const url = await startPrometheus(objects, groups, port)
    expect(await simulate(port('als'))).toMatchObject({ code: 0 })

    const query = async (expression: string): Promise<Vector['data']['result']> =>
      ((await (await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`)).json()) as Vector).data.result
    await server?.until('both jobs are up', async () => (await query('up == 1')).length === 2)
    expect((await query('up')).map(({ metric: { job, node, pod } }) => ({ job, node, pod }))).toEqual(
      expect.arrayContaining(['meshscope', 'meshscope-mesh'].map((job) => ({ job, node: 'node-1', pod: 'meshscope-x' }))),
    )
    await server?.until('requests are there', async () => (await query('istio_requests_total')).length > 0)
    expect(await query('count by (job) (istio_requests_total{node="node-1",source_workload_namespace!=""})')).toMatchObject([
      { metric: { job: 'meshscope-mesh' } },
    ])
    expect(await query('count by (job) (meshscope_receiver_received_log_records{node="node-1"})')).toMatchObject([{ metric: { job: 'meshscope' } }])

    const told = async (): Promise<RuleGroups['data']['groups']> => ((await (await fetch(`${url}/api/v1/rules`)).json()) as RuleGroups).data.groups
    await server?.until('every rule has been evaluated', async () => (await told()).every(({ rules }) => rules.every(({ health }) => health !== 'unknown')))
    const allRules = async () => (await told()).flatMap((group) => group.rules)
    const absent = async () => (await allRules()).find(({ name }) => name === 'MeshscopeAbsent')?.state
    // Prometheus evaluates rules before its first scrape, and tells of it until the next evaluation.
    await server?.until('the daemon is seen by the rules', async () => (await absent()) === 'inactive')
    const rules = await allRules()
    expect(await told()).toHaveLength(groups.length)
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([])
  })

  /** The operator's part: scrape configs of the monitor, one target as its discovery would find it, and the rules. */
  async function startPrometheus(objects: readonly Manifest[], groups: readonly object[], port: (name: string) => number): Promise<string> {
    const { podMetricsEndpoints } = firstOf(objects, 'PodMonitor')['spec'] as PodMonitor
    const found = { __meta_kubernetes_pod_node_name: 'node-1', namespace: 'observability', pod: 'meshscope-x', container: 'meshscope' }
    const scrapes = podMetricsEndpoints.map(({ port: name, path, honorLabels = false, relabelings }, i) => ({
      job_name: `podMonitor/observability/meshscope/${i}`,
      metrics_path: path,
      honor_labels: honorLabels,
      static_configs: [{ targets: [`127.0.0.1:${port(name)}`], labels: found }],
      relabel_configs: relabelings.map(({ sourceLabels, targetLabel, replacement }) => ({
        ...(sourceLabels === undefined ? {} : { source_labels: sourceLabels }),
        target_label: targetLabel,
        ...(replacement === undefined ? {} : { replacement }),
      })),
    }))
    const global = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' }
    const fast = groups.map((group) => ({ ...group, interval: '1s' }))
    writeFileSync(join(folder.path, 'rules.yml'), stringify({ groups: fast }, { version: '1.1' }))
    writeFileSync(join(folder.path, 'prometheus.yml'), stringify({ global, rule_files: ['rules.yml'], scrape_configs: scrapes }, { version: '1.1' }))
    const url = `http://127.0.0.1:${await freePort()}`
    const args = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=${url.slice('http://'.length)}`, '--log.level=warn']
    server = new Child({ name: 'prometheus', file: prometheus, args, dir: folder.path })
    await server.until('ready', async () => (await fetch(`${url}/-/ready`)).ok)
    return url
  }
})
