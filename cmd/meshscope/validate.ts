import type { Registry } from '../../component/spec.ts'
import { type ConfigFlags, loadOrReport } from './cli_config.ts'
import type { CliIo } from './cli_io.ts'
import { EXIT } from './exit_codes.ts'

/** `meshscope validate`: checks a config without starting anything, and says in one line what it would run. */
export function validate(flags: ConfigFlags, { registry, io }: { readonly registry: Registry; readonly io: CliIo }): number {
  const loaded = loadOrReport(flags, { registry, io })
  if (typeof loaded === 'number') return loaded
  const { spec } = loaded.result
  const count = [spec.receivers, spec.processors, spec.connectors, spec.exporters].reduce(
    (sum, section) => sum + Object.keys(section).length,
    spec.extensions.length,
  )
  io.out(`config is good: ${spec.pipelines.length} pipeline${spec.pipelines.length === 1 ? '' : 's'}, ${count} components\n`)
  return EXIT.ok
}
