import { describe, expect, test } from 'vitest'
import type { Pod } from '../../model/identity/objects.ts'
import { containerOf, PodAttributes } from './pod_attributes.ts'
import { CONTAINER_ID, configOf, containerOf as container, type GivenConfig, podOf } from './testing.ts'

const attributesOf = (extract: GivenConfig, pod: Partial<Pod> = {}): Record<string, unknown> =>
  Object.fromEntries(new PodAttributes(configOf({ extract: { metadata: [], ...extract } })).of(podOf(pod), 'cluster-uid'))

const job = { workload: { kind: 'CronJob', name: 'auth-cronjob', isInferred: false }, replicaSet: '', job: 'auth-cronjob-27667920' }
const OWNER_UIDS = ['deployment', 'replicaset', 'statefulset', 'daemonset', 'cronjob', 'job'].map((kind) => `k8s.${kind}.uid`)
const SERVICE = { metadata: ['service.namespace', 'service.name', 'service.version', 'service.instance.id'], otel_annotations: true }

/** The cases are those of the Collector's own tests of its extraction rules, for one owner each. */
describe('the attributes of a pod', () => {
  test.for<{ name: string; extract: GivenConfig; pod?: Partial<Pod>; attributes: Record<string, string> }>([
    { name: 'none without rules', extract: {}, attributes: {} },
    { name: 'deployment', extract: { metadata: ['k8s.deployment.name'] }, attributes: { 'k8s.deployment.name': 'auth-service' } },
    { name: 'replicaset', extract: { metadata: ['k8s.replicaset.name'] }, attributes: { 'k8s.replicaset.name': 'auth-service-66f5996c7c' } },
    {
      name: 'daemonset',
      extract: { metadata: ['k8s.daemonset.name', 'k8s.deployment.name'] },
      pod: { workload: { kind: 'DaemonSet', name: 'auth-daemonset', isInferred: false } },
      attributes: { 'k8s.daemonset.name': 'auth-daemonset' },
    },
    {
      name: 'statefulset',
      extract: { metadata: ['k8s.statefulset.name'] },
      pod: { workload: { kind: 'StatefulSet', name: 'pi-statefulset', isInferred: false } },
      attributes: { 'k8s.statefulset.name': 'pi-statefulset' },
    },
    {
      name: 'job and cronjob',
      extract: { metadata: ['k8s.job.name', 'k8s.cronjob.name'] },
      pod: job,
      attributes: { 'k8s.job.name': 'auth-cronjob-27667920', 'k8s.cronjob.name': 'auth-cronjob' },
    },
    {
      name: 'job alone',
      extract: { metadata: ['k8s.job.name', 'k8s.cronjob.name'] },
      pod: { workload: { kind: 'Job', name: 'once', isInferred: false }, replicaSet: '' },
      attributes: { 'k8s.job.name': 'once' },
    },
    {
      name: 'hostname',
      extract: { metadata: ['k8s.pod.hostname', 'k8s.replicaset.uid'] },
      pod: { details: { ownerUid: '', workloadUid: '', hostname: 'auth-hostname1' } },
      attributes: { 'k8s.pod.hostname': 'auth-hostname1' },
    },
    {
      name: 'uids of a replicaset and its deployment',
      extract: { metadata: OWNER_UIDS },
      pod: { details: { ownerUid: 'rs-uid', workloadUid: 'deployment-uid', hostname: '' } },
      attributes: { 'k8s.deployment.uid': 'deployment-uid', 'k8s.replicaset.uid': 'rs-uid' },
    },
    {
      name: 'uid of a replicaset whose deployment is only known by its name',
      extract: { metadata: OWNER_UIDS },
      pod: { details: { ownerUid: 'rs-uid', workloadUid: '', hostname: '' } },
      attributes: { 'k8s.replicaset.uid': 'rs-uid' },
    },
    {
      name: 'uids of a job and its cronjob',
      extract: { metadata: OWNER_UIDS },
      pod: { ...job, details: { ownerUid: 'job-uid', workloadUid: 'cronjob-uid', hostname: '' } },
      attributes: { 'k8s.job.uid': 'job-uid', 'k8s.cronjob.uid': 'cronjob-uid' },
    },
    ...['StatefulSet', 'DaemonSet', 'Job'].map((kind) => ({
      name: `uid of a ${kind}`,
      extract: { metadata: OWNER_UIDS },
      pod: { workload: { kind, name: 'x', isInferred: false }, replicaSet: '', details: { ownerUid: 'owner-uid', workloadUid: '', hostname: '' } },
      attributes: { [`k8s.${kind.toLowerCase()}.uid`]: 'owner-uid' },
    })),
    { name: 'no uids where the index does not keep them', extract: { metadata: OWNER_UIDS }, attributes: {} },
    {
      name: 'metadata',
      extract: {
        metadata: [
          'k8s.deployment.name',
          'k8s.namespace.name',
          'k8s.node.name',
          'k8s.pod.name',
          'k8s.pod.uid',
          'k8s.pod.ip',
          'k8s.pod.start_time',
          'k8s.cluster.uid',
        ],
      },
      attributes: {
        'k8s.deployment.name': 'auth-service',
        'k8s.namespace.name': 'ns1',
        'k8s.node.name': 'node1',
        'k8s.pod.name': 'auth-service-66f5996c7c-xyz34',
        'k8s.pod.uid': 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
        'k8s.pod.ip': '1.1.1.1',
        'k8s.pod.start_time': '2026-01-01T00:00:00Z',
        'k8s.cluster.uid': 'cluster-uid',
      },
    },
    {
      name: 'labels and annotations',
      extract: {
        annotations: [{ tag_name: 'a1', key: 'annotation1', from: 'pod' }],
        labels: [{ tag_name: 'l1', key: 'label1' }, { key: 'label2' }, { key: 'absent' }, { tag_name: 'n1', key: 'label1', from: 'namespace' }],
      },
      attributes: { l1: 'lv1', 'k8s.pod.labels.label2': 'lv2', a1: 'av1' },
    },
    {
      name: 'all labels',
      extract: { labels: [{ key_regex: 'la.*', from: 'pod' }] },
      attributes: { 'k8s.pod.labels.label1': 'lv1', 'k8s.pod.labels.label2': 'lv2' },
    },
    {
      name: 'all annotations',
      extract: { annotations: [{ key_regex: 'an.*' }] },
      attributes: { 'k8s.pod.annotations.annotation1': 'av1' },
    },
    { name: 'annotations that do not match', extract: { annotations: [{ key_regex: 'an*' }] }, attributes: {} },
    { name: 'captured groups', extract: { annotations: [{ tag_name: '$1', key_regex: 'annotation(\\d+)' }] }, attributes: { '1': 'av1' } },
    {
      name: 'captured groups $0',
      extract: { annotations: [{ tag_name: 'prefix-$0', key_regex: 'annotation(\\d+)' }] },
      attributes: { 'prefix-annotation1': 'av1' },
    },
    {
      name: 'captured groups without a name',
      extract: { labels: [{ key_regex: '(label\\d+)' }] },
      attributes: { 'k8s.pod.labels.label1': 'lv1', 'k8s.pod.labels.label2': 'lv2' },
    },
    {
      name: 'a name without groups to tell the keys apart',
      extract: { labels: [{ tag_name: 'label', key_regex: 'label.' }] },
      attributes: { 'k8s.pod.labels.label1': 'lv1', 'k8s.pod.labels.label2': 'lv2' },
    },
    {
      name: 'empty values only by their key',
      extract: { labels: [{ tag_name: 'by_key', key: 'empty' }, { key_regex: 'emp.*' }] },
      pod: { labels: { empty: '' } },
      attributes: { by_key: '' },
    },
    {
      name: 'the last of several keys for one name',
      extract: { labels: [{ tag_name: '$1', key_regex: '(label)\\d' }] },
      attributes: { label: 'lv2' },
    },
    { name: 'service name', extract: SERVICE, attributes: { 'service.name': 'auth-service', 'service.namespace': 'ns1' } },
    {
      name: 'service attributes of a cronjob',
      extract: SERVICE,
      pod: job,
      attributes: { 'service.name': 'auth-cronjob', 'service.namespace': 'ns1' },
    },
    {
      name: 'service attributes from labels',
      extract: SERVICE,
      pod: { labels: { 'app.kubernetes.io/name': 'label-service', 'app.kubernetes.io/version': 'label-version' } },
      attributes: { 'service.name': 'label-service', 'service.version': 'label-version', 'service.namespace': 'ns1' },
    },
    {
      name: 'service attributes from labels, the instance first',
      extract: SERVICE,
      pod: {
        labels: { 'app.kubernetes.io/instance': 'instance-service', 'app.kubernetes.io/name': 'label-service', 'app.kubernetes.io/version': 'label-version' },
      },
      attributes: { 'service.name': 'instance-service', 'service.version': 'label-version', 'service.namespace': 'ns1' },
    },
    {
      name: 'service attributes from annotations',
      extract: SERVICE,
      pod: {
        labels: { 'app.kubernetes.io/instance': 'instance-service', 'app.kubernetes.io/version': 'label-version' },
        annotations: {
          'resource.opentelemetry.io/service.instance.id': 'annotation-id',
          'resource.opentelemetry.io/service.version': 'annotation-version',
          'resource.opentelemetry.io/service.name': 'annotation-service',
          'resource.opentelemetry.io/service.namespace': 'annotation-namespace',
        },
      },
      attributes: {
        'service.instance.id': 'annotation-id',
        'service.name': 'annotation-service',
        'service.version': 'annotation-version',
        'service.namespace': 'annotation-namespace',
      },
    },
    {
      name: 'no deployment for a replicaset alone',
      extract: { metadata: ['k8s.deployment.name', 'service.name'] },
      pod: {
        workload: { kind: 'ReplicaSet', name: 'opentelemetry-collector-6c45f8d6f6', isInferred: false },
        replicaSet: 'opentelemetry-collector-6c45f8d6f6',
      },
      attributes: { 'service.name': 'opentelemetry-collector-6c45f8d6f6' },
    },
    {
      name: 'a deployment from the name of a replicaset',
      extract: { metadata: ['k8s.deployment.name', 'service.name'], deployment_name_from_replicaset: true },
      pod: {
        workload: { kind: 'ReplicaSet', name: 'opentelemetry-collector-6c45f8d6f6', isInferred: false },
        replicaSet: 'opentelemetry-collector-6c45f8d6f6',
      },
      attributes: { 'k8s.deployment.name': 'opentelemetry-collector', 'service.name': 'opentelemetry-collector' },
    },
  ])('are: $name', ({ extract, pod = {}, attributes }) => {
    const texts = { labels: { label1: 'lv1', label2: 'lv2' }, annotations: { annotation1: 'av1' } }
    expect(attributesOf(extract, { ...texts, ...pod })).toEqual(attributes)
  })

  test('come in a fixed order', () => {
    const extract = { metadata: ['k8s.pod.uid', 'k8s.namespace.name'], labels: [{ key_regex: '.*' }] }
    const names = ['k8s.namespace.name', 'k8s.pod.uid', 'k8s.pod.labels.a', 'k8s.pod.labels.b']
    expect(Object.keys(attributesOf(extract, { labels: { b: '1', a: '2' } }))).toEqual(names)
    expect(Object.keys(attributesOf(extract, { labels: { a: '2', b: '1' } }))).toEqual(names)
  })
})

