import type { Command } from 'commander'
import type { Registry } from '../../component/spec.ts'
import { type LoadRequest, type LoadResult, loadConfig, namedComponents } from '../../config/load.ts'
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

/** Brings components into a registry. */
export interface RegistryLoading {
  /** Those of these kinds and types, or aliases, and what comes with them. */
  loadNamed(names: ReturnType<typeof namedComponents>): Promise<void>
  loadAll(): Promise<void>
}

/** What loading came to: the request, which can be made again, and a checked config. */
export interface Loaded {
  readonly request: LoadRequest
  readonly result: Required<LoadResult>
}

/** Loads the config that the flags name. On problems they are written and the exit code comes back instead; warnings are only written. */
export function loadOrReport(flags: ConfigFlags, context: { readonly registry: Registry; readonly io: CliIo }): Loaded | number {
  const request = requestOf(flags, context)
  return typeof request === 'number' ? request : reported(request, loadConfig(request), context.io)
}

/** The same with the components that the config names, where they have to be loaded. */
export async function loadNamedOrReport(
  flags: ConfigFlags,
  context: { readonly registry: Registry; readonly loading?: RegistryLoading; readonly io: CliIo },
): Promise<Loaded | number> {
  const request = requestOf(flags, context)
  return typeof request === 'number' ? request : reported(request, await loadWithNamed(request, context.loading), context.io)
}

/** Loads a config with the components that it names; with all where it has problems, so that these say what there would be. */
export async function loadWithNamed(request: LoadRequest, loading: RegistryLoading | undefined): Promise<LoadResult> {
  await loading?.loadNamed(namedComponents(request))
  const result = loadConfig(request)
  if (loading === undefined || result.problems.length === 0) return result
  await loading.loadAll()
  return loadConfig(request)
}

function requestOf(flags: ConfigFlags, { registry, io }: { readonly registry: Registry; readonly io: CliIo }): LoadRequest | number {
  if (flags.config === undefined) {
    io.err('meshscope: no config given\n  expected  --config <source>, such as --config collector.yaml\n  hint      see meshscope run --help\n')
    return EXIT.usage
  }
  return { sources: flags.config, overrides: flags.set ?? [], registry, env: io.env }
}

function reported(request: LoadRequest, result: LoadResult, io: CliIo): Loaded | number {
  writeProblems(result, io)
  const { spec, config } = result
  return spec === undefined || config === undefined ? EXIT.config : { request, result: { ...result, spec, config } }
}
