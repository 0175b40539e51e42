import { readFileSync } from 'node:fs'
import { AttributeSet } from '../../../model/attributes.ts'
import type { DataPoints } from '../../../model/data_points.ts'
import { parseMetricsJson } from '../../../model/otlp/json.ts'
import { PageParser } from '../../../receivers/prometheus/page/page_parser.ts'
import { TargetSeries } from '../../../receivers/prometheus/page/target_series.ts'

/** Metrics of a file, or what is wrong with it. */
export type InputFile = { readonly batches: readonly DataPoints[] } | { readonly problem: string }

/**
 * Reads metrics: lines of OTLP JSON when the file begins with a brace, else a page in the exposition format (of OpenMetrics when it
 * ends as such). Values without a time get `nowMs`, milliseconds since the epoch.
 */
export function readInput(file: string, nowMs: number): InputFile {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    return { problem: `cannot read ${file}: ${(error as Error).message}` }
  }
  return text.trimStart().startsWith('{') ? readLines(text, file) : readPage(text, { file, nowMs })
}

function readLines(text: string, file: string): InputFile {
  const batches: DataPoints[] = []
  for (const [i, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue
    try {
      batches.push(parseMetricsJson(line))
    } catch (error) {
      return { problem: `${file}:${i + 1}: ${(error as Error).message}\n  expected  an ExportMetricsServiceRequest as JSON on each line` }
    }
  }
  return { batches }
}

function readPage(text: string, { file, nowMs }: { readonly file: string; readonly nowMs: number }): InputFile {
  const faults: string[] = []
  const labels = new Map([['job', 'explain']])
  const series = new TargetSeries({
    labels,
    externalLabels: new Map(),
    resource: { attributes: AttributeSet.empty },
    honorLabels: true,
    honorTimestamps: false,
    relabel: () => true,
    onMalformed: (fault, line) => faults.push(`${fault}: ${JSON.stringify(line.slice(0, 100))}`),
  })
  series.begin(nowMs)
  new PageParser(series, /^# EOF\s*$/m.test(text) ? 'openmetrics' : 'text').push(text)
  const batches = [...series.finish()]
  if (faults.length > 0) {
    return {
      problem: `${file}: a line that cannot be read\n  expected  a page in the exposition format of Prometheus, or lines of OTLP JSON\n  found     ${faults[0]}`,
    }
  }
  return { batches }
}
