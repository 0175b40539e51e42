import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { Registry } from '../../component/spec.ts'
import { jsonSchema } from '../../config/json_schema.ts'
import { didYouMean } from '../../lib/did_you_mean.ts'
import { type ConfigFlags, loadNamedOrReport, loadWithNamed, type RegistryLoading, withConfigFlags } from './cli_config.ts'
import type { CliIo } from './cli_io.ts'
import { listComponents } from './components_command.ts'
import { EXIT } from './exit_codes.ts'
import type { ExplainFlags, ExplainKind } from './explain.ts'
import { formatData, type PrintConfigFlags, printConfig } from './print_config.ts'
import type { RbacFlags } from './rbac.ts'
import { validate } from './validate.ts'
import { version } from './version.ts'

/** What the command line needs of the program. */
export interface CliContext {
  readonly registry: Registry
  /** Brings components into `registry`; absent where all are there. */
  readonly loading?: RegistryLoading
  readonly io: CliIo
}

/** What a command that is loaded late gets: where to write, and where to leave its exit code. */
interface LazyContext extends CliContext {
  readonly exit: (code: number) => void
}

/** Commands whose code is only loaded when they are called: they bring a simulator or a receiver's parser along. */
const LAZY: Readonly<Record<string, { readonly summary: string; readonly load: (context: LazyContext) => Promise<Command> }>> = {
  simulate: {
    summary: 'play a service mesh that sends real Envoy access logs',
    load: async () => (await import('./simulate/command.ts')).simulateCommand(),
  },
  demo: {
    summary: 'run the daemon and a simulated mesh together',
    load: async () => (await import('./demo.ts')).demoCommand(),
  },
  statsd: {
    summary: 'check a statsD mapping file, or see what becomes of a line',
    load: async (context) => (await import('./statsd/command.ts')).statsdCommand(context),
  },
  emf: {
    summary: 'see what is sent to CloudWatch, and what it costs',
    load: async (context) => (await import('./emf/command.ts')).emfCommand(context),
  },
}

/**
 * Runs one command line (without the program's name) and returns its exit code.
 *
 * Without a command, the flags are those of `run`, as with the Collector. Never ends the process itself.
 */
export async function runCli(args: readonly string[], context: CliContext): Promise<number> {
  // A daemon, which goes on for long, loads what its config names.
  const isRun = args[0] === undefined || args[0] === 'run' || args[0].startsWith('-')
  if (!isRun) await context.loading?.loadAll()
  const { program, outcome } = buildProgram(context)
  const lazy = await loadLazy(args, { ...context, exit: (code) => void (outcome.code = code) })
  for (const [name, { summary }] of Object.entries(LAZY)) {
    if (lazy?.name === name) program.addCommand(lazy.command.copyInheritedSettings(program))
    else program.command(name).summary(summary)
  }
  const unknown = unknownCommand(args, program)
  if (unknown !== undefined) {
    context.io.err(unknown)
    return EXIT.usage
  }
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    throw error
  }
  return outcome.code ?? Number(process.exitCode ?? EXIT.ok)
}

async function loadLazy(args: readonly string[], context: LazyContext): Promise<{ readonly name: string; readonly command: Command } | undefined> {
  const name = args[0] === 'help' ? args[1] : args[0]
  const entry = name !== undefined && Object.hasOwn(LAZY, name) ? LAZY[name] : undefined
  return name === undefined || entry === undefined ? undefined : { name, command: await entry.load(context) }
}

/** Commander would take a mistyped command for an argument of `run`, the default; say what was probably meant instead. */
function unknownCommand([first]: readonly string[], program: Command): string | undefined {
  const known = ['help', ...program.commands.map((command) => command.name())]
  if (first === undefined || first.startsWith('-') || known.includes(first)) return undefined
  const nearest = didYouMean(first, known)
  const isFile = /\.ya?ml$/.test(first)
  const hint = isFile ? `did you mean --config ${first}?` : nearest === undefined ? 'see meshscope --help' : `did you mean ${nearest}?`
  return `meshscope: unknown command ${JSON.stringify(first)}\n  expected  one of ${known.sort().join(', ')}\n  hint      ${hint}\n`
}

