/** A real API server takes every object of every example, as it is. */
import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { CHART, documentsOf, exampleNames, type Manifest, renderChart, valuesOf } from '../../../scripts/manifests/chart.ts'
import { VARIANTS, variantObjects } from '../../../scripts/manifests/kustomize.ts'
import { type Kube, startKube } from '../kube/kube.ts'
import { suite } from '../suite.ts'
import { type Definition, definitionsOf } from './crds.ts'
import { judge, podOf, prepare, type Verdict } from './strict.ts'

/** Examples whose pods break the restricted Pod Security Standard, and how. */
const UNRESTRICTED: Readonly<Record<string, RegExp>> = { statsd_host_port: /hostPort/ }

/** Values that no example has. */
const FURTHER = [
  { name: 'host network', values: { hostNetwork: true, rollout: { maxUnavailable: '10%' } }, isRestricted: false },
  {
    name: 'a queue on the node’s disk',
    values: {
      presets: {
        otlpExport: { enabled: true, endpoint: 'x:4317', queue: 'disk', queueVolume: { hostPath: { path: '/var/lib/meshscope', type: 'DirectoryOrCreate' } } },
      },
    },
    isRestricted: false,
  },
  {
    name: 'a gateway by a load balancer, with replicas by CPU and memory',
    values: {
      mode: 'gateway',
      service: { type: 'LoadBalancer', trafficDistribution: 'PreferSameZone', ipFamilyPolicy: 'PreferDualStack', annotations: { a: 'b' } },
      autoscaling: { enabled: true, targetMemoryUtilizationPercentage: 75 },
      podDisruptionBudget: { maxUnavailable: '25%' },
      rollout: { maxSurge: '50%', maxUnavailable: 1 },
    },
    isRestricted: true,
  },
  {
    name: 'containers beside it and before it',
    values: {
      initContainers: [restrictedContainer('before')],
      extraContainers: [restrictedContainer('beside')],
      extraEnvsFrom: [{ configMapRef: { name: 'more', optional: true } }],
      resizePolicy: [{ resourceName: 'memory', restartPolicy: 'NotRequired' }],
      preStopSleepSeconds: 0,
      dnsPolicy: 'Default',
      bindAddress: '[::]',
      serviceAccount: { create: false, name: 'other' },
    },
    isRestricted: true,
  },
  {
    name: 'more ports and a network policy with rules of its own',
    values: {
      ports: { 'statsd-envoy': { enabled: true, containerPort: 8126, servicePort: 8126, protocol: 'UDP' }, prometheus: { enabled: false } },
      networkPolicy: {
        enabled: true,
        ingressFrom: [{ podSelector: {} }],
        extraIngress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8' } }], ports: [{ port: 13_134 }] }],
        egress: [{ to: [{ namespaceSelector: {} }], ports: [{ port: 53, protocol: 'UDP' }] }],
      },
    },
    isRestricted: true,
  },
] as const

function restrictedContainer(name: string): object {
  return { name, image: 'busybox', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }
}

