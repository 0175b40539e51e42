import type { Workload } from '../../../model/identity/objects.ts'

/** What a pod says about who controls it. Texts are empty where it does not say. */
export interface OwnedPod {
  readonly name: string
  readonly namespace: string
  readonly node: string
  readonly labels: Readonly<Record<string, unknown>>
  readonly annotations: Readonly<Record<string, unknown>>
  /** The owner reference with `controller: true`. */
  readonly controller: OwnerReference | undefined
  /** Milliseconds since the epoch; 0 when unknown. */
  readonly createdMs: number
}

/** An owner reference of `metadata.ownerReferences`. */
export interface OwnerReference {
  readonly kind: string
  readonly name: string
  readonly uid: string
}

/** The whole chain above a pod; `replicaSet` and `job` are empty when there is none between. */
export interface Ownership {
  readonly workload: Workload
  readonly replicaSet: string
  readonly job: string
  /** Of what controls the pod's controller; absent when nothing does, or it is not known. */
  readonly workloadUid?: string
}

const MINUTE_MS = 60_000
const PLAUSIBLE_MS = 5 * 365 * 24 * 60 * MINUTE_MS

/**
 * Finds what controls a pod from the pod alone, without a watch of ReplicaSets and Jobs. Pure; never throws.
 *
 * - A ReplicaSet whose name ends with the pod's own `pod-template-hash` belongs to a Deployment: the Deployment controller
 *   puts both there. `rollouts-pod-template-hash` is Argo's. A ReplicaSet without either is the workload itself.
 * - A Job whose name ends with a time stamp in minutes belongs to a CronJob (its controller names Jobs so).
 * - A ReplicationController that the pod names together with its `deploymentconfig` belongs to that (OpenShift).
 * - A pod of the node itself (static pod) is named after its manifest and the node.
 * - Any other controller, known or not, is the workload; a pod without one is its own.
 */
export function ownerOf(pod: OwnedPod): Ownership {
  const { controller } = pod
  if (controller === undefined) return isMirror(pod) ? staticPod(pod) : own('Pod', pod.name)
  const { kind, name } = controller
  switch (kind) {
    case 'ReplicaSet':
      return replicaSetOwner(name, pod)
    case 'Job': {
      const cronJob = cronJobOf(name, pod.createdMs)
      return { workload: cronJob === '' ? workload('Job', name) : workload('CronJob', cronJob), replicaSet: '', job: name }
    }
    case 'ReplicationController': {
      const deploymentConfig = deploymentConfigOf(name, pod)
      return deploymentConfig === '' ? own(kind, name) : own('DeploymentConfig', deploymentConfig)
    }
    case 'Node':
      return staticPod(pod)
    default:
      return own(kind, name)
  }
}

/** The chain of a pod whose ReplicaSet or Job is known itself, with its own controller (undefined when it has none). */
export function exactOwner(direct: OwnerReference, above: OwnerReference | undefined): Ownership {
  const top = above ?? direct
  return {
    workload: workload(top.kind, top.name),
    replicaSet: direct.kind === 'ReplicaSet' ? direct.name : '',
    job: direct.kind === 'Job' ? direct.name : '',
    ...(above === undefined ? {} : { workloadUid: above.uid }),
  }
}

/** The name of the CronJob that a Job's name tells; empty when it is not of that form or the stamp cannot be its time. */
function cronJobOf(job: string, createdMs: number): string {
  const match = /^(.+)-(\d{8,10})$/.exec(job)
  if (match === null) return ''
  const [, name = '', stamp = ''] = match
  // Up to Kubernetes 1.20 the stamp was in seconds. A date such as 20260101 is far from the pod's time either way.
  const stampMs = Number(stamp) * (stamp.length === 10 ? 1000 : MINUTE_MS)
  return createdMs === 0 || Math.abs(stampMs - createdMs) < PLAUSIBLE_MS ? name : ''
}

function replicaSetOwner(replicaSet: string, { labels }: OwnedPod): Ownership {
  for (const [label, kind] of [
    ['pod-template-hash', 'Deployment'],
    ['rollouts-pod-template-hash', 'Rollout'],
  ] as const) {
    const hash = labels[label]
    if (typeof hash !== 'string' || hash === '' || !replicaSet.endsWith(`-${hash}`)) continue
    const name = replicaSet.slice(0, -hash.length - 1)
    if (name !== '') return { workload: workload(kind, name), replicaSet, job: '' }
  }
  return { workload: workload('ReplicaSet', replicaSet), replicaSet, job: '' }
}

function deploymentConfigOf(controller: string, { labels, annotations }: OwnedPod): string {
  const named = labels['deploymentconfig'] ?? annotations['openshift.io/deployment-config.name']
  return typeof named === 'string' && named !== '' && /^-\d+$/.test(controller.slice(named.length)) && controller.startsWith(named) ? named : ''
}

function isMirror({ annotations }: OwnedPod): boolean {
  return Object.hasOwn(annotations, 'kubernetes.io/config.mirror')
}

function staticPod({ name, node }: OwnedPod): Ownership {
  const suffix = `-${node}`
  return own('Pod', node !== '' && name.length > suffix.length && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name)
}

function own(kind: string, name: string): Ownership {
  return { workload: workload(kind, name), replicaSet: '', job: '' }
}

function workload(kind: string, name: string): Workload {
  return { kind, name, isInferred: false }
}
