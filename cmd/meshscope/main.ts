import { assertNodeVersion } from '../../lib/node_version.ts'
import { runCli } from './cli.ts'
import { processIo } from './cli_io.ts'
import { BuiltIn } from './components_of.ts'
import { EXIT } from './exit_codes.ts'

try {
  assertNodeVersion()
  const registry = new BuiltIn()
  process.exitCode = await runCli(process.argv.slice(2), { registry, loading: registry, io: processIo() })
} catch (error) {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`meshscope: ${text}\n`)
  process.exitCode = EXIT.failed
}
