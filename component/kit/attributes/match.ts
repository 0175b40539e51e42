import { re2Pattern } from '../../../lib/re2.ts'
import type { AttributeSet, Resource, Scope } from '../../../model/attributes.ts'
import type { LogRecord } from '../../../model/log_records.ts'
import type { Span } from '../../../model/traces.ts'
import { textOf } from './actions.ts'
import { type MatchConfig, severityNumber } from './match_schema.ts'

type TextTest = (text: string) => boolean
type AttributesTest = (attributes: AttributeSet) => boolean

/** What one of `include` and `exclude` asks; each part that is not asked for is undefined. */
interface Matcher {
  readonly group: (resource: Resource, scope: Scope) => boolean
  readonly attributes: AttributesTest | undefined
  readonly spanName: TextTest | undefined
  readonly spanKind: TextTest | undefined
  readonly body: TextTest | undefined
  readonly severityText: TextTest | undefined
  readonly severity: ((severity: number) => boolean) | undefined
  readonly metricName: TextTest | undefined
}

/** `include` and `exclude` together: what is acted on. */
export class Selection {
  readonly #include: Matcher | undefined
  readonly #exclude: Matcher | undefined

  constructor(config: { readonly include?: MatchConfig | undefined; readonly exclude?: MatchConfig | undefined }) {
    this.#include = config.include === undefined ? undefined : matcherOf(config.include)
    this.#exclude = config.exclude === undefined ? undefined : matcherOf(config.exclude)
  }

  /** True when everything is acted on. */
  get isWhole(): boolean {
    return this.#include === undefined && this.#exclude === undefined
  }

  hasLog(record: LogRecord, resource: Resource, scope: Scope): boolean {
    return this.#has(resource, scope, (matcher) => {
      if (matcher.spanName !== undefined || matcher.spanKind !== undefined || matcher.metricName !== undefined) return false
      const isBody = matcher.body === undefined || (typeof record.body === 'string' && matcher.body(record.body))
      return (
        isBody &&
        (matcher.severityText?.(record.severityText) ?? true) &&
        (matcher.severity?.(record.severityNumber) ?? true) &&
        (matcher.attributes?.(record.attributes) ?? true)
      )
    })
  }

  hasSpan(span: Span, resource: Resource, scope: Scope): boolean {
    return this.#has(resource, scope, (matcher) => {
      if (asksForLogs(matcher) || matcher.metricName !== undefined) return false
      const kind = `SPAN_KIND_${span.kind.toUpperCase()}`
      return (matcher.spanName?.(span.name) ?? true) && (matcher.spanKind?.(kind) ?? true) && (matcher.attributes?.(span.attributes) ?? true)
    })
  }

  /** Whether points of a metric with these attributes are acted on. */
  hasPoint(metric: string, attributes: AttributeSet, group: { readonly resource: Resource; readonly scope: Scope }): boolean {
    return this.#has(group.resource, group.scope, (matcher) => {
      if (asksForLogs(matcher) || matcher.spanName !== undefined || matcher.spanKind !== undefined) return false
      return (matcher.metricName?.(metric) ?? true) && (matcher.attributes?.(attributes) ?? true)
    })
  }

  #has(resource: Resource, scope: Scope, matches: (matcher: Matcher) => boolean): boolean {
    const included = this.#include === undefined || (this.#include.group(resource, scope) && matches(this.#include))
    return included && !(this.#exclude !== undefined && this.#exclude.group(resource, scope) && matches(this.#exclude))
  }
}

function asksForLogs({ body, severity, severityText }: Matcher): boolean {
  return body !== undefined || severity !== undefined || severityText !== undefined
}

function matcherOf(config: MatchConfig): Matcher {
  const isRegexp = config.match_type === 'regexp'
  const oneOf = (texts: readonly string[] | undefined): TextTest | undefined => (texts === undefined ? undefined : anyText(texts, isRegexp))
  const services = oneOf(config.services)
  const resources = config.resources === undefined ? undefined : allPairs(config.resources, isRegexp)
  const libraries = config.libraries?.map(({ name, version }) => {
    const isName = anyText([name], isRegexp)
    return (scope: Scope): boolean => isName(scope.name) && (version === undefined || version === scope.version)
  })
  const severity = config.log_severity_number
  const least = severityNumber(severity?.min ?? '') ?? 0
  return {
    group: (resource, scope) =>
      (services === undefined || services(textOf(resource.attributes.get('service.name') ?? null))) &&
      (resources?.(resource.attributes) ?? true) &&
      (libraries?.some((isLibrary) => isLibrary(scope)) ?? true),
    attributes: config.attributes === undefined ? undefined : allPairs(config.attributes, isRegexp),
    spanName: oneOf(config.span_names),
    spanKind: oneOf(config.span_kinds),
    body: oneOf(config.log_bodies),
    severityText: oneOf(config.log_severity_texts),
    severity: severity === undefined ? undefined : (number) => (number === 0 ? severity.match_undefined : number >= least),
    metricName: oneOf(config.metric_names),
  }
}

function anyText(texts: readonly string[], isRegexp: boolean): TextTest {
  if (!isRegexp) {
    const known = new Set(texts)
    return (text) => known.has(text)
  }
  const patterns = texts.map((text) => re2Pattern(text))
  return (text) => patterns.some((pattern) => pattern.test(text))
}

function allPairs(pairs: NonNullable<MatchConfig['attributes']>, isRegexp: boolean): AttributesTest {
  const tests = pairs.map(({ key, value }): AttributesTest => {
    if (value === undefined) return (attributes) => attributes.get(key) !== undefined
    if (isRegexp && typeof value === 'string') {
      const pattern = re2Pattern(value)
      return (attributes) => {
        const found = attributes.get(key)
        return found !== undefined && pattern.test(textOf(found))
      }
    }
    return (attributes) => {
      const found = attributes.get(key)
      return typeof found === 'bigint' ? Number(found) === value : found === value
    }
  })
  return (attributes) => tests.every((test) => test(attributes))
}
