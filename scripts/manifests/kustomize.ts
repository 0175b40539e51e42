/** A base and overlays for kustomize, made of what the chart renders. */
import { isDeepStrictEqual } from 'node:util'
import { stringify } from 'yaml'
import { configOf, type Manifest, type Rendered, renderChart } from './chart.ts'

/** The namespace that the base makes. */
export const KUSTOMIZE_NAMESPACE = 'meshscope'

/** A folder of overlays: what it is for, and the values that make the chart render it. The first is the base. */
export const VARIANTS = [
  { name: 'base', about: 'Access logs in on every node, service metrics out on port 8889.', values: {} },
  {
    name: 'istio',
    about: 'For Istio: callers without a sidecar are named, and the providers meshscope and meshscope-tcp of the mesh config are turned on.',
    values: { presets: { kubernetesAttributes: { enabled: true } }, istio: { telemetry: { enabled: true } } },
  },
  {
    name: 'envoy',
    about: 'For plain Envoys, Envoy Gateway, Contour and Consul: metrics by names of OpenTelemetry, and those that Envoy sends by StatsD.',
    values: { presets: { als: { metrics: 'otel' }, statsd: { enabled: true, profile: 'envoy' }, prometheus: { scrapeAnnotations: true } } },
  },
  {
    name: 'gateway',
    about: 'Two replicas for the whole cluster instead of one on every node.',
    values: { mode: 'gateway', presets: { kubernetesAttributes: { enabled: true }, otlp: { enabled: true } } },
  },
] as const

const HEAD = '# Generated from the chart by scripts/manifests.ts.\n'

/** The objects that the chart renders for a variant, with a Namespace, and without what is Helm's own. */
export function variantObjects(helm: string, values: object): readonly Rendered[] {
  const rendered = renderChart({ helm, release: KUSTOMIZE_NAMESPACE, namespace: KUSTOMIZE_NAMESPACE, values })
  return [{ text: stringify(NAMESPACE_OBJECT), object: NAMESPACE_OBJECT }, ...rendered.map(withoutHelm)]
}

const NAMESPACE_OBJECT: Manifest = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: KUSTOMIZE_NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
}

/** Every file of `deploy/kustomize/`, by its path in there. */
export function kustomizeFiles(helm: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  const [{ values, about }, ...overlays] = VARIANTS
  const base = variantObjects(helm, values)
  addFolder(files, { folder: 'base', about, base: [], objects: base })
  for (const { name, about: aboutOverlay, values: overlayValues } of overlays) {
    addFolder(files, { folder: `overlays/${name}`, about: aboutOverlay, base, objects: variantObjects(helm, overlayValues) })
  }
  return files
}

interface Folder {
  readonly folder: string
  readonly about: string
  /** Empty for the base itself. */
  readonly base: readonly Rendered[]
  readonly objects: readonly Rendered[]
}

function addFolder(files: Map<string, string>, { folder, about, base, objects }: Folder): void {
  const isOverlay = base.length > 0
  const resources: string[] = isOverlay ? ['../../base'] : []
  const patches: object[] = []
  for (const { text, object } of objects) {
    if (isConfig(object)) continue
    const before = base.find((other) => identity(other.object) === identity(object))
    if (before === undefined) {
      resources.push(addFile(files, folder, `${fileName(object)}.yaml`, text))
    } else if (!isDeepStrictEqual(before.object, object)) {
      const path = addFile(files, folder, `${fileName(object)}.patch.yaml`, stringify(differences(before.object, object), { lineWidth: 0 }))
      patches.push({ path, target: targetOf(object) })
    }
  }
  for (const { object } of base) {
    if (objects.some((other) => identity(other.object) === identity(object))) continue
    const gone = { $patch: 'delete', apiVersion: object.apiVersion, kind: object.kind, metadata: object.metadata }
    patches.push({ path: addFile(files, folder, `no_${fileName(object)}.patch.yaml`, stringify(gone)) })
  }
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources,
    ...(patches.length === 0 ? {} : { patches }),
    configMapGenerator: [configGenerator(files, { folder, objects, isOverlay })],
  }
  files.set(`${folder}/kustomization.yaml`, `${HEAD}# ${about}\n${stringify(kustomization, { lineWidth: 0 })}`)
}

