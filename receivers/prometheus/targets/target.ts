import { createHash } from 'node:crypto'
import { AttributeSet, type Resource } from '../../../model/attributes.ts'
import type { Labels, Relabeler } from './relabel.ts'

/** What a scrape config says about its targets before they are relabelled. */
export interface TargetDefaults {
  readonly job: string
  readonly scheme: string
  readonly metricsPath: string
  readonly params: Readonly<Record<string, readonly string[]>>
  /** As Go writes durations. */
  readonly scrapeInterval: string
  readonly scrapeTimeout: string
}

/** Something to scrape. */
export interface Target {
  /** Equal for targets with the same page and labels. */
  readonly key: string
  readonly url: URL
  /** The labels that all its series get, `job` and `instance` among them. */
  readonly labels: ReadonlyMap<string, string>
  readonly resource: Resource
  readonly scrapeInterval: string
  readonly scrapeTimeout: string
}

/** Why something that was found is no target. */
export type NoTarget = 'dropped' | 'no_address' | 'bad_address'

/**
 * Makes a target of what was found: adds the labels that Prometheus puts on before relabelling (`__address__` must be there), runs the
 * rules, and takes from the result where the page is and which labels its series get.
 */
export function targetOf(found: ReadonlyMap<string, string>, defaults: TargetDefaults, relabel: Relabeler): Target | NoTarget {
  const labels: Labels = new Map([...found].filter(([, value]) => value !== ''))
  const put = (name: string, value: string): void => {
    if (!labels.has(name) && value !== '') labels.set(name, value)
  }
  put('job', defaults.job)
  put('__scheme__', defaults.scheme)
  put('__metrics_path__', defaults.metricsPath)
  put('__scrape_interval__', defaults.scrapeInterval)
  put('__scrape_timeout__', defaults.scrapeTimeout)
  for (const [name, [value = '']] of Object.entries(defaults.params)) put(`__param_${name}`, value)
  const discovered = new Map(labels)
  if (!relabel(labels)) return 'dropped'
  const address = labels.get('__address__') ?? ''
  if (address === '') return 'no_address'
  const url = urlOf(labels, address, defaults.params)
  if (url === undefined) return 'bad_address'
  if (!labels.has('instance')) labels.set('instance', address)
  const own = new Map([...labels].filter(([name]) => !name.startsWith('__')).sort(([a], [b]) => (a < b ? -1 : 1)))
  return {
    key: JSON.stringify([url.href, [...own]]),
    url,
    labels: own,
    resource: { attributes: resourceAttributes(own, url, discovered) },
    scrapeInterval: labels.get('__scrape_interval__') ?? defaults.scrapeInterval,
    scrapeTimeout: labels.get('__scrape_timeout__') ?? defaults.scrapeTimeout,
  }
}

function urlOf(labels: Labels, address: string, params: TargetDefaults['params']): URL | undefined {
  const path = labels.get('__metrics_path__') ?? ''
  // An address with a path or a user would be another page than it says.
  if (/[/?#@\s]/.test(address)) return undefined
  const text = `${labels.get('__scheme__') ?? 'http'}://${address}${path.startsWith('/') ? path : `/${path}`}`
  if (!/^https?:/.test(text) || !URL.canParse(text)) return undefined
  const url = new URL(text)
  for (const [name, values] of Object.entries(params)) for (const value of values.slice(1)) url.searchParams.append(name, value)
  for (const [name, value] of labels) if (name.startsWith('__param_')) url.searchParams.append(name.slice('__param_'.length), value)
  return url
}

const LOCAL_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '0.0.0.0', '[::1]', '[::]'])
/** What service discovery says of a pod, as the Collector puts it on resources. */
const KUBERNETES: Readonly<Record<string, string>> = {
  __meta_kubernetes_namespace: 'k8s.namespace.name',
  __meta_kubernetes_pod_name: 'k8s.pod.name',
  __meta_kubernetes_pod_uid: 'k8s.pod.uid',
  __meta_kubernetes_pod_container_name: 'k8s.container.name',
  __meta_kubernetes_pod_node_name: 'k8s.node.name',
}
const CONTROLLERS: Readonly<Record<string, string>> = {
  ReplicaSet: 'k8s.replicaset.name',
  StatefulSet: 'k8s.statefulset.name',
  DaemonSet: 'k8s.daemonset.name',
  Job: 'k8s.job.name',
  CronJob: 'k8s.cronjob.name',
}

function resourceAttributes(labels: ReadonlyMap<string, string>, url: URL, discovered: ReadonlyMap<string, string>): AttributeSet {
  const attributes = new Map<string, string>()
  const put = (key: string, value: string | undefined): void => {
    if (value !== undefined && value !== '') attributes.set(key, value)
  }
  put('service.name', labels.get('job'))
  put('service.instance.id', labels.get('instance'))
  if (!LOCAL_HOSTS.has(url.hostname)) put('server.address', url.hostname.replace(/^\[|\]$/g, ''))
  put('server.port', url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port)
  put('url.scheme', url.protocol.slice(0, -1))
  for (const [label, key] of Object.entries(KUBERNETES)) put(key, discovered.get(label))
  const kind = CONTROLLERS[discovered.get('__meta_kubernetes_pod_controller_kind') ?? '']
  if (kind !== undefined) put(kind, discovered.get('__meta_kubernetes_pod_controller_name'))
  return new AttributeSet([...attributes.keys()], [...attributes.values()])
}

/** Where in the interval the scrapes of a target lie, milliseconds: the same after every start, and spread over targets. */
export function offsetMs({ key }: Pick<Target, 'key'>, intervalMs: number): number {
  return Number(createHash('md5').update(key).digest().readBigUInt64BE(8) % BigInt(Math.max(1, Math.round(intervalMs))))
}
