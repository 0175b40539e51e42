import type { Registry } from '../../../component/spec.ts'
import { type ConfigFlags, loadOrReport } from '../cli_config.ts'
import type { CliIo } from '../cli_io.ts'
import { EXIT } from '../exit_codes.ts'
import { type EmfExplanation, explanationText } from './explanation_text.ts'
import { type InputFile, readInput } from './input_file.ts'
import { type Prices, Tally } from './tally.ts'
import { exportersOf, inputGraph, sampleGraph } from './trial_graph.ts'
import { type TrialResult, TrialRun } from './trial_run.ts'

/** The flags of `meshscope emf explain`. */
export interface ExplainEmfFlags extends ConfigFlags {
  readonly input?: string
  readonly exporter?: string
  readonly documents: number
  /** Milliseconds. */
  readonly interval: number
  readonly priceMetric: number
  readonly priceGb: number
  readonly format: 'text' | 'json'
}

/** `meshscope emf explain`: prints what the awsemf exporters of a config would send, and its price; returns the exit code. */
export async function explainEmf(flags: ExplainEmfFlags, { registry, io }: { readonly registry: Registry; readonly io: CliIo }): Promise<number> {
  const loaded = loadOrReport(flags, { registry, io })
  if (typeof loaded === 'number') return loaded
  const { spec } = loaded.result
  const ids = exportersOf(spec, 'awsemf').map(({ id }) => id.text)
  const wanted = flags.exporter === undefined ? ids : ids.filter((id) => id === flags.exporter)
  if (wanted.length === 0) {
    const expected = ids.length === 0 ? 'an exporter awsemf in a metrics pipeline' : `one of ${ids.join(', ')}`
    io.err(`meshscope: nothing to explain\n  expected  ${expected}\n  found     ${flags.exporter ?? 'none'}\n`)
    return EXIT.config
  }
  const input = flags.input === undefined ? undefined : readInput(flags.input, Date.now())
  if (input !== undefined && 'problem' in input) {
    io.err(`meshscope: ${input.problem}\n`)
    return EXIT.failed
  }
  const graph = input === undefined ? sampleGraph(spec, wanted, registry) : inputGraph(spec, wanted, registry)
  const run = new TrialRun(graph.spec, registry)
  let results: ReadonlyMap<string, TrialResult>
  try {
    results = await resultsOf(run, input)
  } catch (error) {
    io.err(`meshscope: cannot try the config: ${(error as Error).message}\n`)
    return EXIT.start
  }
  const prices = { metric: flags.priceMetric, gib: flags.priceGb, intervalMs: flags.interval }
  const explanations = wanted.map((id) => explanationOf(id, results.get(id), { prices, documents: flags.documents }))
  const notes = [...graph.notes, ...run.warnings]
  io.out(
    flags.format === 'json' ? `${JSON.stringify({ exporters: explanations, prices, notes }, null, 2)}\n` : explanationText(explanations, { prices, notes }),
  )
  return explanations.some(({ documents }) => documents > 0) ? EXIT.ok : EXIT.failed
}

async function resultsOf(run: TrialRun, input: Extract<InputFile, { readonly batches: unknown }> | undefined): Promise<ReadonlyMap<string, TrialResult>> {
  return input === undefined ? await run.onSample() : await run.onInput(input)
}

function explanationOf(id: string, result: TrialResult | undefined, asked: { readonly prices: Prices; readonly documents: number }): EmfExplanation {
  const { documents, dropped } = result ?? { documents: [], dropped: {} }
  const tally = new Tally()
  for (const { json } of documents) tally.add(json)
  return {
    exporter: `exporters.${id}`,
    documents: tally.documents,
    bytes: tally.bytes,
    shown: documents.slice(0, asked.documents),
    metrics: tally.rows(),
    dropped,
    estimate: tally.estimate(asked.prices),
  }
}
