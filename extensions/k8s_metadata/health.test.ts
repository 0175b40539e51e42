import { expect, test } from 'vitest'
import { FakeLogger } from '../../test/fakes/settings.ts'
import { healthOf, WatchLog } from './health.ts'
import type { WatchReport, WatchState } from './watch_protocol.ts'

const T = Date.UTC(2026, 0, 1)

function watch(resource: WatchState['resource'], state: string, more: Partial<WatchState> = {}): WatchState {
  return { resource, of: '', state, error: '', sinceMs: T, lastEventMs: 0, ...more }
}

function report(watches: readonly WatchState[], more: Partial<WatchReport> = {}): WatchReport {
  const objects = { pod: 1, endpoint: 0, node: 0, service: 0, namespace: 0, workload_entry: 0 }
  const store = { objects, bindings: 0, journalBytes: 0, liveBytes: 0, tableBytes: 0, generation: 1, refused: 0 }
  return { isSynced: true, accessError: '', watches, totals: [], refused: {}, lastFailure: '', store, waitingPods: 0, ...more }
}

test.for<{ readonly name: string; readonly of: WatchReport; readonly isOverdue?: boolean; readonly error?: string }>([
  { name: 'good when everything is followed', of: report([watch('pods', 'synced'), watch('serviceentries', 'absent')]) },
  { name: 'good while the first lists come in time', of: report([watch('pods', 'listing')], { isSynced: false }) },
  {
    name: 'degraded when they do not',
    of: report([watch('pods', 'listing'), watch('services', 'synced')], { isSynced: false }),
    isOverdue: true,
    error: 'not listed completely yet: pods (since 2026-01-01T00:00:00.000Z)',
  },
  { name: 'good when something is listed again later', of: report([watch('pods', 'listing')]), isOverdue: true },
  {
    name: 'degraded once for all watches that a dead server has ended',
    of: report([watch('pods', 'retrying', { error: 'down', sinceMs: T + 5 }), watch('services', 'retrying', { error: 'down' })]),
    error: 'down (since 2026-01-01T00:00:00.000Z)',
  },
  {
    name: 'degraded by everything that is missing',
    of: report([watch('pods', 'forbidden', { error: 'RBAC: missing watch on pods' }), watch('nodes', 'forbidden', { error: 'RBAC: missing watch on nodes' })]),
    error: 'RBAC: missing watch on pods (since 2026-01-01T00:00:00.000Z); RBAC: missing watch on nodes (since 2026-01-01T00:00:00.000Z)',
  },
  { name: 'degraded without access', of: report([], { accessError: 'no token', isSynced: false }), error: 'no token' },
])('is $name', ({ of, isOverdue = false, error }) => {
  expect(healthOf(of, isOverdue)).toEqual(error === undefined ? { kind: 'ok' } : { kind: 'recoverable_error', error, staysReady: true })
})

test('the log tells when something begins to fail and when it goes on, and not what is in between', () => {
  const log = new FakeLogger()
  const lines = new WatchLog(log)
  const pods = (state: string, error = ''): WatchReport => report([watch('pods', state, { error, of: 'shop' })])
  lines.note(report([], { accessError: 'no token', isSynced: false }))
  lines.note(report([], { accessError: 'no token', isSynced: false }))
  lines.note(pods('synced'))
  lines.note(pods('retrying', 'down'))
  lines.note(pods('retrying', 'still down'))
  lines.note(pods('listing'))
  lines.note(pods('synced'))
  lines.note(pods('forbidden', 'RBAC: missing watch on pods'))
  lines.note({ ...pods('forbidden', 'RBAC: missing watch on pods'), lastFailure: 'pods shop/x: BUG' })
  expect(log.lines.map(({ level, message, fields }) => [level, message, fields['watch'] ?? fields['error'] ?? fields['object'] ?? ''])).toEqual([
    ['error', 'no access to the API server', 'no token'],
    ['info', 'everything watched has been listed', ''],
    ['warn', 'watch interrupted', 'pods in shop'],
    ['info', 'watch goes on', 'pods in shop'],
    ['warn', 'watch is not allowed', 'pods in shop'],
    ['error', 'object left out by a fault of the program', 'pods shop/x: BUG'],
  ])
})
