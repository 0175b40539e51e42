import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../free_port.ts'
import { Child, temporaryFolder } from './child.ts'
import { until } from './waiting.ts'

/** One element of an instant vector. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface RunningPrometheus {
  readonly child: Child
  /** The result of an instant query. */
  query(expression: string): Promise<readonly Sample[]>
  /** Resolves after two further scrapes of every target, so that what was there when it was called is in. */
  scrapedTwice(): Promise<void>
  stop(): Promise<void>
}

/** Starts Prometheus with a scrape of each target (`host:port`) every second. The first scrape comes about 5 s later. */
export async function startPrometheus(binary: string, targets: readonly string[], metricsPath = '/metrics'): Promise<RunningPrometheus> {
  const folder = temporaryFolder('prometheus')
  const port = await freePort()
  const file = join(folder.path, 'prometheus.yml')
  const lines = [
    'global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }',
    'scrape_configs:',
    '- job_name: meshscope',
    `  metrics_path: ${metricsPath}`,
    '  static_configs:',
    `  - targets: ${JSON.stringify(targets)}`,
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  const args = [`--config.file=${file}`, `--storage.tsdb.path=${join(folder.path, 'data')}`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=warn']
  const child = new Child({ name: 'prometheus', file: binary, args, dir: folder.path })
  const base = `http://127.0.0.1:${port}`
  const query = (expression: string): Promise<readonly Sample[]> => instantQuery(base, expression)
  const stop = async (): Promise<void> => {
    await child.stop()
    folder.remove()
  }
  try {
    await child.until('ready', async () => (await fetch(`${base}/-/ready`)).ok)
  } catch (error) {
    await stop()
    throw error
  }
  return { child, query, stop, scrapedTwice: () => scrapedTwice(base, targets.length) }
}

interface QueryResponse {
  readonly status: string
  readonly error?: string
  readonly data: { readonly result: readonly { readonly metric: Record<string, string>; readonly value: [number, string] }[] }
}

async function instantQuery(base: string, expression: string): Promise<readonly Sample[]> {
  const response = await fetch(`${base}/api/v1/query?query=${encodeURIComponent(expression)}`)
  const body = (await response.json()) as QueryResponse
  if (body.status !== 'success') throw new Error(`query ${expression}: ${body.error}`)
  return body.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }))
}

interface TargetsResponse {
  readonly data: { readonly activeTargets: readonly { readonly lastScrape: string; readonly health: string; readonly lastError: string }[] }
}

async function scrapedTwice(base: string, count: number): Promise<void> {
  for (let round = 0; round < 2; round++) {
    const now = Date.now()
    await until('a scrape of every target', async () => {
      const body = (await (await fetch(`${base}/api/v1/targets?state=active`)).json()) as TargetsResponse
      const fresh = body.data.activeTargets.filter((target) => Date.parse(target.lastScrape) > now && target.health === 'up')
      if (fresh.length === count) return true
      throw new Error(body.data.activeTargets.map((target) => `${target.health} ${target.lastError}`).join(', '))
    })
  }
}
