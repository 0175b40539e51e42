import { re2Pattern } from '../../lib/re2.ts'
import type { KeyRule } from '../../model/identity/index.ts'
import type { Pod } from '../../model/identity/objects.ts'
import type { K8sAttributesConfig } from './schema.ts'

/** Pods ask with this annotation to be left out. */
const IGNORE_ANNOTATION = 'opentelemetry.io/k8s-processor/ignore'

/** The field selectors of pods that can be answered, and their values. */
export const FILTER_FIELDS: ReadonlyMap<string, (pod: Pod) => string> = new Map<string, (pod: Pod) => string>([
  ['metadata.name', (pod) => pod.name],
  ['metadata.namespace', (pod) => pod.namespace],
  ['spec.nodeName', (pod) => pod.node],
  ['spec.serviceAccountName', (pod) => pod.serviceAccount],
  ['spec.hostNetwork', (pod) => String(pod.isHostNetwork)],
  ['status.podIP', (pod) => pod.ips[0] ?? ''],
])

type Condition = (pod: Pod) => boolean

/** Says which pods count: by the config's filter, its exclusions and the pods' own annotation. */
export class PodFilter {
  readonly #conditions: readonly Condition[]
  readonly #excluded: readonly RegExp[]

  /** `env` is the environment that `node_from_env_var` means. */
  constructor({ filter, exclude }: Pick<K8sAttributesConfig, 'filter' | 'exclude'>, env: Readonly<Record<string, string | undefined>> = process.env) {
    const node = (filter.node_from_env_var === undefined ? filter.node : env[filter.node_from_env_var]) ?? ''
    const namespaces = (typeof filter.namespace === 'string' ? [filter.namespace] : filter.namespace).filter((name) => name !== '')
    this.#conditions = [
      ...(node === '' ? [] : [(pod: Pod) => pod.node === node]),
      ...(namespaces.length === 0 ? [] : [(pod: Pod) => namespaces.includes(pod.namespace)]),
      ...filter.fields.map(
        ({ key, value, op }): Condition =>
          (pod) =>
            (FILTER_FIELDS.get(key)?.(pod) === value) === (op === 'equals'),
      ),
      ...filter.labels.map(labelCondition),
    ]
    this.#excluded = exclude.pods.map(({ name }) => re2Pattern(name))
  }

  /** True when the filter lets a pod through; the others are taken for unknown. */
  admits(pod: Pod): boolean {
    return this.#conditions.every((holds) => holds(pod))
  }

  /** True when nothing of this pod may be added. */
  excludes(pod: Pod): boolean {
    return pod.annotations[IGNORE_ANNOTATION]?.trim().toLowerCase() === 'true' || this.#excluded.some((pattern) => pattern.test(pod.name))
  }
}

/** The labels that a filter needs of pods. */
export function filterLabels({ filter }: Pick<K8sAttributesConfig, 'filter'>): readonly KeyRule[] {
  return filter.labels.map(({ key }) => ({ key }))
}

/** The annotations that any filter needs of pods. */
export const FILTER_ANNOTATIONS: readonly KeyRule[] = [{ key: IGNORE_ANNOTATION }]

function labelCondition({ key, value, op }: K8sAttributesConfig['filter']['labels'][number]): Condition {
  switch (op) {
    case 'exists':
      return ({ labels }) => Object.hasOwn(labels, key)
    case 'does-not-exist':
      return ({ labels }) => !Object.hasOwn(labels, key)
    case 'not-equals':
      return ({ labels }) => !Object.hasOwn(labels, key) || labels[key] !== value
    default:
      return ({ labels }) => Object.hasOwn(labels, key) && labels[key] === value
  }
}
