/** Sends manifests to a real API server that refuses whatever it does not know. */
import { type Manifest, NAMESPACE } from '../../../scripts/manifests/chart.ts'
import { KUSTOMIZE_NAMESPACE } from '../../../scripts/manifests/kustomize.ts'
import type { Kube } from '../kube/kube.ts'
import { until } from '../waiting.ts'
import { type Definition, pluralOf } from './crds.ts'

/** What the server says of one object. */
export interface Verdict {
  readonly code: number
  /** Of the server, such as the Pod Security Standards that it violates. */
  readonly warnings: readonly string[]
  /** Empty when it has been taken. */
  readonly message: string
}

/** The namespaces that manifests have objects in; those with the pods are of the restricted Pod Security Standard. */
const RESTRICTED = [NAMESPACE, KUSTOMIZE_NAMESPACE]
const OTHERS = ['monitoring', 'istio-system', 'shop', 'bank']

/** Makes the namespaces and the custom resources that manifests need. */
export async function prepare({ client }: Kube, definitions: readonly Definition[]): Promise<void> {
  const levels = Object.fromEntries(['enforce', 'warn', 'audit'].map((mode) => [`pod-security.kubernetes.io/${mode}`, 'restricted']))
  for (const name of RESTRICTED) await client.createNamespace(name, levels)
  for (const name of OTHERS) await client.createNamespace(name)
  // One that an example's pods have.
  await client.ask('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name: 'node-agents' }, value: 1000 })
  for (const definition of definitions) await client.ask('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)
  for (const { spec } of definitions) {
    const { group, names } = spec
    await until(`${names.plural} are served`, async () => (await client.send('GET', `/apis/${group}/v1/${names.plural}`)).code === 200)
  }
}

/** Tries to create an object, without a namespace of its own in that of the release: everything is checked, by admission too, and nothing kept. */
export async function judge({ client }: Kube, object: Manifest): Promise<Verdict> {
  const { apiVersion, kind, metadata } = object
  const root = apiVersion === 'v1' ? '/api/v1' : `/apis/${apiVersion}`
  const scope = kind.startsWith('Cluster') ? '' : `/namespaces/${metadata.namespace ?? NAMESPACE}`
  const { code, headers, text } = await client.send('POST', `${root}${scope}/${pluralOf(kind)}?dryRun=All&fieldValidation=Strict`, object)
  return { code, warnings: warningsOf(headers['warning']), message: code < 300 ? '' : messageOf(text) }
}

/** A pod as the workload would make it, to be judged by what is enforced on pods. */
export function podOf(workload: Manifest): Manifest {
  const { template } = workload['spec'] as { readonly template: { readonly metadata: object; readonly spec: object } }
  const metadata = { ...template.metadata, name: workload.metadata.name, namespace: workload.metadata.namespace ?? 'default' }
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec }
}

/** RFC 7234 section 5.5: `299 - "text"`. */
function warningsOf(header: string | readonly string[] | undefined): readonly string[] {
  const lines = header === undefined ? [] : [header].flat()
  return lines.flatMap((line) => [...line.matchAll(/299 \S+ ("(?:[^"\\]|\\.)*")/g)].map(([, quoted]) => JSON.parse(quoted ?? '""') as string))
}

function messageOf(text: string): string {
  try {
    return (JSON.parse(text) as { readonly message?: string }).message ?? text
  } catch {
    return text
  }
}
