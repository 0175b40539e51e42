import { expect, test } from 'vitest'
import { apiObject, meshPod, needing } from '../testing.ts'
import { Trimmer } from '../trim/trimmer.ts'
import { ExactOwners } from './exact_owners.ts'

const replicaSet = { kind: 'ReplicaSet', name: 'cart-7d9f8c6b5d', uid: 'uid-rs' }
const deployment = { kind: 'Deployment', name: 'cart-as-it-is', uid: 'd' }

function trimmed(index = 0, needs = needing()) {
  return new Trimmer({ needs, clusterDomain: 'cluster.local', refuse: () => {} }).pod(meshPod(index), 0)
}

test('a pod that comes before its ReplicaSet gets its owner when that comes', () => {
  const owners = new ExactOwners()
  expect(owners.ownership(replicaSet)).toBeUndefined()
  owners.await(trimmed(), replicaSet)
  expect(owners.waiting).toBe(1)
  const [pod] = owners.put('ReplicaSet', apiObject(replicaSet.name, { metadata: { uid: 'uid-rs' } }), deployment)
  expect(pod).toMatchObject({ uid: trimmed().uid, workload: { kind: 'Deployment', name: 'cart-as-it-is', isInferred: false }, replicaSet: 'cart-7d9f8c6b5d' })
  expect(owners.waiting).toBe(0)
  expect(owners.ownership(replicaSet)).toMatchObject({ workload: { kind: 'Deployment', name: 'cart-as-it-is' }, replicaSet: 'cart-7d9f8c6b5d', job: '' })
})

test('a ReplicaSet without a controller, or one that is gone, is what it is', () => {
  const owners = new ExactOwners()
  owners.put('ReplicaSet', apiObject(replicaSet.name, { metadata: { uid: 'uid-rs' } }), undefined)
  expect(owners.ownership(replicaSet)?.workload).toEqual({ kind: 'ReplicaSet', name: 'cart-7d9f8c6b5d', isInferred: false })
  owners.remove('uid-rs')
  expect(owners.ownership(replicaSet)).toBeUndefined()
})

test('a Job has a CronJob above it, whatever their names are', () => {
  const owners = new ExactOwners()
  owners.put('Job', apiObject('by-hand', { metadata: { uid: 'j' } }), { kind: 'CronJob', name: 'nightly', uid: 'c' })
  expect(owners.ownership({ kind: 'Job', name: 'by-hand', uid: 'j' })).toEqual({
    workload: { kind: 'CronJob', name: 'nightly', isInferred: false },
    replicaSet: '',
    job: 'by-hand',
    workloadUid: 'c',
  })
})

test('a pod that goes is not waited for, nor are those of a namespace that is listed again', () => {
  const owners = new ExactOwners()
  owners.await(trimmed(0), replicaSet)
  owners.await(trimmed(1), replicaSet)
  owners.await(trimmed(2), { ...replicaSet, kind: 'StatefulSet' })
  expect(owners.waiting).toBe(2)
  owners.forget(trimmed(0).uid, replicaSet)
  expect(owners.waiting).toBe(1)
  owners.forgetPods('another')
  expect(owners.waiting).toBe(1)
  owners.forgetPods('shop')
  expect(owners.waiting).toBe(0)
})

test('a complete list forgets what it did not have, of its own kind', () => {
  const owners = new ExactOwners()
  owners.put('ReplicaSet', apiObject('a', { metadata: { uid: 'a' } }), deployment)
  owners.put('ReplicaSet', apiObject('b', { metadata: { uid: 'b' } }), deployment)
  owners.put('Job', apiObject('c', { metadata: { uid: 'c' } }), undefined)
  owners.listing('ReplicaSet')
  owners.put('ReplicaSet', apiObject('b', { metadata: { uid: 'b' } }), deployment)
  owners.listed('ReplicaSet')
  expect(['a', 'b', 'c'].map((uid) => owners.ownership({ kind: 'X', name: uid, uid }) !== undefined)).toEqual([false, true, true])
})

test('the uid of what controls a ReplicaSet reaches the pods that wait for it, where details are wanted', () => {
  const owners = new ExactOwners()
  owners.await(trimmed(1, needing({ details: true })), replicaSet)
  owners.await(trimmed(2), replicaSet)
  const pods = owners.put('ReplicaSet', apiObject(replicaSet.name, { metadata: { uid: 'uid-rs' } }), deployment)
  expect(pods.map(({ details }) => details)).toEqual([{ ownerUid: 'uid-rs', workloadUid: 'd', hostname: '' }, undefined])
})
