/** The chart, its example values, and what Helm makes of them. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseDocument } from 'yaml'

const ROOT = join(import.meta.dirname, '..', '..')

/** The chart's folder. */
export const CHART = join(ROOT, 'deploy', 'helm', 'meshscope')

/** The folder with one folder for each example: `values.yaml`, and `rendered.yaml`, what Helm makes of it. */
export const EXAMPLES = join(ROOT, 'deploy', 'helm', 'examples')

/** The namespace that examples are rendered for. */
export const NAMESPACE = 'observability'

/** The release and so the name of all objects of the examples. */
export const RELEASE = 'meshscope'

/** The version of Kubernetes that is rendered for. */
const KUBE_VERSION = '1.35.0'

/** An object of a manifest. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [key: string]: unknown
}

/** One document of what Helm prints: its text, without the line between documents, and the object that it is. */
export interface Rendered {
  readonly text: string
  readonly object: Manifest
}

export interface RenderOptions {
  /** Path of the program. */
  readonly helm: string
  readonly release?: string
  readonly namespace?: string
  /** A file of values. */
  readonly valuesFile?: string
  /** Values that are laid on top of the file. */
  readonly values?: object
}

/** The names of all examples. */
export function exampleNames(): readonly string[] {
  return readdirSync(EXAMPLES, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
}

/** The path of an example's values. */
export function valuesOf(example: string): string {
  return join(EXAMPLES, example, 'values.yaml')
}

/** The path of an example's objects. */
export function renderedOf(example: string): string {
  return join(EXAMPLES, example, 'rendered.yaml')
}

/** Runs `helm template`; throws with Helm's own words when it fails. The documents are in Helm's order of installation. */
export function renderChart({ helm, release = RELEASE, namespace = NAMESPACE, valuesFile, values }: RenderOptions): readonly Rendered[] {
  const folder = mkdtempSync(join(tmpdir(), 'meshscope-chart-'))
  try {
    // A Helm that is built without its release's flags takes the cluster for an old one.
    const args = ['template', release, CHART, '--namespace', namespace, '--kube-version', KUBE_VERSION]
    if (valuesFile !== undefined) args.push('--values', valuesFile)
    if (values !== undefined) {
      const file = join(folder, 'values.yaml')
      // Not as YAML 1.2: Helm reads 1.1, where yes is a boolean.
      writeFileSync(file, JSON.stringify(values))
      args.push('--values', file)
    }
    return documentsOf(execFileSync(helm, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 64 << 20, env: environment(folder) }))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Splits what Helm prints, or a `rendered.yaml`; empty documents are left out. */
export function documentsOf(text: string): readonly Rendered[] {
  return text
    .split(/^---$/m)
    .map((part) => part.trim())
    .flatMap((part) => {
      const document = parseDocument(part)
      if (document.errors.length > 0) throw new Error(`a rendered document is not YAML: ${document.errors[0]?.message}\n${part}`)
      const object = document.toJS() as Manifest | null
      return object === null ? [] : [{ text: part, object }]
    })
}

/** What is kept as an example: all documents but dashboards and rules, which have files of their own. */
export function goldenText(documents: readonly Rendered[]): string {
  const kept = documents.filter(({ object }) => object.kind !== 'PrometheusRule' && !isDashboard(object))
  return `${kept.map(({ text }) => text).join('\n---\n')}\n`
}

/** True for a ConfigMap that holds a dashboard. */
export function isDashboard({ kind, data }: Manifest): boolean {
  return kind === 'ConfigMap' && Object.keys(data ?? {}).some((key) => key.endsWith('.json'))
}

/** The daemon's config among the objects; undefined when there is none. */
export function configOf(objects: readonly Manifest[]): string | undefined {
  return objects.map(({ kind, data }) => (kind === 'ConfigMap' ? (data as Record<string, string>)['relay'] : undefined)).find((text) => text !== undefined)
}

/** The first object of one of these kinds; throws when there is none. */
export function firstOf(objects: readonly Manifest[], ...kinds: readonly string[]): Manifest {
  const found = objects.find(({ kind }) => kinds.includes(kind))
  if (found === undefined) throw new Error(`no ${kinds.join(' or ')} among ${objects.map(({ kind }) => kind).join(', ')}`)
  return found
}

/** Helm reads and writes nothing of the user's: plugins, repositories and caches are those of an empty folder. */
function environment(folder: string): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'] ?? '', HOME: folder, HELM_CACHE_HOME: folder, HELM_CONFIG_HOME: folder, HELM_DATA_HOME: folder }
}
