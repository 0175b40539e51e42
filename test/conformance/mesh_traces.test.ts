import { expect, test } from 'vitest'
import type { TruthSpan } from '../../cmd/meshscope/simulate/trace_tree.ts'
import { TracesHarness } from '../../connectors/mesh_traces/testing.ts'
import { parseTracesJson, tracesJson } from '../../model/otlp/json.ts'
import type { Span } from '../../model/traces.ts'
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

test('the spans of the Bookinfo mesh are the trees of its requests', async () => {
  const streams: Streams = []
  const { server, endpoint } = await receiver(streams)
  const truth = await simulate(endpoint, { durationMs: 10_000, tracing: true })
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
  const groups = harness.next.batches.flatMap((batch) => parseTracesJson(tracesJson(batch)).groups)
  const nodes = groups.flatMap(({ resource, spans }) => spans.map((span) => nodeOfSpan(span, resource.attributes.get('mesh.workload') as string)))

  const expected = trees((truth.spans ?? []).map(nodeOfTruth))
  expect(expected.length).toBeGreaterThan(1000)
  expect(expected.filter(({ what }) => what.startsWith('no parent'))).toEqual([])
  const found = trees(nodes)
  expect(found.length).toBe(expected.length)
  for (const [i, tree] of found.entries()) expect(tree).toEqual(expected[i])
  // TCP connections carry no context.
  expect(harness.counted('sent')).toBe(nodes.length)
  expect(harness.counted('no_trace_context') + harness.counted('not_an_end')).toBe(truth.entries.confirmed - nodes.length)
}, 60_000)
