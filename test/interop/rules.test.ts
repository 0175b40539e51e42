import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { suite } from './suite.ts'

const FOLDER = join(import.meta.dirname, '../../deploy/prometheus')

function filesOf(folder: string): string[] {
  const names = readdirSync(join(FOLDER, folder)).filter((name) => name.endsWith('.yaml'))
  return names.map((name) => join(folder, name))
}

suite('the rules for Prometheus', ['promtool'], ({ promtool }) => {
  const run = (...args: readonly string[]): { readonly status: number | null; readonly output: string } => {
    const { status, stdout, stderr } = spawnSync(promtool, args, { cwd: FOLDER, encoding: 'utf8', timeout: 120_000 })
    return { status, output: `${stdout}${stderr}` }
  }

  test.for(filesOf('rules'))('%s is good to promtool, lint included', (file) => {
    const { status, output } = run('check', 'rules', '--lint-fatal', file)
    expect({ status, output }).toMatchObject({ status: 0 })
    expect(output).toMatch(/SUCCESS: \d+ rules found/)
  })

  describe('tests of promtool', () => {
    test.for(filesOf('tests'))('%s passes', (file) => {
      const { status, output } = run('test', 'rules', file)
      expect({ status, output }).toMatchObject({ status: 0 })
      expect(output).toMatch(/SUCCESS/)
    })
  })
})
