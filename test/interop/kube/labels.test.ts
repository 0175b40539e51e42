/** Access logs in, a real API server beside: the scraped metrics name every workload that has an address. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TruthDocument, TruthRow } from '../../../cmd/meshscope/simulate/truth.ts'
import { run, temporaryFolder } from '../child.ts'
import { COMMANDS, REPOSITORY, type RunningDaemon, samplesOf, startDaemon, sumBy } from '../daemon.ts'
import { cluster, httpListener, type RunningEnvoy, startEnvoy } from '../envoy.ts'
import { imbalances, ledgerOf } from '../ledger.ts'
import { suite } from '../suite.ts'
import { settled, until } from '../waiting.ts'
import { differences, whoIs } from './index_truth.ts'
import { type Kube, startKube } from './kube.ts'

const SECONDS = 8
const REQUESTS_PER_SECOND = 500

suite('labels by a real API server', ['etcd', 'kube-apiserver', 'envoy'], (paths) => {
  const folder = temporaryFolder('kube-labels')
  let kube: Kube
  let daemon: RunningDaemon
  let envoy: RunningEnvoy | undefined

  beforeAll(async () => {
    kube = await startKube({ paths })
    daemon = await startDaemon({
      threads: 2,
      kubernetes: { auth_type: 'kubeConfig', kubeconfig: kube.kubeconfig, scope: 'cluster', start_jitter: '0s', remember_gone: '5s' },
    })
    expect(await differences(daemon, kube.client)).toEqual([])
  })
  afterAll(async () => {
    await envoy?.stop()
    await daemon?.stop()
    await kube?.stop()
    folder.remove()
  })

  test('a simulated mesh: callers without a proxy and servers out of reach have their names, by the truth', async () => {
    const file = join(folder.path, 'truth.json')
    const traffic = ['--endpoint', `127.0.0.1:${daemon.ports.als}`, '--rps', String(REQUESTS_PER_SECOND), '--duration', `${SECONDS}s`]
    const args = [COMMANDS.source, 'simulate', ...traffic, '--proxies', '2', '--kube', kube.kubeconfig, '--truth', file]
    const { code, output } = await run({ name: 'simulate', file: process.execPath, args, dir: REPOSITORY }, (SECONDS + 90) * 1000)
    expect(code, output).toBe(0)
    const truth = JSON.parse(readFileSync(file, 'utf8')) as TruthDocument
    expect(truth.entries).toMatchObject({ lost: 0, unconfirmed: 0 })
    await settled(
      async () => ledgerOf(await daemon.scrapeOwn()).connector,
      (now) => now >= truth.entries.confirmed,
    )
    const scraped = await daemon.scrape()
    const http = bothSides(scraped, truth.http, 'count', 'istio_requests_total')
    expect(http.shown).toEqual(http.sent)
    const tcp = bothSides(scraped, truth.tcp, 'opened', 'istio_tcp_connections_opened_total')
    expect(tcp.shown).toEqual(tcp.sent)
    const plain = Object.keys(http.sent).filter((key) => key.includes(' reports batch reports v3 '))
    expect(plain).toHaveLength(1)
    expect(imbalances(ledgerOf(await daemon.scrapeOwn()))).toEqual([])
  })

  test('what the simulator has made is gone again, for the daemon too', async () => {
    expect((await kube.client.list('pods')).items).toEqual([])
    expect(await until('the services are gone', async () => (await whoIs(daemon, '10.96.71.10')) === 'unknown', { timeoutMs: 90_000 })).toBe(true)
  })

  test('a real Envoy that only says which pod it is in has the workload and labels of that pod', async () => {
    await kube.client.createNamespace('shop')
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-6b746f74dc', uid: '5f0d5f6e-9d0c-4c5c-8d52-0b9a8f7a1f01', controller: true }
    const pod = { namespace: 'shop', name: 'web-6b746f74dc-9stvs', ips: ['10.1.0.7'] }
    await kube.client.createPod({ ...pod, labels: { app: 'web', version: 'v7', 'pod-template-hash': '6b746f74dc' }, ownerReferences: [owner] })
    expect(await differences(daemon, kube.client)).toEqual([])
    const node = { id: `sidecar~10.1.0.7~${pod.name}.shop~shop.svc.cluster.local`, cluster: 'web.shop' }
    const routes = [{ name: 'direct', match: { prefix: '/' }, direct_response: { status: 200 } }]
    const als = cluster({ name: 'als', endpoint: { host: '127.0.0.1', port: daemon.ports.als }, http2: true })
    const listeners = [httpListener({ name: 'http', address: '127.0.0.1', direction: 'OUTBOUND', routes })]
    envoy = await startEnvoy(paths.envoy, 'web', { node, static_resources: { listeners, clusters: [als] } })
    for (let i = 0; i < 5; i++) expect((await fetch(`http://127.0.0.1:${envoy.ports['http']}/`)).status).toBe(200)
    const labels = ['reporter', 'source_workload', 'source_workload_namespace', 'source_canonical_service', 'source_canonical_revision']
    const shown = async (): Promise<Record<string, number>> => sumBy(samplesOf(await daemon.scrape(), 'istio_requests_total'), labels)
    expect(await settled(shown, (sums) => sums['source web shop web v7'] === 5)).toMatchObject({ 'source web shop web v7': 5 })
  })
})

/** A measure of the truth and the metric's samples, both by the labels of the truth. */
function bothSides(
  scraped: string,
  rows: readonly TruthRow[],
  measure: string,
  metric: string,
): { readonly sent: Record<string, number>; readonly shown: Record<string, number> } {
  const labels = Object.keys(rows[0]?.labels ?? {})
  const sent: Record<string, number> = {}
  for (const row of rows) if (Number(row[measure]) > 0) sent[labels.map((label) => row.labels[label]).join(' ')] = Number(row[measure])
  const shown = sumBy(samplesOf(scraped, metric), labels)
  return { sent, shown: Object.fromEntries(Object.entries(shown).filter(([, value]) => value > 0)) }
}
