import { expect, test } from 'vitest'
import { AttributeSet } from '../../../model/attributes.ts'
import { newLogRecord } from '../../../model/log_records.ts'
import { decodeLogs, decodeMetrics, decodeTraces } from '../../../model/otlp/decode.ts'
import { newSpan } from '../../../model/traces.ts'
import { familyPoints, metricFamily, metricsOf } from '../../../test/fakes/metrics.ts'
import { FakeHost, fakeSettings } from '../../../test/fakes/settings.ts'
import { queueConfigWith } from '../queue/testing.ts'
import { OtlpExporter } from './exporter.ts'

const HEAD = { resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' } }

test.for([true, false])('a request that was sent is out of memory at once, unless its bytes are read later: %s', async (readsBytesLater) => {
  const sent: { readonly bytes: Uint8Array; readonly text: unknown }[] = []
  const texts = {
    logs: (bytes: Uint8Array) => decodeLogs(bytes).groups[0]?.records[0]?.body,
    metrics: (bytes: Uint8Array) => decodeMetrics(bytes).groups[0]?.metrics[0]?.name,
    traces: (bytes: Uint8Array) => decodeTraces(bytes).groups[0]?.spans[0]?.name,
  }
  const exporter = new OtlpExporter(fakeSettings('exporter', 'otlp_grpc'), queueConfigWith(), {
    readsBytesLater,
    start: () => undefined,
    send: async ({ signal, bytes }) => void sent.push({ bytes, text: texts[signal](bytes) }),
    close: () => undefined,
  })
  await exporter.start(new FakeHost())
  await exporter.consumers.logs?.consume({ groups: [{ ...HEAD, records: [newLogRecord({ body: 'one' })] }] })
  await exporter.consumers.metrics?.consume(metricsOf(familyPoints(metricFamily('calls'), [{ attributes: {}, values: [7] }])))
  await exporter.consumers.traces?.consume({ groups: [{ ...HEAD, spans: [newSpan({ name: 'GET' })] }] })
  await exporter.shutdown({ signal: new AbortController().signal })
  expect(new Set(sent.map(({ text }) => text))).toEqual(new Set(['one', 'calls', 'GET']))
  expect(sent.map(({ bytes }) => bytes.length === 0)).toEqual(sent.map(() => !readsBytesLater))
})
