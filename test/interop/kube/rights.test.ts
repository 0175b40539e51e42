/** The rights that `meshscope rbac` prints are enough for the config, and none of them is too many. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import type { KubeObject } from '../../../cmd/meshscope/simulate/kube_api/object_store.ts'
import { run, temporaryFolder } from '../child.ts'
import { COMMANDS, daemonConfig, REPOSITORY, type RunningDaemon, startDaemon } from '../daemon.ts'
import { suite } from '../suite.ts'
import { until } from '../waiting.ts'
import { differences, whoIs } from './index_truth.ts'
import { type Kube, startKube } from './kube.ts'

interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
}

/** What a rule loses, and how the daemon says so. */
const REMOVALS = [
  { resource: 'pods', says: /RBAC: missing (list|watch) on pods/ },
  { resource: 'services', says: /RBAC: missing (list|watch) on services/ },
  { resource: 'endpointslices', says: /RBAC: missing (list|watch) on endpointslices\.discovery\.k8s\.io/ },
  { resource: 'nodes', says: /RBAC: missing (list|watch) on nodes/ },
] as const

suite('rights for a config', ['etcd', 'kube-apiserver'], (paths) => {
  const folder = temporaryFolder('kube-rights')
  const daemons: RunningDaemon[] = []
  let kube: Kube

  beforeAll(async () => {
    kube = await startKube({ paths })
    const { client } = kube
    for (const [i, name] of ['n1', 'n2'].entries()) await client.createNode(name, `192.0.2.${i + 1}`)
    for (const namespace of ['shop', 'other']) {
      await client.createNamespace(namespace)
      await client.createServiceAccount(namespace, 'unused')
    }
    await client.createPod({ namespace: 'shop', name: 'cart', node: 'n1', ips: ['10.1.0.1', 'fd00::1'], labels: { app: 'cart' } })
    await client.createPod({ namespace: 'other', name: 'mail', node: 'n2', ips: ['10.1.0.2'], labels: { app: 'mail' } })
    await client.createService('shop', 'cart', '10.96.1.1', 80)
  })
  afterAll(async () => {
    for (const daemon of daemons) await daemon.stop()
    await kube?.stop()
    folder.remove()
  })

  /** What `meshscope rbac` prints for these settings and account, as objects. */
  async function rightsFor(settings: Readonly<Record<string, unknown>>, account: string): Promise<KubeObject[]> {
    const file = join(folder.path, `${account}.yaml`)
    writeFileSync(file, stringify(daemonConfig({ als: 1, metrics: 2, own: 3, health: 4, explain: 5 }, { kubernetes: settings })))
    const args = [COMMANDS.source, 'rbac', '--config', file, '--name', account, '--namespace', 'default']
    const { code, stdout, output } = await run({ name: 'rbac', file: process.execPath, args, dir: REPOSITORY }, 30_000)
    expect(code, output).toBe(0)
    return parseAllDocuments(stdout).map((document) => document.toJS() as KubeObject)
  }

  /** A kubeconfig of an account, which is created. */
  async function configOf(account: string): Promise<string> {
    await kube.client.createServiceAccount('default', account)
    const path = join(folder.path, `${account}.kubeconfig`)
    writeFileSync(
      path,
      JSON.stringify({
        'current-context': 'test',
        clusters: [{ name: 'test', cluster: { server: kube.url, 'certificate-authority': kube.caFile } }],
        users: [{ name: 'daemon', user: { token: await kube.client.createToken('default', account) } }],
        contexts: [{ name: 'test', context: { cluster: 'test', user: 'daemon' } }],
      }),
    )
    return path
  }

  async function daemonFor(settings: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv = {}): Promise<RunningDaemon> {
    const daemon = await startDaemon({ kubernetes: { start_jitter: '0s', ...settings }, env })
    daemons.push(daemon)
    return daemon
  }

  const health = async (daemon: RunningDaemon): Promise<string> => await (await fetch(`http://127.0.0.1:${daemon.ports.health}/`)).text()

  test('the printed rights suffice for the whole cluster', async () => {
    const settings = { auth_type: 'kubeConfig', kubeconfig: await configOf('everything'), scope: 'cluster' }
    const objects = await rightsFor(settings, 'everything')
    expect(objects.map(({ kind }) => kind)).toEqual(['ClusterRole', 'ClusterRoleBinding'])
    for (const object of objects) await kube.client.apply(object)
    const daemon = await daemonFor(settings)
    expect(await differences(daemon, kube.client)).toEqual([])
    expect(await health(daemon)).not.toContain('RBAC')
  })

  test.for(REMOVALS)('without $resource the missing right is named, and the rest goes on', async ({ resource, says }) => {
    const account = `without-${resource}`
    const settings = { auth_type: 'kubeConfig', kubeconfig: await configOf(account), scope: 'cluster' }
    const [role] = await rightsFor(settings, account)
    const rules = (role as unknown as { readonly rules: readonly Rule[] }).rules
    const left = rules
      .map((rule) => ({ ...rule, resources: rule.resources.filter((name) => name !== resource) }))
      .filter(({ resources }) => resources.length > 0)
    expect(left).not.toEqual(rules)
    await kube.client.allow('default', account, left)
    const daemon = await daemonFor(settings)
    await until('the health page names the right', async () => says.test(await health(daemon)), { timeoutMs: 30_000 })
    expect((await fetch(`http://127.0.0.1:${daemon.ports.health}/readyz`)).status).toBe(200)
    const others = { pods: 'pod shop/cart', services: 'service shop/cart' }
    if (resource !== 'pods') expect(await until('pods are known', async () => (await whoIs(daemon, '10.1.0.1')) === others.pods)).toBe(true)
    if (resource !== 'services') expect(await until('services are known', async () => (await whoIs(daemon, '10.96.1.1')) === others.services)).toBe(true)
    await daemon.stop()
  })

  test('a right that is given later is used without a restart', async () => {
    const account = 'later'
    const settings = { auth_type: 'kubeConfig', kubeconfig: await configOf(account), scope: 'cluster' }
    const objects = await rightsFor(settings, account)
    const daemon = await daemonFor(settings)
    await until('the health page names a right', async () => (await health(daemon)).includes('RBAC: missing'), { timeoutMs: 30_000 })
    for (const object of objects) await kube.client.apply(object)
    expect(await differences(daemon, kube.client, [], 120_000)).toEqual([])
  })

  test('with single namespaces there are Roles only, and nothing else is seen', async () => {
    const account = 'one-namespace'
    const settings = { auth_type: 'kubeConfig', kubeconfig: await configOf(account), scope: 'namespaces', namespaces: ['shop'], resources: { nodes: 'never' } }
    const objects = await rightsFor(settings, account)
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace}`)).toEqual(['Role shop', 'RoleBinding shop'])
    for (const object of objects) await kube.client.apply(object)
    const daemon = await daemonFor(settings)
    expect(await until('the pod is known', async () => (await whoIs(daemon, '10.1.0.1')) === 'pod shop/cart', { timeoutMs: 30_000 })).toBe(true)
    expect([await whoIs(daemon, '10.1.0.2'), await whoIs(daemon, '10.96.1.1')]).toEqual(['unknown', 'service shop/cart'])
    expect(await health(daemon)).not.toContain('RBAC')
  })

  test('with the own node, its pods are known and those of others are not', async () => {
    const account = 'own-node'
    const settings = { auth_type: 'kubeConfig', kubeconfig: await configOf(account), scope: 'node' }
    for (const object of await rightsFor(settings, account)) await kube.client.apply(object)
    const daemon = await daemonFor(settings, { K8S_NODE_NAME: 'n2' })
    expect(await until('the pod is known', async () => (await whoIs(daemon, '10.1.0.2')) === 'pod other/mail', { timeoutMs: 30_000 })).toBe(true)
    expect([await whoIs(daemon, '10.1.0.1'), await whoIs(daemon, '192.0.2.2')]).toEqual(['unknown', 'node n2'])
    expect(await health(daemon)).not.toContain('RBAC')
  })
})
