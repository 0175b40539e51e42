import { afterEach, expect, test } from 'vitest'
import type { Pod } from '../../model/identity/objects.ts'
import { FakeIdentityIndex } from '../../test/fakes/identity.ts'
import { podOf, uuidOf } from '../../test/fakes/identity_objects.ts'
import { fakeSettings } from '../../test/fakes/settings.ts'
import { usesOf } from './discovery.ts'
import { configOf, FakeTarget, ReceiverRun } from './testing.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** An index whose pods a test replaces. */
class PodIndex extends FakeIdentityIndex {
  present: readonly Pod[] = []

  override pods(): readonly Pod[] {
    return this.present
  }

  set(pods: readonly Pod[]): void {
    this.present = pods
    this.changedMs++
  }
}

function envoyPod(name: string, port: number): Pod {
  const discovery = { phase: 'Running', ready: 'true', hostIp: '', controllerKind: 'DaemonSet', controllerName: 'envoy', initContainers: [] }
  const ports = [{ container: 'envoy', name: 'prom', port, protocol: 'TCP' }]
  return podOf({ uid: uuidOf(port), name, ips: ['127.0.0.1'], containers: [{ name: 'envoy', id: '', image: '' }], discovery: { ...discovery, ports } })
}

test('pods come and go as targets', async () => {
  const envoy = await FakeTarget.start((_request, response) => response.end('a 1\n'))
  cleanups.push(() => envoy.stop())
  const index = new PodIndex()
  index.isSynced = false
  const run = new ReceiverRun(
    {
      global: { scrape_interval: '10s' },
      scrape_configs: [
        {
          job_name: 'envoy',
          kubernetes_sd_configs: [{ role: 'pod' }],
          relabel_configs: [
            { source_labels: ['__meta_kubernetes_pod_container_port_name'], action: 'keep', regex: 'prom' },
            { source_labels: ['__meta_kubernetes_pod_name'], target_label: 'pod' },
          ],
        },
      ],
    },
    { ...fakeSettings('receiver', 'prometheus'), shared: () => index },
  )
  const targets = (): number => run.counted('meshscope_prometheus_targets', { state: 'active' })
  run.start()
  cleanups.push(() => run.stop())
  expect(targets()).toBe(0)
  const pod = envoyPod('envoy-1', Number(envoy.address.split(':')[1]))
  index.set([pod])
  index.isSynced = true
  run.settings.clock.advance(5000)
  expect(targets()).toBe(1)
  await run.advance(10_000, 1)
  expect(run.points.find(({ name }) => name === 'a')).toMatchObject({ labels: { pod: 'envoy-1' }, instance: envoy.address })
  index.set([])
  run.settings.clock.advance(5000)
  await run.until(() => run.points.some(({ name, isEnded }) => name === 'up' && isEnded))
  expect(targets()).toBe(0)
  expect(run.points.filter(({ isEnded }) => isEnded).map(({ name }) => name)).toContain('a')
})

test('the index is asked for what the rules look at, and only where pods are discovered', () => {
  const job = { job_name: 'a', relabel_configs: [{ source_labels: ['__meta_kubernetes_pod_label_app'], target_label: 'app' }] }
  expect(usesOf(configOf({ scrape_configs: [job] }))).toEqual([])
  expect(usesOf(configOf({ scrape_configs: [{ ...job, kubernetes_sd_configs: [{ role: 'pod' }] }] }))).toMatchObject([
    {
      extension: 'k8s_metadata',
      isOptional: false,
      needs: { lookups: ['pod_uid'], resources: ['pods'], podLabels: [{ pattern: 'app' }], podAnnotations: [], discovery: true },
    },
  ])
})
