import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { checkComponents } from '../../config/components.ts'
import { ProblemList } from '../../config/problem.ts'
import { readSources } from '../../config/sources.ts'
import type { Traces } from '../../model/traces.ts'
import { k8sAttributesProcessor } from '../../processors/k8s_attributes/factory.ts'
import { SpanAttributes } from '../../processors/k8s_attributes/processor.ts'
import { configOf, containerOf, podOf, recordOf, resourceOf, settingsWith } from '../../processors/k8s_attributes/testing.ts'
import { CollectingConsumer } from '../fakes/consumers.ts'
import { FakeIdentityIndex } from '../fakes/identity.ts'
import { K8S_ATTRIBUTES_EXAMPLES } from './k8s_attributes_examples.ts'

beforeAll(() => void vi.stubEnv('KUBE_NODE_NAME', 'node1'))
afterAll(() => void vi.unstubAllEnvs())

/** What is found wrong with a processor's config, as the loader says it. */
function problemsOf(id: string, settings: string): string[] {
  const text = `processors:\n  ${id}:\n${settings.replaceAll(/^/gm, '    ')}`
  const problems = new ProblemList()
  const root = readSources({ sources: [`yaml:${text}`], overrides: [] }, { env: {}, readFile: () => '', orderOf: () => 0 }, problems)
  if (root !== undefined) checkComponents(root, [k8sAttributesProcessor], problems)
  return [...problems.problems(), ...problems.warnings()].map(({ path, problem }) => `${path}: ${problem}`)
}

describe('what the Collector documents', () => {
  test.for(K8S_ATTRIBUTES_EXAMPLES)('is understood: $name', ({ settings, problems = [] }) => {
    expect(problemsOf('k8s_attributes', settings).map((line) => line.replace('processors.k8s_attributes.', ''))).toEqual(problems)
  })

  test('has an old name, which is accepted with a warning', () => {
    const lines = problemsOf('k8sattributes', 'passthrough: true')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^processors\.k8sattributes: /)
  })
})

/** The pod and the span of the Collector's example, and what it documents for them. */
test('what the Collector documents for a span of telemetrygen is added', () => {
  const digest = 'sha256:b248ef911f93ae27cbbc85056d1ffacc87fd941bbdc2ffd951b6df8df72b8096'
  const image = 'ghcr.io/open-telemetry/opentelemetry-collector-contrib/telemetrygen'
  const pod = podOf({
    name: 'telemetrygen-pod',
    namespace: 'e2ek8senrichment',
    uid: '038e2267-b473-489b-b48c-46bafdb852eb',
    annotations: { workload: 'deployment' },
    ips: ['10.244.0.11'],
    containers: [containerOf({ name: 'telemetrygen', image: `${image}:0.112.0@${digest}` })],
  })
  const config = configOf({
    pod_association: [{ sources: [{ from: 'connection' }] }],
    extract: {
      metadata: ['k8s.pod.name', 'k8s.pod.uid', 'container.image.name', 'container.image.tag', 'container.image.repo_digests', 'k8s.container.name'],
    },
  })
  const next = new CollectingConsumer<Traces>()
  const settings = settingsWith(new FakeIdentityIndex().add(pod))
  const resource = resourceOf({ 'k8s.container.name': 'telemetrygen' })
  void new SpanAttributes(settings, config, next).consume({
    groups: [{ resource, scope: { name: '', version: '' }, spans: [] }],
    client: { address: '10.244.0.11:50412' },
  })
  expect(recordOf(next.batches[0]?.groups[0]?.resource.attributes ?? resourceOf().attributes)).toEqual({
    'k8s.container.name': 'telemetrygen',
    'k8s.pod.name': 'telemetrygen-pod',
    'k8s.pod.uid': '038e2267-b473-489b-b48c-46bafdb852eb',
    // Its text shortens the name; its code takes all of it (see ParseImageName).
    'container.image.name': image,
    'container.image.tag': '0.112.0',
    'container.image.repo_digests': [`${image}@${digest}`],
  })
})