describe('the container that a resource means', () => {
  const second = container({ name: 'proxy', id: 'f'.repeat(64) })
  const pod = podOf({ containers: [container(), second] })
  test.for<{ name: string; resource: [string, unknown][]; found: string | undefined; pod?: Pod }>([
    { name: 'is the one it names', resource: [['k8s.container.name', 'proxy']], found: 'proxy' },
    { name: 'is none if it names another', resource: [['k8s.container.name', 'gone']], found: undefined },
    { name: 'is the one with its id', resource: [['container.id', CONTAINER_ID]], found: 'app' },
    { name: 'is the one with its shortened id', resource: [['container.id', 'ffffffffffff']], found: 'proxy' },
    { name: 'is the one with its id and runtime', resource: [['container.id', `containerd://${CONTAINER_ID}`]], found: 'app' },
    { name: 'is none for an id that is too short', resource: [['container.id', 'ff']], found: undefined },
    { name: 'is none of several if it does not say', resource: [], found: undefined },
    { name: 'is the only one', resource: [], found: 'app', pod: podOf({ containers: [container()] }) },
  ])('$name', ({ resource, found, pod: other = pod }) => {
    expect(containerOf(other, new Map(resource))?.name).toBe(found)
  })
})

describe('the attributes of a container', () => {
  const all = new PodAttributes(
    configOf({
      extract: {
        metadata: [
          'k8s.container.name',
          'container.id',
          'container.image.name',
          'container.image.tag',
          'container.image.repo_digests',
          'service.version',
          'service.instance.id',
        ],
      },
    }),
  )
  const digest = `sha256:${'b248'.repeat(16)}`
  const common = { 'k8s.container.name': 'app', 'container.id': CONTAINER_ID, 'service.instance.id': 'ns1.auth-service-66f5996c7c-xyz34.app' }

  test.for<{ image: string; attributes: Record<string, unknown> }>([
    { image: 'nginx', attributes: { 'container.image.name': 'nginx', 'container.image.tag': 'latest' } },
    { image: 'acme/shop:1.2', attributes: { 'container.image.name': 'acme/shop', 'container.image.tag': '1.2', 'service.version': '1.2' } },
    {
      image: `acme/shop:1.2@${digest}`,
      attributes: {
        'container.image.name': 'acme/shop',
        'container.image.tag': '1.2',
        'container.image.repo_digests': [`docker.io/acme/shop@${digest}`],
        'service.version': `1.2@${digest}`,
      },
    },
    {
      image: `ghcr.io/acme/shop@${digest}`,
      attributes: {
        'container.image.name': 'ghcr.io/acme/shop',
        'container.image.repo_digests': [`ghcr.io/acme/shop@${digest}`],
        'service.version': digest,
      },
    },
    { image: '', attributes: {} },
  ])('follow from its image $image', ({ image, attributes }) => {
    expect(Object.fromEntries(all.ofContainer(podOf(), container({ image }), false))).toEqual({ ...common, ...attributes })
  })

  test('leave its id out for a resource that tells one run from another', () => {
    expect(all.ofContainer(podOf(), container(), true).has('container.id')).toBe(false)
  })
})