/** The config as a file of its own, without a hash in the ConfigMap's name: the daemon loads a changed config by itself. */
function configGenerator(
  files: Map<string, string>,
  { folder, objects, isOverlay }: { folder: string; objects: readonly Rendered[]; isOverlay: boolean },
): object {
  const { metadata } = objects.map(({ object }) => object).find(isConfig) ?? NAMESPACE_OBJECT
  files.set(`${folder}/relay.yaml`, `${HEAD}${configOf(objects.map(({ object }) => object)) ?? ''}`)
  return {
    name: metadata.name,
    namespace: KUSTOMIZE_NAMESPACE,
    ...(isOverlay ? { behavior: 'replace' } : {}),
    files: ['relay=relay.yaml'],
    options: { disableNameSuffixHash: true, labels: metadata.labels },
  }
}

function addFile(files: Map<string, string>, folder: string, name: string, text: string): string {
  files.set(`${folder}/${name}`, `${HEAD}${text.trim()}\n`)
  return name
}

/** True for the ConfigMap with the daemon's config. */
export function isConfig(object: Manifest): boolean {
  return configOf([object]) !== undefined
}

function fileName({ kind, metadata: { namespace } }: Manifest): string {
  const isElsewhere = namespace !== undefined && namespace !== KUSTOMIZE_NAMESPACE
  return `${kind.toLowerCase()}${isElsewhere ? `_${namespace}` : ''}`.replaceAll('-', '_')
}

/** What makes two objects the same one. */
export function identity({ apiVersion, kind, metadata: { name, namespace = '' } }: Manifest): string {
  return `${apiVersion} ${kind} ${namespace}/${name}`
}

function targetOf({ apiVersion, kind, metadata: { name } }: Manifest): object {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : [undefined, apiVersion]
  return { ...(group === undefined ? {} : { group }), version, kind, name }
}

interface Operation {
  readonly op: 'add' | 'remove' | 'replace'
  readonly path: string
  readonly value?: unknown
}

/** A JSON patch (RFC 6902) that makes `to` of `from`. A list is replaced as a whole, unless it only grows at its end. */
export function differences(from: unknown, to: unknown, path = ''): readonly Operation[] {
  if (isDeepStrictEqual(from, to)) return []
  if (Array.isArray(from) && Array.isArray(to) && isContinued(from, to)) {
    const added = to.slice(from.length).map((value: unknown): Operation => ({ op: 'add', path: `${path}/-`, value }))
    return [...from.flatMap((item: unknown, i) => differences(item, to[i], `${path}/${i}`)), ...added]
  }
  if (!isMap(from) || !isMap(to)) return [{ op: 'replace', path, value: to }]
  return [...new Set([...Object.keys(from), ...Object.keys(to)])].flatMap((key): readonly Operation[] => {
    const place = `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
    if (!Object.hasOwn(to, key)) return [{ op: 'remove', path: place }]
    if (!Object.hasOwn(from, key)) return [{ op: 'add', path: place, value: to[key] }]
    return differences(from[key], to[key], place)
  })
}

/** True when the items of a list are those of another one, by their names, and more come after them. */
function isContinued(from: readonly unknown[], to: readonly unknown[]): boolean {
  const nameOf = (item: unknown): unknown => (isMap(item) ? item['name'] : undefined)
  return from.length <= to.length && from.every((item, i) => isDeepStrictEqual(item, to[i]) || (nameOf(item) !== undefined && nameOf(item) === nameOf(to[i])))
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Labels that say who has installed an object, here nobody. */
const OF_HELM = /^\s+(helm\.sh\/chart|app\.kubernetes\.io\/managed-by): .*\n/gm

function withoutHelm({ text, object }: Rendered): Rendered {
  const { labels = {} } = object.metadata
  const kept = Object.fromEntries(Object.entries(labels).filter(([key]) => key !== 'helm.sh/chart' && key !== 'app.kubernetes.io/managed-by'))
  const bare = text.replace(OF_HELM, '').replace(/^# Source: .*\n/, '')
  return { text: bare, object: { ...object, metadata: { ...object.metadata, ...(object.metadata.labels === undefined ? {} : { labels: kept }) } } }
}