function buildProgram(context: CliContext): { readonly program: Command; readonly outcome: { code?: number } } {
  const { registry, io } = context
  const outcome: { code?: number } = {}
  const program = new Command('meshscope')
    .description('Telemetry collector for service meshes: Envoy access logs in, service metrics out.')
    .version(version(), '-v, --version', 'print the version')
    .helpOption('-h, --help', 'show help; also for one command: meshscope validate --help')
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err, getOutHasColors: () => false, getErrHasColors: () => false })
    .addHelpText('after', EXIT_HELP)
  addRun(program, context, outcome)
  withConfigFlags(program.command('validate').summary('check a config without starting anything'))
    .description('Checks a config and prints every problem with its place. Exits 0 when it is good and 2 when it is not.')
    .addHelpText(
      'after',
      examples('meshscope validate --config collector.yaml', 'meshscope validate --config base.yaml --config env:OVERLAY --set service.workers.threads=0'),
    )
    .action((flags: ConfigFlags) => void (outcome.code = validate(flags, context)))
  withConfigFlags(program.command('print-config').summary('print the config as it takes effect'))
    .description('Prints the merged and substituted config with all defaults. Secrets show as [REDACTED].')
    .addOption(formatOption())
    .option('--unredacted', 'print secrets too')
    .addHelpText(
      'after',
      examples('meshscope print-config --config collector.yaml', 'meshscope print-config --config collector.yaml --format json --unredacted'),
    )
    .action((flags: PrintConfigFlags) => void (outcome.code = printConfig(flags, context)))
  program
    .command('components')
    .summary('list the built-in components')
    .description('Lists every built-in component with its stability by signal.')
    .addOption(formatOption())
    .addHelpText('after', examples('meshscope components', 'meshscope components --format json'))
    .action((flags: { readonly format: 'yaml' | 'json' }) => void (outcome.code = listComponents(flags, context)))
  program
    .command('schema')
    .summary('print the JSON Schema of config files')
    .description('Prints one JSON Schema (draft 2020-12) for config files, for editors.')
    .addHelpText('after', examples('meshscope schema > meshscope.schema.json'))
    .action(() => {
      io.out(formatData(jsonSchema(registry.factories), 'json'))
      outcome.code = EXIT.ok
    })
  addKubernetes(program, context, outcome)
  return { program, outcome }
}

/** Commands about Kubernetes metadata; their code is loaded when they are called. */
function addKubernetes(program: Command, context: CliContext, outcome: { code?: number }): void {
  withConfigFlags(program.command('rbac').summary('print the Kubernetes rights that a config needs'))
    .description('Prints the ClusterRole, the Roles and their bindings that a config needs to read Kubernetes metadata, and nothing beyond them.')
    .option('--name <name>', 'name of the roles and bindings', 'meshscope')
    .option('--namespace <namespace>', 'namespace of the service account', 'meshscope')
    .option('--service-account <name>', 'name of the service account (default: the name of the roles)')
    .addHelpText('after', examples('meshscope rbac --config collector.yaml | kubectl apply -f -'))
    .action(async (flags: RbacFlags) => void (outcome.code = (await import('./rbac.ts')).printRights(flags, context)))
  program
    .command('explain')
    .summary('ask a running daemon what an address, pod or host is')
    .description('Asks a running daemon what an address was at a time, and why: every claim to it, and which one won. Also for a pod or a host name.')
    .argument('<kind>', 'what to ask about: ip, pod or host', oneOf('ip', 'pod', 'host'))
    .argument('<name>', 'the address (with a port: 10.1.2.3:8080, [fd00::1]:8080), the pod (namespace/name) or the host')
    .option('--at <time>', 'the time to ask for: RFC 3339, milliseconds since the epoch, or an age such as 90s (default: now)')
    .option('--endpoint <address>', 'where the daemon listens: host:port, or an http:// or https:// URL', 'localhost:13134')
    .option('--port <port>', 'only the port of the endpoint, on localhost')
    .option('--ca-file <path>', 'PEM file with the authority of a daemon that serves TLS')
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .addHelpText('after', examples('meshscope explain ip 10.1.2.3', 'meshscope explain ip 10.1.2.3:8080 --at 5m', 'meshscope explain pod shop/cart-0'))
    .action(async (kind: ExplainKind, name: string, flags: ExplainFlags) => {
      outcome.code = await (await import('./explain.ts')).explain({ kind, name }, flags, context.io)
    })
}

function oneOf<T extends string>(...allowed: readonly T[]): (value: string) => T {
  return (value) => {
    if ((allowed as readonly string[]).includes(value)) return value as T
    throw new InvalidArgumentError(`Expected one of ${allowed.join(', ')}.`)
  }
}

function addRun(program: Command, context: CliContext, outcome: { code?: number }): void {
  withConfigFlags(program.command('run', { isDefault: true }).summary('run the daemon (also without the word run)'))
    .description('Runs the daemon until SIGTERM or SIGINT. SIGHUP reads the config again; a bad one leaves everything as it is.')
    .option('--watch', 'read the config again whenever one of its files changes')
    .addHelpText(
      'after',
      examples('meshscope run --config collector.yaml', 'meshscope --config collector.yaml --watch --set service.telemetry.logs.level=debug'),
    )
    .action(async (flags: ConfigFlags & { readonly watch?: boolean }) => {
      const loaded = await loadNamedOrReport(flags, context)
      if (typeof loaded === 'number') {
        outcome.code = loaded
        return
      }
      const { request, result } = loaded
      const { runDaemon } = await import('./run.ts')
      outcome.code = await runDaemon({
        spec: result.spec,
        registry: context.registry,
        reload: () => loadWithNamed(request, context.loading),
        watchFiles: flags.watch === true ? result.files : [],
      })
    })
}

function formatOption(): Option {
  return new Option('--format <format>', 'how to print it').choices(['yaml', 'json']).default('yaml')
}

function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}\n`
}

const EXIT_HELP = `
Examples:
  meshscope run --config collector.yaml
  meshscope validate --config collector.yaml
  meshscope demo

Exit codes: ${EXIT.ok} done, ${EXIT.failed} failed, ${EXIT.config} bad config, ${EXIT.start} cannot start, ${EXIT.fatal} fatal error at run time, ${EXIT.drainMissed} drain deadline missed, ${EXIT.usage} bad command line
`
