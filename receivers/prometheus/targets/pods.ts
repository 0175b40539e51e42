import type { KeyRule } from '../../../model/identity/index.ts'
import type { Container, Pod, Texts } from '../../../model/identity/objects.ts'
import type { JobConfig, KubernetesConfig } from '../scrape_schema.ts'
import { parseFieldSelector, parseLabelSelector } from './selectors.ts'

/** Targets out of pods, with the labels of Prometheus' role pod (https://prometheus.io/docs/prometheus/latest/configuration/configuration/#pod). */

const META = '__meta_kubernetes_'
const POD = `${META}pod_`
const EVERYTHING: KeyRule = { pattern: '.*' }

/** The labels of all targets that a pod makes: one for each declared port, or one for a container that declares none. */
export function podTargets(pod: Pod): readonly ReadonlyMap<string, string>[] {
  const [ip] = pod.ips
  if (ip === undefined || pod.discovery === undefined) return []
  const { ports, initContainers } = pod.discovery
  const common = podLabels(pod, ip)
  const host = ip.includes(':') ? `[${ip}]` : ip
  return pod.containers.flatMap((container) => {
    const isInit = initContainers.includes(container.name)
    const own = [...common, ...containerLabels(container, isInit)]
    const declared = ports.filter(({ container: name }) => name === container.name)
    if (declared.length === 0) return [new Map([['__address__', host], ...own])]
    return declared.map(
      ({ name, port, protocol }) =>
        new Map([
          ['__address__', `${host}:${port}`],
          ...own,
          [`${POD}container_port_name`, name],
          [`${POD}container_port_number`, String(port)],
          [`${POD}container_port_protocol`, protocol],
        ]),
    )
  })
}

function podLabels(pod: Pod, ip: string): [string, string][] {
  const { phase = '', ready = '', hostIp = '', controllerKind = '', controllerName = '' } = pod.discovery ?? {}
  return [
    [`${META}namespace`, pod.namespace],
    [`${POD}name`, pod.name],
    [`${POD}ip`, ip],
    [`${POD}ready`, ready],
    [`${POD}phase`, phase],
    [`${POD}node_name`, pod.node],
    [`${POD}host_ip`, hostIp],
    [`${POD}uid`, pod.uid],
    [`${POD}controller_kind`, controllerKind],
    [`${POD}controller_name`, controllerName],
    ...textLabels('label', pod.labels),
    ...textLabels('annotation', pod.annotations),
  ]
}

function containerLabels({ name, image, id }: Container, isInit: boolean): [string, string][] {
  return [
    [`${POD}container_name`, name],
    [`${POD}container_image`, image],
    [`${POD}container_id`, id],
    [`${POD}container_init`, String(isInit)],
  ]
}

function textLabels(kind: 'label' | 'annotation', texts: Texts): [string, string][] {
  return Object.entries(texts).flatMap(([key, value]): [string, string][] => {
    const name = key.replace(/[^a-zA-Z0-9_]/g, '_')
    return [
      [`${POD}${kind}_${name}`, value],
      [`${POD}${kind}present_${name}`, 'true'],
    ]
  })
}

/** Says which pods an entry of `kubernetes_sd_configs` is about. */
export function podFilter({ namespaces, selectors }: KubernetesConfig): (pod: Pod) => boolean {
  const names = new Set(namespaces.names)
  const read = selectors.map(({ label = '', field = '' }) => ({ hasLabels: parseLabelSelector(label), hasFields: parseFieldSelector(field) }))
  return (pod) => {
    if (names.size > 0 && !names.has(pod.namespace)) return false
    const fields = {
      'metadata.name': pod.name,
      'metadata.namespace': pod.namespace,
      'spec.nodeName': pod.node,
      'status.phase': pod.discovery?.phase ?? '',
    }
    return read.every(({ hasLabels, hasFields }) => hasLabels(pod.labels) && hasFields(fields))
  }
}

/** The labels or annotations of pods that the rules of a job may look at. */
export function wantedTexts(job: JobConfig, kind: 'label' | 'annotation'): readonly KeyRule[] {
  if (kind === 'label' && job.kubernetes_sd_configs.some(({ selectors }) => selectors.some(({ label = '' }) => label !== ''))) return [EVERYTHING]
  const other = kind === 'label' ? 'pod_annotation' : 'pod_label'
  const rules: KeyRule[] = []
  for (const { action, regex, source_labels: sources, target_label: target } of job.relabel_configs) {
    // What a labelmap matches is not known beforehand, but its expression mostly says which of the two it is about.
    if (action === 'labelmap' && !String(regex ?? '').includes(other)) return [EVERYTHING]
    for (const name of [...sources, target]) {
      const key = name.startsWith(POD) ? new RegExp(`^${kind}(?:present)?_(\\w+)$`).exec(name.slice(POD.length))?.[1] : undefined
      // Several keys become one name.
      if (key !== undefined) rules.push({ pattern: key.replaceAll('_', '[^a-zA-Z0-9]') })
    }
  }
  return rules
}
