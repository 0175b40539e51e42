import { assertNodeVersion } from '../../lib/node_version.ts'
import { runCli } from './cli.ts'
import { processIo } from './cli_io.ts'
import { registry } from './components.ts'
import { EXIT } from './exit_codes.ts'

try {
  assertNodeVersion()
  process.exitCode = await runCli(process.argv.slice(2), { registry, io: processIo() })
} catch (error) {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`meshscope: ${text}\n`)
  process.exitCode = EXIT.failed
}
