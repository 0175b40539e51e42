import { expect, test } from 'vitest'
import type { Tracing, TruthSpan } from '../../cmd/meshscope/simulate/trace_tree.ts'
import type { TruthDocument } from '../../cmd/meshscope/simulate/truth.ts'
import { TracesHarness } from '../../connectors/mesh_traces/testing.ts'
import { parseTracesJson, tracesJson } from '../../model/otlp/json.ts'
import type { Span, SpanGroup } from '../../model/traces.ts'
import { MeshBench } from './mesh_captures.ts'
import { receiver, type Streams, simulate } from './simulated_streams.ts'

/** A span and what hangs under it, in an order that only depends on what they are. */
interface Tree {
  readonly what: string
  readonly children: readonly Tree[]
}

interface Node {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string
  readonly what: string
}

/** The trees of all traces, by what their spans are; spans whose parent is nowhere come out as roots that say so. */
function trees(nodes: readonly Node[]): Tree[] {
  const children = Map.groupBy(nodes, ({ traceId, parentSpanId }) => `${traceId} ${parentSpanId}`)
  const ids = new Set(nodes.map(({ traceId, spanId }) => `${traceId} ${spanId}`))
  const treeOf = ({ traceId, spanId, what }: Node): Tree => ({ what, children: sorted((children.get(`${traceId} ${spanId}`) ?? []).map(treeOf)) })
  const lost = nodes.filter(({ traceId, parentSpanId }) => parentSpanId !== '' && !ids.has(`${traceId} ${parentSpanId}`))
  const roots = nodes.filter(({ parentSpanId }) => parentSpanId === '').map((node) => ({ ...treeOf(node), what: `${node.traceId} ${node.what}` }))
  return sorted([...roots, ...lost.map((node) => ({ ...treeOf(node), what: `no parent: ${node.what}` }))])
}

function sorted(list: readonly Tree[]): Tree[] {
  return list
    .map((tree) => ({ tree, key: JSON.stringify(tree) }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ tree }) => tree)
}

function nodeOfSpan(span: Span, workload: string): Node {
  const durationUs = Number(span.endTimeNs - span.startTimeNs) / 1000
  const code = Number(span.attributes.get('http.response.status_code') ?? 0)
  return { ...idsOf(span), what: `${workload} ${span.kind} ${span.startTimeNs / 1000n} ${durationUs} ${code}` }
}

function nodeOfTruth(span: TruthSpan): Node {
  return { ...idsOf(span), what: `${span.workload} ${span.kind} ${span.startUs} ${span.durationUs} ${span.code}` }
}

function idsOf({ traceId, spanId, parentSpanId }: Pick<Span, 'traceId' | 'spanId' | 'parentSpanId'>): Pick<Node, 'traceId' | 'spanId' | 'parentSpanId'> {
  return { traceId, spanId, parentSpanId }
}

/** The spans that come out of ten simulated seconds, and their truth. */
async function spansOf(tracing: Tracing): Promise<{ readonly harness: TracesHarness; readonly truth: TruthDocument; readonly groups: readonly SpanGroup[] }> {
  const streams: Streams = []
  const { server, endpoint } = await receiver(streams)
  const truth = await simulate(endpoint, { durationMs: 10_000, tracing })
  server.forceShutdown()
  expect(truth.entries).toMatchObject({ unconfirmed: 0, lost: 0 })

  const harness = new TracesHarness()
  const bench = new MeshBench((logs) => harness.ingest.consume(logs))
  for (const [i, messages] of streams.entries()) {
    bench.stream(messages, `10.0.0.1:${i}`)
    // Lets the main half take what it has got, of which no more than a bound may be under way.
    await harness.spans()
  }
  expect(harness.counted('queue_full')).toBe(0)
  // As an exporter would write it, and a trace reader read it.
  return { harness, truth, groups: harness.next.batches.flatMap((batch) => parseTracesJson(tracesJson(batch)).groups) }
}

const workloadOf = ({ resource }: SpanGroup): string => resource.attributes.get('mesh.workload') as string

test('the spans of the Bookinfo mesh are the trees of its requests', { timeout: 60_000 }, async () => {
  const { harness, truth, groups } = await spansOf('proxies')
  const nodes = groups.flatMap((group) => group.spans.map((span) => nodeOfSpan(span, workloadOf(group))))
  const expected = trees((truth.spans ?? []).map(nodeOfTruth))
  expect(expected.length).toBeGreaterThan(1000)
  expect(expected.filter(({ what }) => what.startsWith('no parent'))).toEqual([])
  const found = trees(nodes)
  expect(found.length).toBe(expected.length)
  for (const [i, tree] of found.entries()) expect(tree).toEqual(expected[i])
  // TCP connections carry no context.
  expect(harness.counted('sent')).toBe(nodes.length)
  expect(harness.counted('no_trace_context') + harness.counted('not_an_end')).toBe(truth.entries.confirmed - nodes.length)
})

test('where applications trace, the proxies of a call are linked, under the span of the caller', { timeout: 60_000 }, async () => {
  const { truth, groups } = await spansOf('applications')
  const spans = groups.flatMap((group) => group.spans.map((span) => ({ span, what: nodeOfSpan(span, workloadOf(group)).what })))
  const byId = new Map(spans.map(({ span }) => [`${span.traceId} ${span.spanId}`, span]))
  expect(byId.size).toBe(spans.length)
  const key = (traceId: string, what: string): string => `${traceId} ${what}`
  const parents = new Map((truth.spans ?? []).map((span) => [key(span.traceId, nodeOfTruth(span).what), span.parentSpanId]))
  expect(spans.length).toBe(truth.spans?.length)
  let linked = 0
  for (const { span, what } of spans) {
    const expected = parents.get(key(span.traceId, what))
    if (expected !== '') {
      expect([what, span.parentSpanId]).toEqual([what, expected])
      continue
    }
    const parent = byId.get(`${span.traceId} ${span.parentSpanId}`)
    expect(parent?.attributes.get('url.path')).toBe(span.attributes.get('url.path'))
    expect(parent?.startTimeNs).toBeLessThan(span.startTimeNs)
    expect(span.kind).toBe('server')
    linked++
  }
  expect(linked).toBeGreaterThan(1000)
})
