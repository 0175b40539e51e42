import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { obtainHelm } from '../test/interop/peers/helm.ts'
import { replaceBetween } from './docs_tables.ts'
import { CHART, exampleNames, goldenText, renderChart, renderedOf, valuesOf } from './manifests/chart.ts'
import { kustomizeFiles } from './manifests/kustomize.ts'
import { describeSchema, valueDocs, valuesTable } from './manifests/values_docs.ts'

// Writes everything under deploy/ that follows from the chart: the examples, deploy/kustomize/, the table of values in the
// chart's README and the descriptions in its schema. With --check it writes nothing and fails when something is not up to
// date. Helm is what --helm names, else it is built once with Go, as for the interop tests.
const root = join(import.meta.dirname, '..')
const { values: flags } = parseArgs({ options: { check: { type: 'boolean' }, helm: { type: 'string' } } })
const helm = flags.helm ?? (await obtainHelm())
const kustomize = join(root, 'deploy', 'kustomize')
const faults: string[] = []

const docs = valueDocs(readFileSync(join(CHART, 'values.yaml'), 'utf8'))
write(join(CHART, 'README.md'), readme())
write(join(CHART, 'values.schema.json'), schema())
for (const name of exampleNames()) write(renderedOf(name), goldenText(renderChart({ helm, valuesFile: valuesOf(name) })))

const files = kustomizeFiles(helm)
for (const [path, text] of files) write(join(kustomize, path), text)
for (const path of existsSync(kustomize) ? readdirSync(kustomize, { recursive: true, encoding: 'utf8' }) : []) {
  if (!path.endsWith('.yaml') || files.has(path)) continue
  if (flags.check === true) faults.push(`deploy/kustomize/${path} is made by nothing any more`)
  else rmSync(join(kustomize, path))
}
for (const fault of faults) process.stderr.write(`manifests: ${fault}; run node scripts/manifests.ts\n`)
if (faults.length > 0) process.exitCode = 1

function readme(): string {
  const text = replaceBetween(readFileSync(join(CHART, 'README.md'), 'utf8'), 'values', valuesTable(docs))
  if (text === undefined) throw new Error('the README of the chart has no lines <!-- values --> and <!-- /values -->')
  return text
}

function schema(): string {
  const text = readFileSync(join(CHART, 'values.schema.json'), 'utf8')
  const parsed = JSON.parse(text) as Parameters<typeof describeSchema>[0]
  const unknown = describeSchema(parsed, docs)
  for (const name of unknown) faults.push(`values.schema.json does not know ${name}`)
  const biome = join(root, 'node_modules', '.bin', 'biome')
  return execFileSync(biome, ['format', '--stdin-file-path=values.schema.json'], { cwd: root, input: JSON.stringify(parsed), encoding: 'utf8' })
}

function write(path: string, text: string): void {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return
  if (flags.check === true) {
    faults.push(`${path.slice(root.length + 1)} is not up to date`)
    return
  }
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  process.stdout.write(`wrote ${path.slice(root.length + 1)}\n`)
}
