import { stringify } from 'yaml'
import type { Registry } from '../../component/spec.ts'
import { printableConfig } from '../../config/printable.ts'
import { type ConfigFlags, loadOrReport } from './cli_config.ts'
import type { CliIo } from './cli_io.ts'
import { EXIT } from './exit_codes.ts'

/** The flags of `meshscope print-config`. */
export interface PrintConfigFlags extends ConfigFlags {
  readonly format: 'yaml' | 'json'
  readonly unredacted?: boolean
}

/** `meshscope print-config`: the whole config as it takes effect, secrets hidden unless asked for. */
export function printConfig(flags: PrintConfigFlags, { registry, io }: { readonly registry: Registry; readonly io: CliIo }): number {
  const loaded = loadOrReport(flags, { registry, io })
  if (typeof loaded === 'number') return loaded
  const printable = printableConfig(loaded.result.config, { isUnredacted: flags.unredacted === true })
  io.out(formatData(printable, flags.format))
  return EXIT.ok
}

/** Data as YAML or JSON text, ending in a line break. */
export function formatData(data: unknown, format: 'yaml' | 'json'): string {
  return format === 'json' ? `${JSON.stringify(data, null, 2)}\n` : stringify(data, { lineWidth: 0, aliasDuplicateObjects: false })
}
