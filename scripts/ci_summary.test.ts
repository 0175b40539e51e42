import { describe, expect, test } from 'vitest'
import { closing, isAllSkipped, skipReasons, summarize, type VitestReport } from './ci_summary.ts'

function report(tests: Readonly<Record<string, string>>, file: { status?: string; message?: string; success?: boolean } = {}): VitestReport {
  const assertionResults = Object.entries(tests).map(([fullName, status]) => ({ fullName, status }))
  const isFailed = assertionResults.some((one) => one.status === 'failed')
  const result = { name: 'a.test.ts', status: file.status ?? (isFailed ? 'failed' : 'passed'), assertionResults }
  const testResults = [file.message === undefined ? result : { ...result, message: file.message }]
  return { success: file.success ?? (!isFailed && file.status !== 'failed'), testResults }
}

describe('summarize', () => {
  test('adds up several reports', () => {
    const reports = [report({ a: 'passed', b: 'failed', c: 'skipped' }), report({ d: 'passed', e: 'todo', f: 'pending' })]
    expect(summarize(reports)).toEqual({ passed: 2, failed: 1, skipped: 3, skips: ['c', 'e', 'f'], failures: ['b'] })
  })

  test('counts a file that failed outside its tests once', () => {
    expect(summarize([report({ a: 'skipped' }, { status: 'failed', message: 'cannot find x' })])).toMatchObject({
      failed: 1,
      failures: ['a.test.ts: cannot find x'],
    })
  })

  test('counts an unsuccessful run that names no test', () => {
    expect(summarize([report({ a: 'passed' }, { success: false })])).toMatchObject({ passed: 1, failed: 1 })
  })
})

describe('closing', () => {
  test.for([
    { name: 'all passed', reports: [report({ a: 'passed' })], failedSteps: 0, line: '1 passed, 0 failed, 0 skipped', exitCode: 0 },
    { name: 'a failed test', reports: [report({ a: 'failed' })], failedSteps: 0, line: '0 passed, 1 failed, 0 skipped', exitCode: 1 },
    { name: 'a failed step', reports: [report({ a: 'passed' })], failedSteps: 2, line: '1 passed, 2 failed, 0 skipped', exitCode: 1 },
    { name: 'no tests at all', reports: [], failedSteps: 0, line: '0 passed, 0 failed, 0 skipped', exitCode: 1 },
  ])('ends with the sums: $name', ({ reports, failedSteps, line, exitCode }) => {
    const outcome = closing(reports, { failedSteps })
    expect(outcome.lines.at(-1)).toBe(line)
    expect(outcome.exitCode).toBe(exitCode)
  })

  test('fails when every interop test was skipped, and says why they were', () => {
    const interop = report({
      'a bad file exits 2': 'passed',
      'counts [skipped, envoy: pip ended with 1] every code': 'skipped',
      'load [skipped, wrk: no apt-get]': 'skipped',
    })
    const outcome = closing([report({ a: 'passed' })], { failedSteps: 0, interop })
    expect(outcome).toEqual({
      lines: [
        'skipped: envoy: pip ended with 1',
        'skipped: wrk: no apt-get',
        'failed: every interop test was skipped, so nothing was proved against a real peer',
        '2 passed, 1 failed, 2 skipped',
      ],
      exitCode: 1,
    })
  })

  test('passes when some interop tests ran', () => {
    const interop = report({ 'counts [with envoy] every code': 'passed', 'b [skipped, envoy: no]': 'skipped' })
    expect(closing([], { failedSteps: 0, interop }).exitCode).toBe(0)
  })
})

test('a report in which a test failed is not all skipped', () => {
  expect(isAllSkipped(report({ 'counts [with envoy] every code': 'failed' }))).toBe(false)
})

test('names a skip that gives no reason', () => {
  expect(skipReasons(['x does y'])).toEqual(['no reason given: x does y'])
})