suite('manifests in an API server', ['helm', 'etcd', 'kube-apiserver', 'prometheus-operator-crds', 'mesh-schemas'], (paths) => {
  let definitions: readonly Definition[]
  let kube: Kube
  beforeAll(async () => {
    definitions = definitionsOf(paths)
    kube = await startKube({ paths })
    await prepare(kube, definitions)
  })
  afterAll(async () => {
    await kube?.stop()
  })

  test('an object with a field that the API does not have is refused', async () => {
    const [example] = renderChart({ helm: paths.helm }).filter(({ object }) => object.kind === 'DaemonSet')
    const daemonset = structuredClone(example?.object) as unknown as { spec: { template: { spec: Record<string, unknown> } } }
    daemonset.spec.template.spec['hostPorts'] = true
    expect(await judge(kube, daemonset as unknown as Manifest)).toMatchObject({
      code: 400,
      message: expect.stringContaining('unknown field "spec.template.spec.hostPorts"'),
    })
    const rule: Manifest = {
      apiVersion: 'monitoring.coreos.com/v1',
      kind: 'PrometheusRule',
      metadata: { name: 'x', namespace: 'monitoring' },
      spec: { group: [] },
    }
    expect(await judge(kube, rule)).toMatchObject({ code: 400, message: expect.stringContaining('unknown field "spec.group"') })
  })

  test.for(exampleNames())('the example %s is taken without a warning, and its pods are restricted ones', async (example) => {
    const objects = renderChart({ helm: paths.helm, valuesFile: valuesOf(example) }).map(({ object }) => object)
    const violation = UNRESTRICTED[example]
    const faults = await faultsOf(objects)
    if (violation === undefined) expect(faults).toEqual({})
    else expect(Object.values(faults).map(({ warnings, message }) => violation.test(`${warnings.join()}${message}`))).toEqual([true, true])
  })

  test.for(FURTHER)('$name: the objects are taken', async ({ values, isRestricted }) => {
    const faults = await faultsOf(renderChart({ helm: paths.helm, values }).map(({ object }) => object))
    if (isRestricted) expect(faults).toEqual({})
    // The workload is taken with a warning; its pods are not in a namespace like this one.
    else
      expect(Object.values(faults)).toMatchObject([
        { code: 201, warnings: [expect.stringContaining('PodSecurity')] },
        { code: 403, message: expect.stringContaining('PodSecurity') },
      ])
  })

  test.for(VARIANTS.map(({ name, values }) => ({ name, values })))('the kustomize variant $name is taken without a warning', async ({ values }) => {
    const objects = variantObjects(paths.helm, values).map(({ object }) => object)
    // Its namespace is there already.
    expect(await faultsOf(objects.filter(({ kind }) => kind !== 'Namespace'))).toEqual({})
  })

  test('Helm installs, changes everything and takes all of it away again', async () => {
    const helm = (...args: readonly string[]): string =>
      execFileSync(paths.helm, [...args, '--kubeconfig', kube.kubeconfig, '--namespace', 'observability'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      })
    const kinds = (): readonly string[] => documentsOf(helm('get', 'manifest', 'meshscope')).map(({ object }) => object.kind)
    expect(helm('install', 'meshscope', CHART)).toContain('Tell the proxies to send their access logs to meshscope.observability.svc.cluster.local:19001.')
    expect(kinds().toSorted()).toEqual(['ConfigMap', 'DaemonSet', 'Service', 'ServiceAccount'])
    helm('upgrade', 'meshscope', CHART, '--values', valuesOf('namespaces'))
    expect(await kube.client.send('GET', '/apis/apps/v1/namespaces/observability/daemonsets/meshscope')).toMatchObject({ code: 404 })
    expect(await kube.client.send('GET', '/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles/meshscope')).toMatchObject({ code: 200 })
    helm('uninstall', 'meshscope')
    for (const path of ['/apis/apps/v1/namespaces/observability/deployments', '/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles']) {
      expect(await kube.client.ask('GET', path)).toMatchObject({ items: [] })
    }
  })

  test('every custom resource of the examples has a definition, and every definition an example', () => {
    const custom = exampleNames().flatMap((example) =>
      renderChart({ helm: paths.helm, valuesFile: valuesOf(example) }).flatMap(({ object: { apiVersion, kind } }) =>
        /\.(?:coreos\.com|istio\.io)\//.test(apiVersion) ? [kind] : [],
      ),
    )
    expect([...new Set(custom)].toSorted()).toEqual(definitions.map(({ spec }) => spec.names.kind).toSorted())
  })

  async function faultsOf(objects: readonly Manifest[]): Promise<Readonly<Record<string, Verdict>>> {
    const faults: Record<string, Verdict> = {}
    const pods = objects.filter(({ kind }) => kind === 'DaemonSet' || kind === 'Deployment').map(podOf)
    for (const object of [...objects, ...pods]) {
      const verdict = await judge(kube, object)
      if (verdict.code >= 300 || verdict.warnings.length > 0) faults[`${object.kind} ${object.metadata.name}`] = verdict
    }
    expect(pods).toHaveLength(1)
    return faults
  }
})
