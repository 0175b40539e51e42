/** The spans of simulated proxies are the traces that a real Zipkin shows. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TruthSpan } from '../../../cmd/meshscope/simulate/trace_tree.ts'
import type { TruthDocument } from '../../../cmd/meshscope/simulate/truth.ts'
import { freePort } from '../../free_port.ts'
import { sumOf } from '../daemon.ts'
import { suite } from '../suite.ts'
import { settled } from '../waiting.ts'
import { type SinkDaemon, startSinkDaemon } from './daemon.ts'
import { type SinkServer, startZipkin } from './servers.ts'

/** Traces that are compared; asking for each is a request. */
const TRACES = 50

interface ShownSpan {
  readonly traceId: string
  readonly id: string
  readonly parentId?: string
  readonly kind: string
  readonly duration: number
  readonly tags: Readonly<Record<string, string>>
}

suite('spans of a simulated mesh in Zipkin', ['java', 'zipkin'], (paths) => {
  let zipkin: SinkServer
  let daemon: SinkDaemon
  let truth: TruthDocument

  beforeAll(async () => {
    const port = await freePort()
    zipkin = await startZipkin(paths, port)
    const endpoint = `http://127.0.0.1:${port}/api/v2/spans`
    daemon = await startSinkDaemon('traces', { zipkin: { endpoint, sending_queue: { batch: { min_size: 1000 } } } })
    truth = await daemon.simulate('--tracing', 'proxies')
  })

  afterAll(async () => {
    await daemon?.stop()
    await zipkin?.child.stop()
  })

  test('every span arrives, and each trace is the tree that the mesh made', async () => {
    const spans = truth.spans ?? []
    const sent = await settled(
      async () => sumOf(await daemon.scrapeOwn(), 'otelcol_exporter_sent_spans'),
      (count) => count >= spans.length,
      60_000,
    )
    expect(sent).toBe(spans.length)
    const byTrace = Map.groupBy(spans, ({ traceId }) => traceId)
    for (const [traceId, made] of [...byTrace].slice(0, TRACES)) {
      const read = async (): Promise<readonly ShownSpan[]> => (await zipkin.ask(`/api/v2/trace/${traceId}`).catch(() => [])) as readonly ShownSpan[]
      // Zipkin stores after it has answered.
      const shown = await settled(read, ({ length }) => length >= made.length)
      expect(shown.map(shownRow).sort()).toEqual(made.map(madeRow).sort())
    }
    expect(byTrace.size).toBeGreaterThan(TRACES)
  })
})

function madeRow({ spanId, parentSpanId, kind, code }: TruthSpan): string {
  return [spanId, parentSpanId, kind, code === 0 ? '' : code].join(' ')
}

function shownRow({ id, parentId = '', kind, tags }: ShownSpan): string {
  return [id, parentId, kind.toLowerCase(), tags['http.response.status_code'] ?? ''].join(' ')
}
