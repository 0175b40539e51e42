import { describe, expect, test } from 'vitest'
import { inferWorkload } from './infer.ts'
import { type OwnedPod, ownerOf } from './owner.ts'

const CREATED = Date.UTC(2026, 0, 1)
/** The minute of a CronJob's run at that time. */
const MINUTES = CREATED / 60_000

function pod(more: Partial<OwnedPod> & { readonly owner?: readonly [kind: string, name: string] }): OwnedPod {
  const { owner, ...rest } = more
  const controller = owner === undefined ? undefined : { kind: owner[0], name: owner[1], uid: 'u' }
  return { name: 'a-pod', namespace: 'shop', node: 'node-1', labels: {}, annotations: {}, controller, createdMs: CREATED, ...rest }
}

describe('the owner of a pod', () => {
  test.for([
    {
      name: 'is the Deployment whose hash ends the ReplicaSet’s name',
      pod: { owner: ['ReplicaSet', 'cart-7d9f'], labels: { 'pod-template-hash': '7d9f' } },
      is: ['Deployment', 'cart'],
      replicaSet: 'cart-7d9f',
    },
    {
      name: 'is the Rollout whose hash ends the ReplicaSet’s name',
      pod: { owner: ['ReplicaSet', 'cart-6c8b'], labels: { 'rollouts-pod-template-hash': '6c8b' } },
      is: ['Rollout', 'cart'],
      replicaSet: 'cart-6c8b',
    },
    { name: 'is a ReplicaSet alone without a hash', pod: { owner: ['ReplicaSet', 'cart-7d9f'] }, is: ['ReplicaSet', 'cart-7d9f'], replicaSet: 'cart-7d9f' },
    {
      name: 'is a ReplicaSet alone when the hash is not its own',
      pod: { owner: ['ReplicaSet', 'cart-7d9f'], labels: { 'pod-template-hash': 'aaaa' } },
      is: ['ReplicaSet', 'cart-7d9f'],
      replicaSet: 'cart-7d9f',
    },
    {
      name: 'is never without a name',
      pod: { owner: ['ReplicaSet', '-7d9f'], labels: { 'pod-template-hash': '7d9f' } },
      is: ['ReplicaSet', '-7d9f'],
      replicaSet: '-7d9f',
    },
    { name: 'is a StatefulSet', pod: { owner: ['StatefulSet', 'db'] }, is: ['StatefulSet', 'db'] },
    { name: 'is a DaemonSet', pod: { owner: ['DaemonSet', 'agent'] }, is: ['DaemonSet', 'agent'] },
    { name: 'is a Job', pod: { owner: ['Job', 'migrate'] }, is: ['Job', 'migrate'], job: 'migrate' },
    { name: 'is the CronJob that stamped the Job', pod: { owner: ['Job', `backup-${MINUTES}`] }, is: ['CronJob', 'backup'], job: `backup-${MINUTES}` },
    {
      name: 'is the CronJob of old, which stamped seconds',
      pod: { owner: ['Job', `backup-${CREATED / 1000}`] },
      is: ['CronJob', 'backup'],
      job: `backup-${CREATED / 1000}`,
    },
    { name: 'is a Job whose name ends with a date', pod: { owner: ['Job', 'load-20260101'] }, is: ['Job', 'load-20260101'], job: 'load-20260101' },
    {
      name: 'is a CronJob when the time of the pod is not known',
      pod: { owner: ['Job', 'backup-28456789'], createdMs: 0 },
      is: ['CronJob', 'backup'],
      job: 'backup-28456789',
    },
    {
      name: 'is a DeploymentConfig by label',
      pod: { owner: ['ReplicationController', 'web-12'], labels: { deploymentconfig: 'web' } },
      is: ['DeploymentConfig', 'web'],
    },
    {
      name: 'is a DeploymentConfig by annotation',
      pod: { owner: ['ReplicationController', 'web-3'], annotations: { 'openshift.io/deployment-config.name': 'web' } },
      is: ['DeploymentConfig', 'web'],
    },
    { name: 'is a ReplicationController alone', pod: { owner: ['ReplicationController', 'web-3'] }, is: ['ReplicationController', 'web-3'] },
    { name: 'is any other controller', pod: { owner: ['CloneSet', 'web'] }, is: ['CloneSet', 'web'] },
    { name: 'is the pod itself without one', pod: { name: 'bare' }, is: ['Pod', 'bare'] },
    { name: 'is the manifest of a static pod', pod: { name: 'etcd-node-1', owner: ['Node', 'node-1'] }, is: ['Pod', 'etcd'] },
    {
      name: 'is the manifest of a mirror pod without a reference',
      pod: { name: 'etcd-node-1', annotations: { 'kubernetes.io/config.mirror': 'x' } },
      is: ['Pod', 'etcd'],
    },
    { name: 'is a static pod with a name of its own', pod: { name: 'etcd', owner: ['Node', 'node-1'] }, is: ['Pod', 'etcd'] },
    {
      name: 'survives labels of odd types',
      pod: { owner: ['ReplicaSet', 'cart-1'], labels: { 'pod-template-hash': 1 } },
      is: ['ReplicaSet', 'cart-1'],
      replicaSet: 'cart-1',
    },
  ] as const)('$name', ({ pod: sketch, is, ...rest }) => {
    const [kind, name] = is
    const { replicaSet = '', job = '' } = rest as { readonly replicaSet?: string; readonly job?: string }
    expect(ownerOf(pod(sketch as Parameters<typeof pod>[0]))).toEqual({ workload: { kind, name, isInferred: false }, replicaSet, job })
  })
})

describe('a pod that is known by name only', () => {
  test.for([
    { pod: 'cart-7d9f8c6b5d-x2bcz', kind: 'Deployment', name: 'cart' },
    { pod: 'my-cart-v2-7d9f8c-x2bcz', kind: 'Deployment', name: 'my-cart-v2' },
    { pod: 'db-0', kind: 'StatefulSet', name: 'db' },
    { pod: 'agent-x2bcz', kind: '', name: 'agent' },
    { pod: 'etcd-node-1', kind: 'Pod', name: 'etcd' },
    { pod: 'toolbox', kind: 'Pod', name: 'toolbox' },
  ])('$pod is taken to be of $name', ({ pod: podName, kind, name }) => {
    expect(inferWorkload(podName, 'node-1')).toEqual({ kind, name, isInferred: true })
  })

  test('is of nothing without a name', () => {
    expect(inferWorkload('', 'node-1')).toEqual({ kind: '', name: '', isInferred: false })
  })
})
