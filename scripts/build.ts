import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

// Makes dist/, or the folder that --out names: the source tree as JavaScript, with what the program needs beside it, so
// that `node dist/bin/meshscope.js …` does what `bin/meshscope.js` does in the checkout.
const root = join(import.meta.dirname, '..')
const dist = resolve(parseArgs({ options: { out: { type: 'string' } } }).values.out ?? join(root, 'dist'))

rmSync(dist, { recursive: true, force: true })
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const compiled = spawnSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', dist], { stdio: 'inherit' })
if (compiled.status !== 0) {
  process.stderr.write(`build: the TypeScript compiler found errors; ${dist} is incomplete\n`)
  process.exit(1)
}
for (const path of ['bin', join('deploy', 'examples'), 'LICENSE']) {
  if (existsSync(join(root, path))) cpSync(join(root, path), join(dist, path), { recursive: true })
}
writeFileSync(join(dist, 'package.json'), `${JSON.stringify(packageForUse(readFileSync(join(root, 'package.json'), 'utf8')), null, 2)}\n`)

/** The package as its users need it: without what is only for developing it. */
function packageForUse(text: string): Record<string, unknown> {
  const all = JSON.parse(text) as Record<string, unknown>
  const kept = ['name', 'version', 'private', 'description', 'license', 'type', 'engines', 'bin', 'dependencies']
  return Object.fromEntries(kept.filter((key) => key in all).map((key) => [key, all[key]]))
}
