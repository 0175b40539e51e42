import { runDaemon } from '../../cmd/meshscope/run.ts'
import { loadConfig } from '../../config/load.ts'
import { healthCheckExtension } from '../../extensions/health_check/factory.ts'
import { fakeRegistry } from './components.ts'

/** The daemon with the components of `components.ts`, as a program: `node daemon.ts <config file> [--watch]`. */
const [, , file = '', watch] = process.argv
const registry = { factories: [...fakeRegistry.factories, healthCheckExtension] }
const load = () => loadConfig({ sources: [file], registry, env: process.env })
const { spec, problems, files } = load()
if (spec === undefined) throw new Error(`bad config: ${JSON.stringify(problems)}`)
process.exitCode = await runDaemon({
  spec,
  registry,
  reload: load,
  watchFiles: watch === '--watch' ? files : [],
  workerEntry: new URL('./ingest_worker.ts', import.meta.url),
})
