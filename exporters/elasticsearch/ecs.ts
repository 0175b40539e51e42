import type { AttributeSet } from '../../model/attributes.ts'
import { type PlainJson, plainJson } from '../../model/plain_json.ts'

/** What the Elastic Common Schema calls differently from OpenTelemetry's semantic conventions. */
const ECS_NAMES: ReadonlyMap<string, string> = new Map([
  ['service.instance.id', 'service.node.name'],
  ['deployment.environment', 'service.environment'],
  ['deployment.environment.name', 'service.environment'],
  ['cloud.platform', 'cloud.service.name'],
  ['container.image.tags', 'container.image.tag'],
  ['host.arch', 'host.architecture'],
  ['os.type', 'host.os.type'],
  ['os.name', 'host.os.name'],
  ['os.version', 'host.os.version'],
  ['k8s.cluster.name', 'orchestrator.cluster.name'],
  ['k8s.namespace.name', 'kubernetes.namespace'],
  ['k8s.node.name', 'kubernetes.node.name'],
  ['k8s.pod.name', 'kubernetes.pod.name'],
  ['k8s.pod.uid', 'kubernetes.pod.uid'],
  ['k8s.container.name', 'kubernetes.container.name'],
  ['k8s.deployment.name', 'kubernetes.deployment.name'],
  ['k8s.replicaset.name', 'kubernetes.replicaset.name'],
  ['k8s.statefulset.name', 'kubernetes.statefulset.name'],
  ['k8s.daemonset.name', 'kubernetes.daemonset.name'],
  ['k8s.job.name', 'kubernetes.job.name'],
  ['k8s.cronjob.name', 'kubernetes.cronjob.name'],
  ['exception.message', 'error.message'],
  ['exception.stacktrace', 'error.stack_trace'],
  ['exception.type', 'error.type'],
])

/** Attributes as fields of a document at its top level, under the names of the Elastic Common Schema (https://www.elastic.co/docs/reference/ecs). */
export function ecsFields({ keys, values }: AttributeSet): Record<string, PlainJson> {
  return Object.fromEntries(keys.map((key, index) => [ECS_NAMES.get(key) ?? key, plainJson(values[index] ?? null)]))
}
