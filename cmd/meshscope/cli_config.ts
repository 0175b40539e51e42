import type { Command } from 'commander'
import type { Registry } from '../../component/spec.ts'
import { type LoadRequest, type LoadResult, loadConfig } from '../../config/load.ts'
import { type CliIo, writeProblems } from './cli_io.ts'
import { EXIT } from './exit_codes.ts'

/** The options of every command that reads a config. */
export interface ConfigFlags {
  readonly config?: readonly string[]
  readonly set?: readonly string[]
}

/** Adds `--config` and `--set`. */
export function withConfigFlags(command: Command): Command {
  const collect = (value: string, previous: readonly string[] = []): readonly string[] => [...previous, value]
  return command
    .option(
      '-c, --config <source>',
      'config source: a path, file:path, env:NAME or yaml:text; given several times, later ones are laid on earlier ones',
      collect,
    )
    .option('-s, --set <key=value>', 'one setting on top of the config, such as exporters.debug.verbosity=detailed; may be given several times', collect)
}

/** Loads the config that the flags name. On problems they are written and the exit code comes back instead; warnings are only written. */
export function loadOrReport(
  flags: ConfigFlags,
  { registry, io }: { readonly registry: Registry; readonly io: CliIo },
): { readonly request: LoadRequest; readonly result: Required<LoadResult> } | number {
  if (flags.config === undefined) {
    io.err('meshscope: no config given\n  expected  --config <source>, such as --config collector.yaml\n  hint      see meshscope run --help\n')
    return EXIT.usage
  }
  const request: LoadRequest = { sources: flags.config, overrides: flags.set ?? [], registry, env: io.env }
  const result = loadConfig(request)
  writeProblems(result, io)
  const { spec, config } = result
  return spec === undefined || config === undefined ? EXIT.config : { request, result: { ...result, spec, config } }
}
