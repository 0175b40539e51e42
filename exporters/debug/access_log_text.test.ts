import { describe, expect, test } from 'vitest'
import type { ByteMessage } from '../../component/kit/byte_link.ts'
import type { AccessLogs } from '../../model/access_logs.ts'
import { AttributeSet } from '../../model/attributes.ts'
import { sampleHttpLogs, sampleTcpLogs, withSampleEdge } from '../../test/fakes/access_logs.ts'
import { fakeSettings } from '../../test/fakes/settings.ts'
import type { DebugConfig } from './config.ts'
import { DebugIngest } from './ingest.ts'

const DEFAULTS: DebugConfig = { verbosity: 'basic', sampling_initial: 2, sampling_thereafter: 1, use_internal_logger: false, output_paths: ['stdout'] }

/** The ingest half, with the text that it sends. */
function ingestOf(given: Partial<DebugConfig>): { readonly ingest: DebugIngest; readonly texts: string[]; readonly dropped: (reason: string) => number } {
  const settings = fakeSettings('exporter', 'debug')
  const texts: string[] = []
  const send = (message: ByteMessage): void => {
    if ('bytes' in message) texts.push(Buffer.from(message.bytes).toString())
  }
  const ingest = new DebugIngest(settings, { ...DEFAULTS, ...given }, { worker: 0, send })
  return { ingest, texts, dropped: (reason) => settings.telemetry.value('meshscope_exporter_dropped_log_records', { exporter: 'debug', reason }) }
}

function print(verbosity: DebugConfig['verbosity'], ...batches: readonly AccessLogs[]): string {
  const { ingest, texts } = ingestOf({ verbosity })
  for (const logs of batches) ingest.consume(logs)
  return texts.join('')
}

describe('access logs', () => {
  test.for(['basic', 'normal', 'detailed'] as const)('are printed with verbosity %s', async (verbosity) => {
    await expect(print(verbosity, withSampleEdge(sampleHttpLogs()), sampleHttpLogs(), sampleTcpLogs())).toMatchFileSnapshot(
      `testdata/access_logs_${verbosity}.txt`,
    )
  })

  test.for(['normal', 'detailed'] as const)('cannot act on a terminal with verbosity %s', (verbosity) => {
    const hostile = '/\u001b]0;owned\u0007\u001b[2J\r\nfake line\u202e\u009b31m'
    const text = print(verbosity, sampleHttpLogs({ path: hostile, cluster: hostile, userAgent: hostile }))
    expect(text).toContain('\\x1b]0;owned\\x07\\x1b[2J\\r\\nfake line\\u{202e}\\x9b31m')
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  })

  test('come with the resource that a processor has put on the batch', () => {
    const logs = sampleTcpLogs()
    logs.resource = { attributes: AttributeSet.of({ 'k8s.pod.name': 'reviews-v1-0', hostile: '\u001b[2J' }) }
    expect(print('detailed', logs).split('\n')[1]).toBe('resource: {k8s.pod.name=reviews-v1-0, hostile="\\x1b[2J"}')
    expect(print('normal', logs)).not.toContain('reviews-v1-0')
  })

  test('have long paths cut on their one line', () => {
    expect(print('normal', sampleHttpLogs({ path: `/${'x'.repeat(5_000)}` })).split('\n')[0]?.length).toBeLessThan(500)
  })

  test('are sampled, and what is left out is counted', () => {
    const { ingest, texts, dropped } = ingestOf({ sampling_initial: 1, sampling_thereafter: 0 })
    for (let i = 0; i < 3; i++) ingest.consume(sampleHttpLogs())
    expect(texts).toHaveLength(1)
    expect(dropped('sampled')).toBe(4)
  })

  test('are dropped and counted when the output is behind', () => {
    const { ingest, texts, dropped } = ingestOf({ verbosity: 'normal' })
    const logs = sampleHttpLogs({ path: `/${'x'.repeat(2_000_000)}`, cluster: 'c'.repeat(1_500_000) })
    for (let i = 0; i < 5; i++) ingest.consume(logs)
    expect(texts.length).toBeGreaterThan(0)
    expect(texts.length * logs.length + dropped('queue_full')).toBe(10)
    expect(dropped('queue_full')).toBeGreaterThan(0)
  })
})
