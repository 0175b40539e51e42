import { expect, test } from 'vitest'
import type { StatusKind } from '../component/component.ts'
import { StatusBoard } from './status.ts'

const owner = { key: 'k', address: 'exporters.x', kind: 'exporter' }

test.for<{ name: string; kinds: StatusKind[]; last: StatusKind }>([
  { name: 'a component that recovers is well again', kinds: ['starting', 'ok', 'recoverable_error', 'ok'], last: 'ok' },
  { name: 'a permanent error does not go away', kinds: ['starting', 'ok', 'permanent_error', 'ok', 'recoverable_error'], last: 'permanent_error' },
  { name: 'a report after the stop is ignored', kinds: ['starting', 'ok', 'stopping', 'ok', 'stopped', 'recoverable_error'], last: 'stopped' },
])('$name', ({ kinds, last }) => {
  const board = new StatusBoard(
    () => 1,
    () => {},
  )
  for (const kind of kinds) board.set(owner, { kind })
  expect(board.views()).toEqual([{ address: 'exporters.x', kind: 'exporter', status: { kind: last }, since: 1 }])
})

test('a fatal error is told once, with its reason', () => {
  const fatal: string[] = []
  const board = new StatusBoard(
    () => 1,
    (address, error) => fatal.push(`${address}: ${error}`),
  )
  board.set(owner, { kind: 'ok' })
  board.set(owner, { kind: 'fatal_error', error: 'disk is gone' })
  board.set(owner, { kind: 'fatal_error', error: 'again' })
  expect(fatal).toEqual(['exporters.x: disk is gone'])
})

test('all is well only when there is something and every part is', () => {
  let now = 5
  const board = new StatusBoard(
    () => now,
    () => {},
  )
  expect(board.isAllOk).toBe(false)
  board.set(owner, { kind: 'ok' })
  board.set({ ...owner, key: 'life 1 k', worker: 0 }, { kind: 'recoverable_error', error: 'one' })
  expect(board.isAllOk).toBe(false)
  now = 9
  board.set({ ...owner, key: 'life 1 k', worker: 0 }, { kind: 'recoverable_error', error: 'two' })
  expect(board.views()[1]).toEqual({ address: 'exporters.x', kind: 'exporter', worker: 0, status: { kind: 'recoverable_error', error: 'two' }, since: 5 })
  board.removeAll('life 1 ')
  expect(board.isAllOk).toBe(true)
  board.remove('k')
  expect(board.views()).toEqual([])
})

test('a recoverable error that keeps no data out leaves all well', () => {
  const board = new StatusBoard(
    () => 1,
    () => {},
  )
  board.set(owner, { kind: 'ok' })
  board.set(owner, { kind: 'recoverable_error', error: 'no answer', staysReady: true })
  expect(board.isAllOk).toBe(true)
  board.set(owner, { kind: 'permanent_error', error: 'gone', staysReady: true })
  expect(board.isAllOk).toBe(false)
})
