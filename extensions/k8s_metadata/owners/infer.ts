import type { Workload } from '../../../model/identity/objects.ts'

/** The letters and digits that Kubernetes makes random names of: no vowels, nothing that looks like another. */
const RANDOM = '[bcdfghjklmnpqrstvwxz2456789]'
const OF_REPLICA_SET = new RegExp(`^(.+)-${RANDOM}{6,10}-${RANDOM}{5}$`)
const GENERATED = new RegExp(`^(.+)-${RANDOM}{5}$`)
const ORDINAL = /^(.+)-\d{1,5}$/

/** Nothing is known about who controls it. */
export const NO_WORKLOAD: Workload = Object.freeze({ kind: '', name: '', isInferred: false })

/**
 * Guesses a pod's workload from its name, for endpoints whose pod is not watched. All that comes back is marked as
 * inferred. A static pod ends with its node's name, a Deployment's pod with two random parts, a StatefulSet's with a
 * number; one random part may be a DaemonSet's, a Job's or a ReplicaSet's, so that the kind stays empty.
 */
export function inferWorkload(podName: string, node: string): Workload {
  if (podName === '') return NO_WORKLOAD
  if (node !== '' && podName.length > node.length + 1 && podName.endsWith(`-${node}`)) return inferred('Pod', podName.slice(0, -node.length - 1))
  const deployment = OF_REPLICA_SET.exec(podName)?.[1]
  if (deployment !== undefined) return inferred('Deployment', deployment)
  const statefulSet = ORDINAL.exec(podName)?.[1]
  if (statefulSet !== undefined) return inferred('StatefulSet', statefulSet)
  const generated = GENERATED.exec(podName)?.[1]
  return generated === undefined ? inferred('Pod', podName) : inferred('', generated)
}

function inferred(kind: string, name: string): Workload {
  return { kind, name, isInferred: true }
}
