import { describe, expect, test } from 'vitest'
import { IDENTITY_EXTENSION } from '../../component/kit/identity.ts'
import type { IdentityNeeds } from '../../model/identity/index.ts'
import { needsOf, usesOf } from './needs.ts'
import { configOf, type GivenConfig } from './testing.ts'

const IGNORE = { key: 'opentelemetry.io/k8s-processor/ignore' }
const BY_CONNECTION: GivenConfig = { pod_association: [{ sources: [{ from: 'connection' }] }], extract: { metadata: [] } }

describe('what is wanted of the index', () => {
  test('follows from the defaults', () => {
    expect(needsOf(configOf())).toEqual({
      lookups: ['address', 'pod_name'],
      resources: ['pods'],
      podLabels: [],
      podAnnotations: [IGNORE],
      namespaceLabels: [],
      namespaceAnnotations: [],
      nodeLabels: [],
      nodeAnnotations: [],
      serviceLabels: [],
      containers: true,
      waitForMetadataMs: 0,
    })
  })

  test.for<{ name: string; given: GivenConfig; needs: Partial<IdentityNeeds> }>([
    { name: 'one look-up for the connection, and no containers', given: BY_CONNECTION, needs: { lookups: ['address'], containers: false } },
    {
      name: 'the look-ups of all associations, once each',
      given: {
        ...BY_CONNECTION,
        pod_association: [
          { sources: [{ from: 'resource_attribute', name: 'container.id' }] },
          { sources: [{ from: 'resource_attribute', name: 'k8s.pod.uid' }, { from: 'connection' }] },
          { sources: [{ from: 'resource_attribute', name: 'k8s.pod.ip' }] },
          { sources: [{ from: 'connection' }] },
        ],
      },
      needs: { lookups: ['address', 'container', 'pod_uid'], containers: true },
    },
    {
      name: 'the labels and annotations of the rules, and what they hang on',
      given: {
        ...BY_CONNECTION,
        extract: {
          metadata: ['service.name', 'service.version'],
          labels: [{ key: 'team' }, { key_regex: '(?P<x>a.*)', tag_name: '$x' }, { key: 'zone', from: 'node' }, { key: 'stage', from: 'namespace' }],
          annotations: [{ key: 'owner' }, { key: 'cost', from: 'namespace' }, { key_regex: 'n.*', from: 'node' }],
          otel_annotations: true,
        },
        filter: { labels: [{ key: 'monitored', op: 'exists' }] },
      },
      needs: {
        resources: ['pods', 'namespaces', 'nodes'],
        podLabels: [
          { key: 'team' },
          { pattern: '(?P<x>a.*)' },
          { key: 'app.kubernetes.io/name' },
          { key: 'app.kubernetes.io/instance' },
          { key: 'app.kubernetes.io/version' },
          { key: 'monitored' },
        ],
        podAnnotations: [{ key: 'owner' }, { pattern: 'resource\\.opentelemetry\\.io/(.+)' }, IGNORE],
        namespaceLabels: [{ key: 'stage' }],
        namespaceAnnotations: [{ key: 'cost' }],
        nodeLabels: [{ key: 'zone' }],
        nodeAnnotations: [{ pattern: 'n.*' }],
        containers: true,
      },
    },
    { name: 'details for the uids of owners', given: { extract: { metadata: ['k8s.statefulset.uid', 'k8s.pod.hostname'] } }, needs: { details: true } },
    {
      name: 'exact owners for what controls the owner of a pod',
      given: { extract: { metadata: ['k8s.pod.uid', 'k8s.cronjob.uid', 'k8s.deployment.uid'] } },
      needs: { details: true, exactOwners: ['k8s.deployment.uid', 'k8s.cronjob.uid'] },
    },
    { name: 'nodes for their uid', given: { extract: { metadata: ['k8s.node.uid'] } }, needs: { resources: ['pods', 'nodes'] } },
    { name: 'namespaces for the uid of the cluster', given: { extract: { metadata: ['k8s.cluster.uid'] } }, needs: { resources: ['pods', 'namespaces'] } },
    {
      name: 'access, if it is configured here',
      given: { auth_type: 'kubeConfig', context: 'kind' },
      needs: { access: { authType: 'kubeConfig', context: 'kind' } },
    },
    { name: 'time for the first lists', given: { wait_for_metadata: true, wait_for_metadata_timeout: '1m' }, needs: { waitForMetadataMs: 60_000 } },
  ])('is $name', ({ given, needs }) => {
    expect(needsOf(configOf(given))).toMatchObject(needs)
  })
})

test('the extension is created when nobody has configured it, but not for passthrough', () => {
  expect(usesOf(configOf())).toMatchObject([{ extension: IDENTITY_EXTENSION, isOptional: false }])
  expect(usesOf(configOf({ passthrough: true }))).toEqual([])
})

test('needs are plain data', () => {
  const needs = needsOf(configOf({ extract: { labels: [{ key_regex: 'a(.*)' }], otel_annotations: true } }))
  expect(JSON.parse(JSON.stringify(needs))).toEqual(needs)
})
