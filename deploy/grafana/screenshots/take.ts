/**
 * Draws dashboards from the data of a Prometheus, into PNG files, with Chromium: no Grafana runs on a build machine. What comes out is
 * what the queries say in the places, units and colours of the dashboard; it is not what Grafana itself draws.
 *
 *   node deploy/grafana/screenshots/take.ts --prometheus http://localhost:9090 --dashboard mesh --out docs/images/mesh.png
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { allDashboards } from '../boards/all.ts'
import { panelsOf } from '../model.ts'
import { type Answer, askPanel } from './ask.ts'
import { renderPage } from './page.ts'

const { values: options } = parseArgs({
  options: {
    prometheus: { type: 'string', default: 'http://localhost:9090' },
    dashboard: { type: 'string', default: 'mesh' },
    out: { type: 'string' },
    minutes: { type: 'string', default: '15' },
    step: { type: 'string', default: '5' },
    // May be given several times: titles of the rows to show, and values of variables as name=value.
    row: { type: 'string', multiple: true, default: [] },
    var: { type: 'string', multiple: true, default: [] },
    chromium: { type: 'string', default: 'chromium' },
  },
})

const dashboard = allDashboards()[options.dashboard]
if (dashboard === undefined) throw new Error(`--dashboard ${options.dashboard} is none of ${Object.keys(allDashboards()).join(', ')}`)
const end = Math.floor(Date.now() / 1000)
const span = { start: end - Number(options.minutes) * 60, end, step: Number(options.step) }
const given = Object.fromEntries(options.var.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
const patterns = (dashboard.templating?.list ?? []).flatMap(({ name, allValue }) => (allValue === undefined ? [] : [[name, allValue]]))
const usual = { job: 'meshscope.*', reporter: 'source|waypoint' }
const variables = { __rate_interval: '1m', __interval: options.step, __range: `${options.minutes}m`, ...usual, ...Object.fromEntries(patterns), ...given }

const answers = new Map<number, readonly Answer[]>()
for (const panel of panelsOf(dashboard)) answers.set(panel.id ?? 0, await askPanel(panel, { url: options.prometheus, span, variables }))
const page = renderPage({ dashboard, rows: options.row, answers, variables, span })

const folder = mkdtempSync(join(tmpdir(), 'meshscope-screenshot-'))
try {
  const file = join(folder, 'page.html')
  writeFileSync(file, page.html)
  const out = resolve(options.out ?? `${options.dashboard}.png`)
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', `--user-data-dir=${join(folder, 'profile')}`]
  execFileSync(options.chromium, [...flags, `--window-size=${page.width},${page.height}`, `--screenshot=${out}`, `file://${file}`], {
    stdio: 'ignore',
    timeout: 60_000,
  })
  const isSmall = makeSmaller(out)
  console.log(`${out}: ${page.width} x ${page.height}${isSmall ? '' : '; pngquant (apt) would make it smaller'}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Leaves 128 colours, which are enough for these pictures; false when there is no pngquant. */
function makeSmaller(file: string): boolean {
  try {
    execFileSync('pngquant', ['--force', '--speed', '1', '--output', file, '128', file], { stdio: 'ignore', timeout: 60_000 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
