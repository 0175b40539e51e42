import type { Factory } from '../../component/factory.ts'
import type { Registry } from '../../component/spec.ts'
import { kindOf, SECTIONS } from '../../config/ids.ts'
import type { CliIo } from './cli_io.ts'
import { EXIT } from './exit_codes.ts'
import { formatData } from './print_config.ts'
import { version } from './version.ts'

/** `meshscope components`: what is built in, in the form of the Collector's command of that name. */
export function listComponents(
  { format }: { readonly format: 'yaml' | 'json' },
  { registry, io }: { readonly registry: Registry; readonly io: CliIo },
): number {
  const sections = SECTIONS.map((section) => {
    const ofKind = registry.factories.filter(({ kind }) => kind === kindOf(section))
    return [section, ofKind.map(describe)]
  })
  const buildinfo = { command: 'meshscope', description: 'Telemetry collector for service meshes', version: version() }
  io.out(formatData({ buildinfo, ...Object.fromEntries(sections) }, format))
  return EXIT.ok
}

function describe(factory: Factory): unknown {
  const aliases = factory.aliases === undefined || factory.aliases.length === 0 ? {} : { aliases: factory.aliases }
  return { name: factory.type, description: factory.description, ...aliases, stability: stabilityOf(factory) }
}

/** Stability by signal; for a connector by the pair of signals, for an extension as one word. */
export function stabilityOf(factory: Factory): unknown {
  if (factory.kind === 'extension') return { extension: factory.stability }
  if (factory.kind === 'connector') return { [`${factory.from}-to-${factory.to}`]: factory.stability }
  return factory.stability
}
