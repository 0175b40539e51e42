import type { Format } from './pieces.ts'

/** What a client gets. */
export interface Negotiated {
  readonly format: Format
  readonly contentType: string
  readonly isGzip: boolean
}

interface Range {
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
  readonly quality: number
}

/**
 * Chooses the format by `Accept` and the encoding by `Accept-Encoding` (RFC 9110 §12.5). A client that accepts nothing
 * we have gets text format: a scrape that works beats a 406.
 */
export function negotiate(accept: string | undefined, acceptEncoding: string | undefined, options: { readonly hasOpenMetrics: boolean }): Negotiated {
  const isGzip = isGzipAccepted(acceptEncoding)
  let best: { readonly format: Format; readonly range: Range } | undefined
  for (const range of ranges(accept ?? '')) {
    const format = formatOf(range)
    if (format === undefined || range.quality <= 0 || (format === 'openmetrics' && !options.hasOpenMetrics)) continue
    if (best === undefined || range.quality > best.range.quality) best = { format, range }
  }
  // Clients that name an escaping (Prometheus 3) want to be told which one was used.
  const escaping = best?.range.parameters.has('escaping') === true ? '; escaping=underscores' : ''
  if (best?.format !== 'openmetrics') return { format: 'text', contentType: `text/plain; version=0.0.4; charset=utf-8${escaping}`, isGzip }
  const version = best.range.parameters.get('version') ?? '1.0.0'
  return { format: 'openmetrics', contentType: `application/openmetrics-text; version=${version}; charset=utf-8${escaping}`, isGzip }
}

/** Milliseconds that the client waits for an answer, from Prometheus' header; undefined when it does not say. */
export function scrapeTimeoutMs(header: string | undefined): number | undefined {
  const seconds = Number(header)
  return header !== undefined && Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined
}

function formatOf({ type, parameters }: Range): Format | undefined {
  const version = parameters.get('version')
  if (type === 'application/openmetrics-text') return version === undefined || version === '1.0.0' || version === '0.0.1' ? 'openmetrics' : undefined
  if (type === 'text/plain' || type === 'text/*' || type === '*/*') return 'text'
  return undefined
}

function isGzipAccepted(header: string | undefined): boolean {
  const wanted = ranges(header ?? '')
  const gzip = wanted.find(({ type }) => type === 'gzip' || type === 'x-gzip') ?? wanted.find(({ type }) => type === '*')
  return gzip !== undefined && gzip.quality > 0
}

function ranges(header: string): Range[] {
  return header
    .split(',', 64)
    .map((item) => {
      const [type = '', ...rest] = item.split(';')
      const parameters = new Map(
        rest.map((part) => {
          const equals = part.indexOf('=')
          return [
            part.slice(0, equals).trim().toLowerCase(),
            part
              .slice(equals + 1)
              .trim()
              .replace(/^"(.*)"$/, '$1'),
          ] as const
        }),
      )
      const quality = Number(parameters.get('q') ?? '1')
      return { type: type.trim().toLowerCase(), parameters, quality: Number.isNaN(quality) ? 0 : quality }
    })
    .filter(({ type }) => type !== '')
}
