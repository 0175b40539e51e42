/** Panels that several dashboards show, each for the calls that a selector names. */
import { badAbove, goodAbove, heatmap, type PanelSpec, type PanelText, stat, timeseries } from '../panels.ts'
import { buckets, byClass, failures, quantile, rate } from '../promql.ts'

/** Colours of response classes. */
export const CLASS_COLORS = { '^2xx': 'green', '^3xx': 'blue', '^4xx': 'orange', '^5xx': 'red', '^0xx': 'purple' } as const

/** Shares of failed requests at which panels turn yellow and red. */
export const FAILURE_STEPS = badAbove(0.01, 0.05)

const QUANTILES = [
  { q: 0.5, name: 'p50' },
  { q: 0.9, name: 'p90' },
  { q: 0.99, name: 'p99' },
] as const

/** Numbers about requests: how many, how many succeed, how long they take. Five panels, 4 columns each. */
export function requestStats(selector: string, whose: string): PanelSpec[] {
  return [
    stat({ title: 'Requests', description: `HTTP and gRPC requests a second ${whose}.`, unit: 'reqps', expr: rate('istio_requests_total', selector) }),
    stat({
      title: 'Success rate',
      description: `Share of the requests ${whose} whose response is not of class 5xx. Code 0, the caller went away or nothing came back, counts as Istio counts it: not as 5xx.`,
      unit: 'percentunit',
      expr: `1 - ${failures(selector)}`,
      steps: goodAbove(0.95, 0.99),
      decimals: 2,
    }),
    ...QUANTILES.map(({ q, name }) =>
      stat({
        title: `Duration ${name}`,
        description: `${q * 100} of 100 requests ${whose} took no longer, from the first byte of the request to the last of the response.`,
        unit: 'ms',
        expr: quantile(q, 'istio_request_duration_milliseconds', selector),
      }),
    ),
  ]
}

/** Requests that got no response at all: what the success rate leaves out. */
export function withoutResponse(selector: string, whose: string): PanelSpec {
  const all = rate('istio_requests_total', selector)
  return stat({
    title: 'No response',
    description: `Requests a second ${whose} with code 0: the caller went away, or the connection ended before there was a response.`,
    unit: 'reqps',
    expr: `${rate('istio_requests_total', `${selector},response_code="0"`)} or ${all} * 0`,
  })
}

/** Requests a second by class of response. */
export function requestsByClass(selector: string, text: Partial<PanelText> = {}): PanelSpec {
  return timeseries({
    title: 'Requests by response class',
    description: 'Requests a second by the first digit of the response code; 0xx are requests without a response, such as those whose caller went away.',
    ...text,
    unit: 'reqps',
    stacked: true,
    queries: [{ expr: byClass(selector), legend: '{{class}}' }],
    colors: CLASS_COLORS,
  })
}

/** The three quantiles of the duration, as lines. */
export function durations(selector: string, text: Partial<PanelText> = {}): PanelSpec {
  return timeseries({
    title: 'Request duration',
    description: 'Quantiles of the request duration, interpolated within the buckets of the histogram.',
    ...text,
    unit: 'ms',
    exemplars: true,
    queries: QUANTILES.map(({ q, name }) => ({ expr: quantile(q, 'istio_request_duration_milliseconds', selector), legend: name })),
  })
}

/** The duration of all requests as a heat map. */
export function durationHeatmap(selector: string, text: Partial<PanelText> = {}): PanelSpec {
  return heatmap({
    title: 'Request duration, heat map',
    description: 'How many requests took how long: two bands show two kinds of requests, which quantiles hide.',
    ...text,
    unit: 'ms',
    expr: buckets('istio_request_duration_milliseconds', selector),
  })
}

/** Response flags: what the proxies did themselves. */
export function responseFlags(selector: string, text: Partial<PanelText> = {}): PanelSpec {
  return timeseries({
    title: 'Response flags',
    description:
      'Requests with a flag of Envoy: DC the caller went away, UF could not connect, UC the connection ended, UT too slow, UH no healthy host, UO limit reached, URX given up after retries, NR no route, RL rate limited, FI fault injected.',
    ...text,
    unit: 'reqps',
    queries: [{ expr: rate('istio_requests_total', `${selector},response_flags!="-"`, ['response_flags']), legend: '{{response_flags}}' }],
  })
}

/** Sizes on the wire: the 99th percentile of requests and responses. */
export function sizes(selector: string): PanelSpec {
  return timeseries({
    title: 'Sizes, p99',
    description: 'Bytes on the wire of the request and of the response, headers included: 99 of 100 are no larger.',
    unit: 'bytes',
    queries: [
      { expr: quantile(0.99, 'istio_request_bytes', selector), legend: 'request' },
      { expr: quantile(0.99, 'istio_response_bytes', selector), legend: 'response' },
    ],
  })
}

/** Bytes a second of requests and responses. */
export function throughput(selector: string): PanelSpec {
  return timeseries({
    title: 'HTTP bytes',
    description: 'Bytes a second of requests and of responses.',
    unit: 'Bps',
    queries: [
      { expr: rate('istio_request_bytes_sum', selector), legend: 'requests' },
      { expr: rate('istio_response_bytes_sum', selector), legend: 'responses' },
    ],
  })
}

/** Requests, failures and duration by some labels, the largest of them. */
export function breakdown(selector: string, by: readonly string[], what: string): PanelSpec[] {
  const legend = by.map((label) => `{{${label}}}`).join(' ')
  const top = (expression: string): string => `topk(10, ${expression})`
  return [
    timeseries({
      title: `Requests by ${what}`,
      description: `Requests a second by ${what}, the ten largest.`,
      unit: 'reqps',
      queries: [{ expr: top(rate('istio_requests_total', selector, by)), legend }],
    }),
    timeseries({
      title: `Failed requests by ${what}`,
      description: `Share of requests with a response of class 5xx by ${what}, the ten worst.`,
      unit: 'percentunit',
      queries: [{ expr: top(failures(selector, by)), legend }],
      steps: FAILURE_STEPS,
    }),
    timeseries({
      title: `Duration by ${what}, p99`,
      description: `99 of 100 requests took no longer, by ${what}, the ten slowest.`,
      unit: 'ms',
      queries: [{ expr: top(quantile(0.99, 'istio_request_duration_milliseconds', selector, by)), legend }],
    }),
  ]
}
