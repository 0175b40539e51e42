/** `npm run bench` lists the benchmarks with their first sentence; `npm run bench -- NAME [options]` runs one. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Parts of benchmarks that do nothing by themselves. */
const PARTS = new Set([
  'run',
  'daemon_process',
  'kubernetes_api',
  'kubernetes_cluster',
  'kubernetes_pod',
  'load_connection',
  'otlp_load',
  'otlp_programs',
  'otlp_requests',
  'otlp_sink',
  'statsd_bare',
  'statsd_collector',
  'statsd_load',
  'statsd_receivers',
  'load_messages',
  'identity_pods',
  'identity_reader',
])

const [name, ...options] = process.argv.slice(2)
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map((file) => file.slice(0, -3))
  .filter((file) => !PARTS.has(file))

if (name === undefined) {
  for (const one of names) console.log(`${one.padEnd(18)} ${summaryOf(one)}`)
} else if (names.includes(name)) {
  const child = spawn(process.execPath, [join(import.meta.dirname, `${name}.ts`), ...options], { stdio: 'inherit' })
  child.once('exit', (code) => {
    process.exitCode = code ?? 1
  })
} else {
  console.error(`no benchmark is called ${name}; there are ${names.join(', ')}`)
  process.exitCode = 1
}

/** The first sentence of the comment at the top of the file. */
function summaryOf(file: string): string {
  const text = readFileSync(join(import.meta.dirname, `${file}.ts`), 'utf8')
  const comment = /\/\*\*([\s\S]*?)\*\//.exec(text)?.[1] ?? ''
  const words = comment
    .replace(/^\s*\* ?/gm, '')
    .replace(/\s+/g, ' ')
    .trim()
  return (words.split(/(?<=[.:])\s/)[0] ?? '').replace(/:$/, '.')
}
