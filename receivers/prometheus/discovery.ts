import type { ExtensionUse } from '../../component/factory.ts'
import { useIdentity } from '../../component/kit/identity.ts'
import type { IdentityIndex } from '../../model/identity/index.ts'
import type { Pod } from '../../model/identity/objects.ts'
import type { PrometheusConfig } from './config.ts'
import type { FoundLabels } from './scrape/scrape_job.ts'
import type { KubernetesConfig } from './scrape_schema.ts'
import { podFilter, podTargets, wantedTexts } from './targets/pods.ts'

/** What a receiver with this config wants of the identity index; nothing when no job discovers pods. */
export function usesOf({ config }: PrometheusConfig): readonly ExtensionUse[] {
  const jobs = config.scrape_configs.filter(({ kubernetes_sd_configs: discoveries }) => discoveries.length > 0)
  if (jobs.length === 0) return []
  const needs = {
    lookups: ['pod_uid'],
    resources: ['pods'],
    podLabels: jobs.flatMap((job) => wantedTexts(job, 'label')),
    podAnnotations: jobs.flatMap((job) => wantedTexts(job, 'annotation')),
    namespaceLabels: [],
    namespaceAnnotations: [],
    nodeLabels: [],
    nodeAnnotations: [],
    serviceLabels: [],
    containers: true,
    discovery: true,
    waitForMetadataMs: 0,
  } as const
  return [useIdentity(needs, { isOptional: false })]
}

/** What `kubernetes_sd_configs` of one job find in the identity index. */
export class PodDiscoverer {
  readonly #filters: readonly ((pod: Pod) => boolean)[]
  /** Labels of pods that have not changed are made once. */
  #known = new Map<Pod, readonly FoundLabels[]>()
  #changedMs = -1

  constructor(configs: readonly KubernetesConfig[]) {
    this.#filters = configs.map(podFilter)
  }

  /** The targets that there are now; undefined when nothing has changed, or pods are not known yet. */
  find(index: IdentityIndex): readonly FoundLabels[] | undefined {
    const { changedMs } = index
    if (!index.isSynced || changedMs === this.#changedMs) return undefined
    this.#changedMs = changedMs
    const known = new Map<Pod, readonly FoundLabels[]>()
    for (const pod of index.pods()) {
      if (this.#filters.some((isMeant) => isMeant(pod))) known.set(pod, this.#known.get(pod) ?? podTargets(pod))
    }
    this.#known = known
    return [...known.values()].flat()
  }
}
