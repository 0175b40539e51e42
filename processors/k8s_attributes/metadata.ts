/** What `extract.metadata` may name, in the order in which the attributes are added. */
export const METADATA = [
  'k8s.namespace.name',
  'k8s.pod.name',
  'k8s.pod.uid',
  'k8s.pod.ip',
  'k8s.pod.hostname',
  'k8s.pod.start_time',
  'k8s.deployment.name',
  'k8s.deployment.uid',
  'k8s.replicaset.name',
  'k8s.replicaset.uid',
  'k8s.statefulset.name',
  'k8s.statefulset.uid',
  'k8s.daemonset.name',
  'k8s.daemonset.uid',
  'k8s.cronjob.name',
  'k8s.cronjob.uid',
  'k8s.job.name',
  'k8s.job.uid',
  'k8s.node.name',
  'k8s.node.uid',
  'k8s.cluster.uid',
  'k8s.container.name',
  'container.id',
  'container.image.name',
  'container.image.tag',
  'container.image.repo_digests',
  'service.namespace',
  'service.name',
  'service.version',
  'service.instance.id',
] as const

export type MetadataName = (typeof METADATA)[number]

/** The Collector's defaults. */
export const DEFAULT_METADATA: readonly MetadataName[] = [
  'k8s.namespace.name',
  'k8s.pod.name',
  'k8s.pod.uid',
  'k8s.pod.start_time',
  'k8s.deployment.name',
  'k8s.node.name',
  'container.image.name',
  'container.image.tag',
]

/** Those for which the container must be known. */
export const CONTAINER_METADATA: readonly string[] = [
  'k8s.container.name',
  'container.id',
  'container.image.name',
  'container.image.tag',
  'container.image.repo_digests',
  'service.version',
  'service.instance.id',
] satisfies readonly MetadataName[]

/** Those for which the index must know what controls the ReplicaSet or Job of a pod. */
export const EXACT_OWNER_METADATA: readonly string[] = ['k8s.deployment.uid', 'k8s.cronjob.uid'] satisfies readonly MetadataName[]

/** Those that the index keeps only on demand (`Pod.details`). */
export const DETAIL_METADATA: readonly string[] = [
  ...EXACT_OWNER_METADATA,
  'k8s.pod.hostname',
  'k8s.replicaset.uid',
  'k8s.statefulset.uid',
  'k8s.daemonset.uid',
  'k8s.job.uid',
]
