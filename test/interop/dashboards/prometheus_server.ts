import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../free_port.ts'
import { Child, temporaryFolder } from '../child.ts'
import { until } from '../waiting.ts'

/** One series of an instant query: its labels, and the value as a number. */
export interface Element {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** A Prometheus that scrapes by job and evaluates rules. */
export interface PrometheusServer {
  readonly url: string
  /** The result of an instant query; rejects with Prometheus' own message. */
  query(expression: string): Promise<readonly Element[]>
  /** The expression as Prometheus formats it; rejects when it does not parse. */
  format(expression: string): Promise<string>
  /** The values of a label, over the series that the selector names. */
  labelValues(label: string, selector: string): Promise<readonly string[]>
  /** Resolves when every target has been scraped without an error `count` times. */
  scraped(count: number): Promise<void>
  stop(): Promise<void>
}

export interface PrometheusServerOptions {
  readonly binary: string
  /** Port of the target by job. */
  readonly jobs: Readonly<Record<string, number>>
  readonly rules: readonly string[]
  readonly scrapeSeconds: number
}

export async function startPrometheusServer({ binary, jobs, rules, scrapeSeconds }: PrometheusServerOptions): Promise<PrometheusServer> {
  const folder = temporaryFolder('prometheus')
  const port = await freePort()
  const every = `${scrapeSeconds}s`
  const config = {
    global: { scrape_interval: every, scrape_timeout: every, evaluation_interval: every },
    rule_files: rules,
    scrape_configs: Object.entries(jobs).map(([job, target]) => ({
      job_name: job,
      honor_labels: true,
      static_configs: [{ targets: [`127.0.0.1:${target}`] }],
    })),
  }
  const file = join(folder.path, 'prometheus.yml')
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(config))
  const args = [`--config.file=${file}`, `--storage.tsdb.path=${join(folder.path, 'data')}`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn']
  const child = new Child({ name: 'prometheus', file: binary, args, dir: folder.path })
  const url = `http://127.0.0.1:${port}`
  const stop = async (): Promise<void> => {
    await child.stop()
    folder.remove()
  }
  try {
    await child.until('ready', async () => (await fetch(`${url}/-/ready`)).ok)
  } catch (error) {
    await stop()
    throw error
  }
  const query = async (expression: string): Promise<readonly Element[]> => {
    const { result } = await ask<QueryData>(url, 'query', { query: expression })
    return result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
  }
  return {
    url,
    query,
    format: (expression) => ask<string>(url, 'format_query', { query: expression }),
    labelValues: (label, selector) => ask<readonly string[]>(url, `label/${label}/values`, { 'match[]': selector }),
    scraped: async (count) => {
      const isDone = async (): Promise<boolean> => {
        const elements = await query('sum by (job) (sum_over_time(up[1h]))')
        return elements.length === Object.keys(jobs).length && elements.every(({ value }) => value >= count)
      }
      await until(`${count} scrapes of ${Object.keys(jobs).join(' and ')}`, isDone, { timeoutMs: 60_000, everyMs: 250 })
    },
    stop,
  }
}

interface QueryData {
  readonly result: readonly { readonly metric: Record<string, string>; readonly value: readonly [number, string] }[]
}

async function ask<T>(url: string, path: string, parameters: Record<string, string>): Promise<T> {
  const response = await fetch(`${url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`)
  const body = (await response.json()) as { readonly status: string; readonly error?: string; readonly data: T }
  if (body.status !== 'success') throw new Error(`${Object.values(parameters).join(' ')}: ${body.error}`)
  return body.data
}
