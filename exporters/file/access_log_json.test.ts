import { expect, test } from 'vitest'
import type { ByteMessage } from '../../component/kit/byte_link.ts'
import type { AccessLogs } from '../../model/access_logs.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { sampleHttpLogs, sampleTcpLogs, withSampleEdge } from '../../test/fakes/access_logs.ts'
import { fakeSettings } from '../../test/fakes/settings.ts'
import { FileIngest } from './ingest.ts'

/** The lines that the ingest half sends for some batches. */
function linesOf(...batches: readonly AccessLogs[]): string {
  let text = ''
  const send = (message: ByteMessage): void => {
    if ('bytes' in message) text += Buffer.from(message.bytes).toString()
  }
  const ingest = new FileIngest(fakeSettings('exporter', 'file'), { worker: 0, send })
  for (const logs of batches) ingest.consume(logs)
  return text
}

test('writes access logs as one JSON object per line', async () => {
  await expect(linesOf(withSampleEdge(sampleHttpLogs()), sampleHttpLogs(), sampleTcpLogs())).toMatchFileSnapshot('testdata/access_logs.jsonl')
})

test('keeps hostile strings inside of their line, and whole', () => {
  const hostile = '"}\n{"forged":true}\r\u2028\u001b[2J\u009b31m\u202e'
  const lines = linesOf(sampleHttpLogs({ path: hostile, userAgent: hostile })).split('\n')
  expect(lines).toHaveLength(3)
  expect(lines.join('')).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u)
  const parsed = JSON.parse(lines[0] as string) as { readonly request: { readonly path: string } }
  expect(parsed.request.path).toBe(hostile)
})

test('shows the resource that a processor has put on the batch', () => {
  const logs = sampleTcpLogs()
  logs.resource = { attributes: AttributeSet.of({ 'k8s.pod.name': 'reviews-v1-0', digests: ['a', 'b'], restarts: 3n }) }
  const [line = ''] = linesOf(logs).split('\n')
  expect(JSON.parse(line)).toMatchObject({ resource: { 'k8s.pod.name': 'reviews-v1-0', digests: ['a', 'b'], restarts: '3' } })
})

test('drops and counts what the main half is too slow for', () => {
  const settings = fakeSettings('exporter', 'file')
  let sent = 0
  const ingest = new FileIngest(settings, { worker: 0, send: (message) => void ('items' in message && (sent += message.items)) })
  const logs = sampleHttpLogs({ path: `/${'x'.repeat(3_000_000)}` })
  for (let i = 0; i < 5; i++) ingest.consume(logs)
  const dropped = settings.telemetry.value('meshscope_exporter_dropped_log_records', { exporter: 'file', reason: 'queue_full' })
  expect(dropped).toBeGreaterThan(0)
  expect(sent + dropped).toBe(10)
})
