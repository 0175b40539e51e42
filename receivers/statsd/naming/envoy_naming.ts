import { SampleType } from '../sample.ts'
import { type DottedNames, hideDots, rejoin, showDots } from './envoy_repair.ts'
import { extractTags } from './envoy_tags.ts'
import { ENVOY_BOUNDS, envoyHistogramUnit } from './envoy_units.ts'
import { envoyPrometheusName, seriesLabels } from './escape.ts'
import { type Aggregation, aggregationOf, type Naming, type NoSeries, type RawSeries, type SeriesSpec } from './naming.ts'
import { labelsOf } from './tags.ts'

export interface EnvoyNamingOptions {
  /** What Envoy's sink puts before every name (`prefix` of the sink); the default is Envoy's, `envoy`. */
  readonly prefixes?: readonly string[]
  /** Default `istio`. */
  readonly dottedNames?: DottedNames
  /** True when the sink has `scale_histogram_units_to_milliseconds`: microseconds then come as milliseconds and are turned back. */
  readonly areMicrosScaled?: boolean
  /** How histograms are kept; the default has the bounds of Envoy's own `/stats/prometheus`. */
  readonly histograms?: Aggregation
  /** Default 0, never. */
  readonly ttlMs?: number
}

/** An Envoy stat, its prefix gone and its tags taken out. */
export interface EnvoyStat {
  /** With dots, such as `cluster.upstream_rq_total`. */
  readonly name: string
  /** Envoy's tag names, such as `envoy.cluster_name`. */
  readonly tags: ReadonlyMap<string, string>
  /** The tag whose value Envoy had torn apart and which was put together again. */
  readonly repaired?: string
}

/**
 * Names what an Envoy sends (plain statsd, DogStatsD or Graphite tags) as its own `/stats/prometheus` does; all other names
 * go to `otherwise`. Never throws.
 */
export class EnvoyNaming implements Naming {
  readonly #otherwise: Naming
  readonly #prefixes: readonly string[]
  readonly #dottedNames: DottedNames
  readonly #areMicrosScaled: boolean
  readonly #histograms: Aggregation
  readonly #ttlMs: number

  constructor(otherwise: Naming, options: EnvoyNamingOptions = {}) {
    this.#otherwise = otherwise
    // The longest first: `envoy.edge` before `envoy`.
    this.#prefixes = [...(options.prefixes ?? ['envoy'])].map((prefix) => `${prefix}.`).sort((a, b) => b.length - a.length)
    this.#dottedNames = options.dottedNames ?? 'istio'
    this.#areMicrosScaled = options.areMicrosScaled ?? false
    this.#histograms = options.histograms ?? { kind: 'explicit', bounds: ENVOY_BOUNDS }
    this.#ttlMs = options.ttlMs ?? 0
  }

  resolve(raw: RawSeries): SeriesSpec | NoSeries {
    const stat = this.stat(raw)
    if (stat === undefined) return this.#otherwise.resolve(raw)
    const isHistogram = raw.type === SampleType.timer || raw.type === SampleType.histogram || raw.type === SampleType.distribution
    const unit = isHistogram ? envoyHistogramUnit(stat.name) : ''
    const aggregation = aggregationOf(raw.type, this.#histograms)
    return {
      name: prometheusName(stat),
      help: HELP,
      unit,
      isExactName: true,
      aggregation,
      labels: seriesLabels(
        labelsOf([...stat.tags], (tag) => envoyPrometheusName(tag), 'empty'),
        aggregation,
      ),
      ttlMs: this.#ttlMs,
      scale: unit === 'us' && this.#areMicrosScaled ? 1000 : 1,
    }
  }

  /** Reads a name and its tags as Envoy's; undefined when it is none of Envoy's. */
  stat(raw: RawSeries): EnvoyStat | undefined {
    const prefix = this.#prefixes.find((candidate) => raw.name.startsWith(candidate) && raw.name.length > candidate.length)
    if (prefix === undefined) return undefined
    const sent = new Map(raw.tags.map(([tag, value]) => [tag, value ?? '']))
    const name = raw.name.slice(prefix.length)
    const torn = sent.size === 0 ? undefined : rejoin(name, sent, this.#dottedNames)
    // Names that came with tags had theirs taken out by Envoy; a plain name has none, or Envoy would have found them as we do.
    if (torn === undefined && sent.size > 0) return this.#withSent({ name, tags: new Map() }, sent)
    for (const tag of torn?.tags ?? []) sent.delete(tag)
    const hidden = hideDots(torn?.stat ?? name, this.#dottedNames)
    const extracted = extractTags(hidden)
    const tags = new Map([...extracted.tags].map(([tag, value]) => [tag, showDots(value)]))
    // Istio's own stats_tags have no `envoy.` before their names: the one that is put together keeps the name it came with.
    if (torn?.tags[0] === 'cluster_name') renameTag(tags, 'envoy.cluster_name', 'cluster_name')
    const whole = this.#dottedNames === 'none' ? { name: extracted.name, tags } : withAppMeshTags(hidden, extracted.name, tags)
    const stat = this.#withSent({ name: showDots(whole.name), tags: whole.tags }, sent)
    const repaired = torn?.tags[0]
    return repaired === undefined ? stat : { ...stat, repaired }
  }

  /** Joins the tags that came with the line; what was sent wins. */
  #withSent(stat: EnvoyStat, sent: ReadonlyMap<string, string>): EnvoyStat {
    return { name: stat.name, tags: new Map([...stat.tags, ...sent]) }
  }
}

/**
 * True for what an Envoy sends only because it sends everything it ever counted: a counter that did not change. It must not
 * count as news of the series (half of all counter lines are such), and it adds nothing.
 */
export function isZeroDelta(type: SampleType, value: number): boolean {
  return type === SampleType.counter && value === 0
}

const HELP = 'Envoy statistic.'
/** Namespaces of Wasm and Istio extensions: Envoy shows what is in them without namespace and without `envoy_`. */
const CUSTOM_NAMESPACE = /^(?:wasmcustom|istiocustom)\./
const CODE_CLASS_TAGS: readonly string[] = ['response_code_class', 'envoy.response_code_class']

function prometheusName({ name, tags }: EnvoyStat): string {
  // Istio's stats_tags cut the whole of `_2xx` out, so that one name has every request twice: by code, and by class. Envoy's
  // own tags call the second one `…_rq_xx`, and so do we.
  const isClassOfCodes = name.endsWith('_rq') && CODE_CLASS_TAGS.some((tag) => tags.has(tag))
  const own = isClassOfCodes ? `${name}_xx` : name
  return CUSTOM_NAMESPACE.test(own) ? envoyPrometheusName(own.replace(CUSTOM_NAMESPACE, '')) : `envoy_${envoyPrometheusName(own)}`
}

function renameTag(tags: Map<string, string>, from: string, to: string): void {
  const value = tags.get(from)
  if (value === undefined) return
  tags.delete(from)
  tags.set(to, value)
}

/** App Mesh calls the stat prefix of a listener `ingress.http.8080`; its Envoy image makes two tags of that. */
function withAppMeshTags(stat: string, name: string, tags: Map<string, string>): { readonly name: string; readonly tags: Map<string, string> } {
  const [, protocol, port] = /^(?:http|tcp)\.ingress\.([a-z]\w*)\.(\d+)\./.exec(stat) ?? []
  if (protocol === undefined || port === undefined) return { name, tags }
  return { name: name.replace(`.${protocol}.${port}.`, '.'), tags: tags.set('appmesh.listener_protocol', protocol).set('appmesh.listener_port', port) }
}
