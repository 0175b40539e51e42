import { Command, Option } from 'commander'
import type { CliIo } from '../cli_io.ts'
import { checkMappingFile } from './check_mapping.ts'
import { DIALECTS, type ExplainLineFlags, explainLine } from './explain_line.ts'

/** What the commands need: where to write, and where to leave the exit code. */
export interface StatsdCommandContext {
  readonly io: CliIo
  readonly exit: (code: number) => void
}

/** `meshscope statsd`: what the statsD receiver would make of a mapping file or of a line, without running it. */
export function statsdCommand({ io, exit }: StatsdCommandContext): Command {
  const statsd = new Command('statsd')
    .description('See what the statsd receiver makes of a mapping file or of a line, without running it.')
    // Subcommands take these over when they are made, which is before the program can hand its own down.
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err, getOutHasColors: () => false, getErrHasColors: () => false })
  statsd
    .command('check-mapping')
    .summary('check a statsd_exporter mapping file')
    .description('Checks a mapping file in the form of statsd_exporter: every problem with its place, and rules that are never reached.')
    .argument('<file>', 'the mapping file')
    .addHelpText(
      'after',
      '\nExits 0 when the mapping is good, also with warnings, and 2 when it is not.\n\nExamples:\n  meshscope statsd check-mapping statsd_mapping.yml\n',
    )
    .action((file: string) => exit(checkMappingFile(file, io)))
  statsd
    .command('explain')
    .summary('see what becomes of a statsD line')
    .description('Reads one line as the receiver would: its samples, the rule that names each and why the others do not, the metric and its labels.')
    .argument('<line>', 'the line, in quotes')
    .option('--mapping <file>', 'a mapping file in the form of statsd_exporter')
    .addOption(new Option('--dialect <dialect>', 'how to read the line').choices(DIALECTS).default('lenient'))
    .addOption(new Option('--profile <profile>', 'name what a proxy sends as the proxy itself does').choices(['envoy']))
    .option('--prefix <prefix>', 'with --profile envoy: the prefix of the stats sink', 'envoy')
    .addOption(new Option('--dotted-names <names>', 'with --profile envoy: envoy_dotted_names').choices(['istio', 'all', 'none']).default('istio'))
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .addHelpText('after', EXPLAIN_HELP)
    .action((line: string, flags: ExplainLineFlags) => exit(explainLine(line, flags, io)))
  return statsd
}

const EXPLAIN_HELP = `
Exits 0 when the line is taken, 1 when it is not, and 2 when the mapping file is not good.

Examples:
  meshscope statsd explain 'shop.cart.add:1|c|#env:prod'
  meshscope statsd explain 'test.dispatcher.a.b.c:3|ms' --mapping statsd_mapping.yml --dialect statsd_exporter
  meshscope statsd explain 'envoy.cluster.shop.upstream_rq_200:7|c' --profile envoy --format json
`
