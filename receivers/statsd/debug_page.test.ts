import { expect, test } from 'vitest'
import { AttributeSet } from '../../model/attributes.ts'
import { type DebugReport, debugText, debugView } from './debug_page.ts'
import type { WorkerReport } from './messages.ts'

const AT = Date.UTC(2026, 0, 1)
const client = { address: '10.0.0.1', packets: 1, lines: 2, rejected: 1, bytes: 30, lastSeenMs: AT }
const worker: WorkerReport = {
  clients: [client],
  rejected: [{ reason: 'bad_value', lines: 1, last: 'a:\u001b[0m|c', sender: '10.0.0.1', atMs: AT }],
  rules: [['app_hits', [3, 1]]],
  remembered: 5,
}
const report: DebugReport = {
  receiver: 'statsd/edge',
  talkers: [{ name: 'app_hits', kind: 'counter', attributes: AttributeSet.of({ env: 'dev' }), samples: 9, ratePerS: 1.234, lastSeenMs: AT }],
  series: 1,
  kernelDrops: 4,
  events: ['_e{1,1}:a|b'],
  workers: [worker, { ...worker, rejected: [{ reason: 'bad_value', lines: 2, last: 'newer', sender: '', atMs: AT + 1 }], rules: [['app_hits', [2]]] }],
  missing: 1,
}

test('puts together what the workers say', () => {
  expect(debugView(report, 10)).toEqual({
    receiver: 'statsd/edge',
    series: 1,
    kernel_dropped_packets: 4,
    workers_without_answer: 1,
    remembered_lines: 10,
    top: [
      { metric: 'app_hits', type: 'counter', labels: { env: 'dev' }, samples: 9, per_second: 1.23, last_seen: '2026-01-01T00:00:00.000Z', rules: [1, 2, 3] },
    ],
    rejected: [{ reason: 'bad_value', lines: 3, last: 'newer', sender: '', at: '2026-01-01T00:00:00.001Z' }],
    clients: [{ address: '10.0.0.1', packets: 2, lines: 4, rejected: 2, bytes: 60, last_seen: '2026-01-01T00:00:00.000Z' }],
    events: ['_e{1,1}:a|b'],
  })
})

test('is readable as text, whatever was sent', () => {
  const text = debugText(debugView({ ...report, workers: [worker] }, 10))
  expect(text).toContain('receiver statsd/edge: 1 series, 5 different lines known, 4 packets dropped by the kernel')
  expect(text).toContain('1 workers did not answer in time')
  expect(text).toMatch(/1\.23 +9 +2026-01-01T00:00:00.000Z +1,3 +counter +app_hits\{env="dev"\}/)
  expect(text).not.toContain('\u001b')
})

test('says so where there is nothing', () => {
  const { kernelDrops: _none, ...rest } = report
  const text = debugText(debugView({ ...rest, kernelDrops: undefined, talkers: [], events: [], workers: [], missing: 0 }, 10))
  expect(text).toBe(
    'receiver statsd/edge: 1 series, 0 different lines known\n\ntop talkers: none\n\nrejected lines: none\n\nclients: none\n\nlast events and service checks: none\n',
  )
})
