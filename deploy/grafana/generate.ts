/**
 * Writes the dashboards into `dashboards/`, one file each: `node deploy/grafana/generate.ts`. The files are checked in, so that nobody
 * needs Node.js to use them; a test says when they are not what this makes.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { allDashboards } from './boards/all.ts'
import { fileText } from './file_text.ts'

const folder = join(import.meta.dirname, 'dashboards')
mkdirSync(folder, { recursive: true })
for (const file of readdirSync(folder)) rmSync(join(folder, file))
for (const [name, dashboard] of Object.entries(allDashboards())) writeFileSync(join(folder, `${name}.json`), fileText(dashboard))
console.log(`wrote ${Object.keys(allDashboards()).length} dashboards to ${folder}`)
