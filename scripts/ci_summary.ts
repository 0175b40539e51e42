/** Counts the tests of several Vitest JSON reports: `node scripts/ci_summary.ts REPORT… [--failed-steps N] [--interop REPORT]`. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** The part of a Vitest JSON report (`--reporter=json`, Jest's format) that is counted. */
export interface VitestReport {
  readonly success: boolean
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[]
  }[]
}

export interface Summary {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  /** Full names of what was skipped; suites carry their reason in the name. */
  readonly skips: readonly string[]
  readonly failures: readonly string[]
}

/**
 * Adds reports up. A file that failed without a failed test (it does not load, or a hook threw) counts as one failure,
 * and so does a report that calls itself unsuccessful without saying where.
 */
export function summarize(reports: readonly VitestReport[]): Summary {
  const skips: string[] = []
  const failures: string[] = []
  let passed = 0
  for (const report of reports) {
    const before = failures.length
    for (const file of report.testResults) {
      const failed = file.assertionResults.filter((test) => test.status === 'failed')
      passed += file.assertionResults.filter((test) => test.status === 'passed').length
      skips.push(...file.assertionResults.filter((test) => !isRun(test.status)).map((test) => test.fullName))
      failures.push(...failed.map((test) => test.fullName))
      if (file.status === 'failed' && failed.length === 0)
        failures.push(`${file.name}: ${file.message === undefined || file.message === '' ? 'failed outside its tests' : file.message}`)
    }
    if (!report.success && failures.length === before) failures.push('a run failed outside its test files')
  }
  return { passed, failed: failures.length, skipped: skips.length, skips, failures }
}

/**
 * True when no test that takes part with a real peer ran: peers that are all missing must not look like success. The
 * suites say so in their names, `[with …]` or `[skipped, …]`; tests that need no peer do not count.
 */
export function isAllSkipped(report: VitestReport): boolean {
  return !report.testResults.some((file) => file.assertionResults.some((test) => test.fullName.includes('[with ') && isRun(test.status)))
}

function isRun(status: string): boolean {
  return status === 'passed' || status === 'failed'
}

/** What `[skipped, …]` in a test's name says, once each. */
export function skipReasons(skips: readonly string[]): readonly string[] {
  return [...new Set(skips.map((name) => /\[skipped, (.*?)\](?: |$)/.exec(name)?.[1] ?? `no reason given: ${name}`))]
}

interface Outcome {
  readonly lines: readonly string[]
  readonly exitCode: number
}

/** What to print, the closing line last, and how to end. A step that failed without a report counts as one failure. */
export function closing(reports: readonly VitestReport[], options: { readonly failedSteps: number; readonly interop?: VitestReport }): Outcome {
  const summary = summarize(options.interop === undefined ? reports : [...reports, options.interop])
  const lines = [...summary.failures.map((name) => `failed: ${name}`), ...skipReasons(summary.skips).map((reason) => `skipped: ${reason}`)]
  let failed = summary.failed + options.failedSteps
  if (options.interop !== undefined && isAllSkipped(options.interop)) {
    lines.push('failed: every interop test was skipped, so nothing was proved against a real peer')
    failed++
  }
  lines.push(`${summary.passed} passed, ${failed} failed, ${summary.skipped} skipped`)
  return { lines, exitCode: failed === 0 && summary.passed > 0 ? 0 : 1 }
}

function read(path: string): VitestReport {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as VitestReport
  } catch {
    // A run that never wrote its report is a failure that must show, with its name.
    return { success: false, testResults: [{ name: path, status: 'failed', message: 'no report was written', assertionResults: [] }] }
  }
}

function main(args: readonly string[]): number {
  const reports: VitestReport[] = []
  let failedSteps = 0
  let interop: VitestReport | undefined
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string
    if (arg === '--failed-steps') failedSteps = Number(args[++at])
    else if (arg === '--interop') interop = read(args[++at] as string)
    else reports.push(read(arg))
  }
  const { lines, exitCode } = closing(reports, interop === undefined ? { failedSteps } : { failedSteps, interop })
  for (const line of lines) console.log(line)
  return exitCode
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2))
