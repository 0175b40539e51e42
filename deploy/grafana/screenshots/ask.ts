/** What Prometheus says to the queries of a panel. */
import type { Panel } from '@grafana/schema'
import { targetsOf } from '../model.ts'
import { substitute } from '../substitute.ts'
import { legendText } from './format.ts'

/** A line over time; `undefined` where there is no value. */
export interface Line {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  /** One for each step from the start to the end. */
  readonly values: readonly (number | undefined)[]
}

/** The answer to one query: lines over time, or one value each. */
export interface Answer {
  readonly refId: string
  readonly lines: readonly Line[]
}

export interface Span {
  /** Seconds since 1970. */
  readonly start: number
  readonly end: number
  readonly step: number
}

export interface Source {
  /** Of Prometheus. */
  readonly url: string
  readonly span: Span
  /** Values of variables. */
  readonly variables: Readonly<Record<string, string>>
}

/** Asks all queries of a panel; rejects with Prometheus' message. */
export async function askPanel(panel: Panel, { url, span, variables }: Source): Promise<Answer[]> {
  return await Promise.all(
    targetsOf(panel).map(async ({ refId, expr, legendFormat, isInstant }) => {
      const query = substitute(expr, variables)
      const parameters = isInstant ? { query, time: String(span.end) } : { query, start: String(span.start), end: String(span.end), step: String(span.step) }
      const response = await fetch(`${url}/api/v1/${isInstant ? 'query' : 'query_range'}?${new URLSearchParams(parameters).toString()}`)
      const body = (await response.json()) as QueryResponse
      if (body.status !== 'success') throw new Error(`${panel.title}: ${body.error}`)
      return { refId, lines: body.data.result.map((series) => lineOf(series, legendFormat, span)) }
    }),
  )
}

interface QueryResponse {
  readonly status: string
  readonly error?: string
  readonly data: { readonly result: readonly Series[] }
}

/** A series as Prometheus' HTTP API has it: `value` of an instant query, `values` of a range. */
export interface Series {
  readonly metric: Record<string, string>
  readonly value?: readonly [number, string]
  readonly values?: readonly (readonly [number, string])[]
}

/** A series on the grid of steps; a step without a sample has no value. */
export function lineOf({ metric, value, values }: Series, legend: string, { start, end, step }: Span): Line {
  const { __name__: _, ...labels } = metric
  const name = legendText(legend, labels)
  if (value !== undefined) return { name, labels, values: [Number(value[1])] }
  const grid: (number | undefined)[] = Array.from({ length: Math.floor((end - start) / step) + 1 }, () => undefined)
  for (const [time, text] of values ?? []) {
    const number = Number(text)
    if (Number.isFinite(number)) grid[Math.round((time - start) / step)] = number
  }
  return { name, labels, values: grid }
}

/** The newest value of a line. */
export function lastOf({ values }: Line): number {
  return values.findLast((value) => value !== undefined) ?? Number.NaN
}
