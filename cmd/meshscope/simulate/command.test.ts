import { expect, test } from 'vitest'
import { simulateCommand, statusLine } from './command.ts'

test.for([
  { args: ['--rps', '0'], message: 'expected a number above 0' },
  { args: ['--rps', 'fast'], message: 'expected a number above 0' },
  { args: ['--duration', '60'], message: 'expected a time with its unit, such as 60s or 1m30s' },
  { args: ['--proxies', '1000'], message: 'expected a whole number from 1 to 200' },
  { args: ['--endpoint', 'localhost'], message: 'expected host:port, such as localhost:19001' },
  { args: ['--no-such-flag'], message: "unknown option '--no-such-flag'" },
])('refuses $args', async ({ args, message }) => {
  let output = ''
  const command = simulateCommand()
    .exitOverride()
    .configureOutput({ writeErr: (text) => void (output += text) })
  await expect(command.parseAsync(args, { from: 'user' })).rejects.toThrow(message)
  expect(output).toContain(message)
})

test('shows in its status line what happened since the last one', () => {
  const before = { requests: 100, sent: 500, lost: 0, unconfirmed: 0, streams: 9, lastProblem: '' }
  expect(statusLine({ ...before, requests: 150, sent: 760 }, before)).toBe('50 requests/s  260 entries/s  9 streams  760 sent  0 lost')
  expect(statusLine({ ...before, streams: 0, lost: 20, lastProblem: 'stream ended with UNAVAILABLE: gone' }, before)).toBe(
    '0 requests/s  0 entries/s  0 streams  500 sent  20 lost  (stream ended with UNAVAILABLE: gone)',
  )
})
