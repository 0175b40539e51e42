import { Command, InvalidArgumentError, Option } from 'commander'
import type { Registry } from '../../../component/spec.ts'
import { parseDuration } from '../../../lib/duration.ts'
import { withConfigFlags } from '../cli_config.ts'
import type { CliIo } from '../cli_io.ts'
import { type ExplainEmfFlags, explainEmf } from './explain.ts'

/** What the commands need: the components, where to write, and where to leave the exit code. */
export interface EmfCommandContext {
  readonly registry: Registry
  readonly io: CliIo
  readonly exit: (code: number) => void
}

/** `meshscope emf`: what the awsemf exporters of a config would send, and what that would cost, without sending anything. */
export function emfCommand({ registry, io, exit }: EmfCommandContext): Command {
  const emf = new Command('emf')
    .description('See what the awsemf exporters of a config send to CloudWatch, and what that costs, without sending anything.')
    // Subcommands take these over when they are made, which is before the program can hand its own down.
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err, getOutHasColors: () => false, getErrHasColors: () => false })
  withConfigFlags(emf.command('explain').summary('see the documents, the metrics and the monthly price'))
    .description(
      'Runs the pipelines before each awsemf exporter once, on a file or on a sample of traffic, and prints the documents, the metrics that CloudWatch makes of them, and an estimate of the monthly price. Nothing is sent, and no account is needed.',
    )
    .option(
      '--input <file>',
      'a page in the exposition format of Prometheus, or metrics as lines of OTLP JSON; it enters the metrics pipelines before their processors',
    )
    .option('--exporter <id>', 'only this exporter, such as awsemf/alarms')
    .option('--documents <number>', 'how many documents of each exporter to print', whole, 1)
    .addOption(new Option('--interval <duration>', 'time between two flushes, for the estimate').argParser(duration).default(60_000, '60s'))
    .option('--price-metric <amount>', 'price of one custom metric a month', price, 0.3)
    .option('--price-gb <amount>', 'price of one GiB of logs taken in', price, 0.5)
    .addOption(new Option('--format <format>', 'how to print it').choices(['text', 'json']).default('text'))
    .addHelpText('after', EXPLAIN_HELP)
    .action(async (flags: ExplainEmfFlags) => exit(await explainEmf(flags, { registry, io })))
  return emf
}

function whole(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.')
  return Number(text)
}

function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms < 1000) throw new InvalidArgumentError('Expected a duration of at least one second, such as 60s.')
  return ms
}

function price(text: string): number {
  const amount = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text) || !Number.isFinite(amount)) throw new InvalidArgumentError('Expected an amount, such as 0.30.')
  return amount
}

const EXPLAIN_HELP = `
Without --input a sample comes in: receivers envoyals get the access logs of a simulated mesh (Istio's Bookinfo), receivers statsd
the stats of an Envoy, or lines of applications. How many metrics there are depends on what your mesh has: for numbers that hold,
give a page of your own, such as that of a prometheus exporter in the same pipeline.

The prices are those of the first tier in us-east-1 without free quotas; give your own. A metric is billed for the hours in which
it has data, here for all 730 of a month.

Exits 0 when there are documents, 1 when there are none, 2 when the config is not good.

Examples:
  meshscope emf explain --config collector.yaml
  meshscope emf explain --config collector.yaml --input page.txt --documents 3
  meshscope emf explain --config collector.yaml --input metrics.json --interval 5m --price-metric 0.10 --format json
`
