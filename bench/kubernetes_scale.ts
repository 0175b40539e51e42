/**
 * The identity index at the size of a large cluster, in a real daemon: listing it, memory, what it does to other threads, changes, and
 * what enrichment costs access logs. `node bench/kubernetes_scale.ts [--pods 10000] [--lists streaming|paged|whole] [--threads 2]
 * [--churn 100] [--churn-seconds 60] [--settle-seconds 22] [--rate 40000] [--seconds 3] [--runs 3] [--source]`.
 *
 * The API server is a process of its own with pods of 14 KB. `--source` runs the source instead of what `npm run build` made. A
 * phase is left out by `--churn 0`, `--runs 0`. Delays of event loops hold what the machine itself adds: compare with the idle one.
 */
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { cpuSeconds, type MeasuredDaemon, startMeasured, sum } from './daemon_process.ts'
import type { FromApi, ToApi } from './kubernetes_api.ts'
import type { LoadReport } from './load.ts'

const { values } = parseArgs({
  options: {
    pods: { type: 'string', default: '10000' },
    lists: { type: 'string', default: 'streaming' },
    threads: { type: 'string', default: '2' },
    churn: { type: 'string', default: '100' },
    'churn-seconds': { type: 'string', default: '60' },
    'settle-seconds': { type: 'string', default: '22' },
    rate: { type: 'string', default: '40000' },
    seconds: { type: 'string', default: '3' },
    runs: { type: 'string', default: '3' },
    source: { type: 'boolean', default: false },
  },
})
const SYNC_MS_MAX = 300_000
const LAG_MS_MAX = 10_000
/** Between two looks at whether a list is complete; each costs the main thread some. */
const LOOK_MS = 50
const LOOP_WATCH_MS = 10
/** Access logs of the last quarter of an hour: the pods have been there for an hour at least. */
const END_SECONDS = String(Math.floor(Date.now() / 1000) - 60)
const COUNTED = 'meshscope_connector_log_records'
const ANALYSED = 'meshscope_mesh_resolutions'
/** With fewer entries than this share analysed at first sight a daemon has seen what there is to see. */
const FEW = 0.0005
const WARM_UPS_MAX = 8
/** Loads to compare: entries as Istio writes them, and such that name the called side by its address only. */
const LOADS = { 'peers named in the log': [], 'addresses only': ['--addresses-only'] } as const

const settings = { threads: Number(values.threads), isBuilt: !values.source }
const idle = monitorEventLoopDelay({ resolution: LOOP_WATCH_MS })
idle.enable()
const plain = await startMeasured(settings)
const api = await startApi()
const daemon = await startMeasured({ ...settings, kubeApi: api.url })
try {
  await measureList()
  if (Number(values.runs) > 0) for (const [name, options] of Object.entries(LOADS)) await compareLoad(name, options)
  if (Number(values.churn) > 0) await measureChurn(Number(values.churn), Number(values['churn-seconds']))
} finally {
  await Promise.all([daemon.stop(), plain.stop()])
  api.child.disconnect()
}

interface Api {
  readonly child: ChildProcess
  readonly url: string
}

async function startApi(): Promise<Api> {
  const child = fork(join(import.meta.dirname, 'kubernetes_api.ts'), [values.pods, values.lists])
  child.once('exit', (code) => {
    if (code !== 0 && code !== null) throw new Error(`the API server of the benchmark ended with ${code}`)
  })
  const { port } = await told(child, 'listening')
  return { child, url: `http://127.0.0.1:${port}` }
}

/** Resolves with the next message of a type. */
function told<Type extends FromApi['type']>(child: ChildProcess, type: Type): Promise<Extract<FromApi, { type: Type }>> {
  return new Promise((resolve) => {
    const take = (message: FromApi): void => {
      if (message.type !== type) return
      child.off('message', take)
      resolve(message as Extract<FromApi, { type: Type }>)
    }
    child.on('message', take)
  })
}

function tell(message: ToApi): void {
  api.child.send(message)
}

async function measureList(): Promise<void> {
  // Threads give back what their start has used.
  await pause(1500)
  const before = { plain: plain.rssMib(), daemon: daemon.rssMib() }
  console.log(`without Kubernetes ${mib(before.plain)}; with it, before the list ${mib(before.daemon)}`)
  daemon.takePeakRssMib()
  await takeDelays()
  const apiPid = api.child.pid ?? 0
  const cpu = { daemon: daemon.cpuSeconds(), api: cpuSeconds(apiPid) }
  const begun = performance.now()
  tell({ type: 'open' })
  await until(SYNC_MS_MAX, 'the index to be complete', async () => (await explain('pod=default/none')).index.isSynced, LOOK_MS)
  const seconds = (performance.now() - begun) / 1000
  const used = `CPU of the daemon ${(daemon.cpuSeconds() - cpu.daemon).toFixed(1)} s, of the API server ${(cpuSeconds(apiPid) - cpu.api).toFixed(1)} s`
  const synced = { rss: daemon.rssMib(), delays: await takeDelays() }
  await pause(Number(values['settle-seconds']) * 1000)
  const after = daemon.rssMib()
  const page = await daemon.ownPage()
  const count = (kind: string): number => sum(page, `meshscope_k8s_objects{extension="k8s_metadata",kind="${kind}"`)
  const bytes = (part: string): number => sum(page, `meshscope_k8s_index_bytes{extension="k8s_metadata",part="${part}"`)
  const received = sum(page, 'meshscope_k8s_received_bytes') / 2 ** 20
  console.log(
    `${count('pod')} pods, ${count('endpoint')} endpoints, ${count('service')} services, ${count('node')} nodes listed in ${seconds.toFixed(1)} s (${values.lists}): ${mib(received)} received, ${used}`,
  )
  console.log(`  loops late by at most: ${synced.delays}`)
  const index = (bytes('journal') + bytes('table')) / 2 ** 20
  console.log(
    `  RSS at the end of the list ${mib(synced.rss)}, peak ${mib(daemon.takePeakRssMib())}, after ${values['settle-seconds']} s ${mib(after)}: ${mib(after - before.plain)} more than without Kubernetes (index ${mib(index)}, ${(bytes('journal') / count('pod')).toFixed(0)} bytes of journal per pod)`,
  )
}

async function measureChurn(perSecond: number, seconds: number): Promise<void> {
  await takeDelays()
  daemon.takePeakRssMib()
  const before = { cpu: daemon.cpuSeconds(), rss: daemon.rssMib() }
  const lags: number[] = []
  const lookUps: Promise<void>[] = []
  const take = (message: FromApi): void => {
    if (message.type === 'replaced') lookUps.push(visible(message.ip, message.pod).then((atMs) => void lags.push(atMs - message.atMs)))
  }
  api.child.on('message', take)
  tell({ type: 'churn', perSecond, seconds })
  const { pods, events, bytes } = await told(api.child, 'churned')
  api.child.off('message', take)
  await Promise.all(lookUps)
  const used = daemon.cpuSeconds() - before.cpu
  lags.sort((a, b) => a - b)
  const at = (share: number): string => (lags[Math.min(lags.length - 1, Math.floor(lags.length * share))] ?? Number.NaN).toFixed(0)
  console.log(
    `${pods} pods replaced at ${perSecond}/s: ${events} events, ${(bytes / 2 ** 20).toFixed(0)} MiB; CPU of the daemon ${((used / seconds) * 100).toFixed(0)} % of a core`,
  )
  console.log(`  from event to look-up: median ${at(0.5)} ms, 99 % ${at(0.99)} ms, longest ${at(1)} ms (${lags.length} looked at)`)
  console.log(`  loops late by at most: ${await takeDelays()}`)
  console.log(`  RSS before ${mib(before.rss)}, peak ${mib(daemon.takePeakRssMib())}, at the end ${mib(daemon.rssMib())}`)
}

/** When the daemon first finds the pod at its address, and has told the components that remember answers. */
async function visible(ip: string, pod: string): Promise<number> {
  let notBefore = Date.now()
  await until(LAG_MS_MAX, `${pod} at ${ip}`, async () => {
    const askedMs = Date.now()
    const { answer, index } = await explain(`ip=${ip}`)
    if (answer?.name === pod) return index.changedMs >= notBefore
    notBefore = askedMs
    return false
  })
  return Date.now()
}

interface Explained {
  readonly answer: { readonly name?: string } | null
  readonly index: { readonly isSynced: boolean; readonly changedMs: number }
}

async function explain(query: string): Promise<Explained> {
  return (await daemon.explain(query)) as Explained
}

/** Loads both daemons in turn, each as often first; what counts is the CPU time of the whole process. */
async function compareLoad(name: string, options: readonly string[]): Promise<void> {
  const seconds = Number(values.seconds)
  const named = await namedByIndex()
  const rates: Record<'without' | 'with', number[]> = { without: [], with: [] }
  for (const target of [plain, daemon]) await warmUp(target, options, seconds)
  const analysed = await daemon.own(ANALYSED)
  for (let run = 0; run < Number(values.runs); run++) {
    const turns = [
      { key: 'without', target: plain },
      { key: 'with', target: daemon },
    ] as const
    for (const { key, target } of run % 2 === 0 ? turns : turns.toReversed()) {
      rates[key].push(await measureLoad(target, options, seconds))
    }
  }
  const pairs = rates.with.map((rate, run) => rate / (rates.without[run] ?? Number.NaN))
  const best = Math.max(...rates.with) / Math.max(...rates.without)
  console.log(
    `access logs, ${name}: ${kilo(median(rates.without))} per CPU second without, ${kilo(median(rates.with))} with enrichment: median of pairs ${percent(median(pairs))}, best runs ${percent(best)}; ${(await namedByIndex()) - named} entries named by the index alone, ${(await daemon.own(ANALYSED)) - analysed} analysed at first sight`,
  )
}

/**
 * Fills caches and lets the compiler see the work. Every run spreads its connections over the workers by chance, and a worker
 * analyses each pair of proxy and called address when it first sees it, of which there are ten times as many with enrichment: once in
 * the life of a pod, so that is no part of what is compared.
 */
async function warmUp(target: MeasuredDaemon, options: readonly string[], seconds: number): Promise<void> {
  for (let run = 0; run < WARM_UPS_MAX; run++) {
    const before = { analysed: await target.own(ANALYSED), counted: await target.own(COUNTED) }
    await measureLoad(target, options, seconds)
    const analysed = (await target.own(ANALYSED)) - before.analysed
    if (analysed < ((await target.own(COUNTED)) - before.counted) * FEW) return
  }
}

/** Entries with a side that the index alone could name. */
async function namedByIndex(): Promise<number> {
  const lines = (await daemon.ownPage()).split('\n').filter((line) => line.startsWith('meshscope_mesh_evidence{') && line.includes('evidence="address"'))
  return lines.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}

/** Entries that became part of a series, per CPU second of the daemon. */
async function measureLoad(target: MeasuredDaemon, options: readonly string[], seconds: number): Promise<number> {
  const before = await target.own(COUNTED)
  const cpu = target.cpuSeconds()
  const load = [
    '--endpoint',
    `127.0.0.1:${target.alsPort}`,
    '--seconds',
    String(seconds),
    '--rate',
    values.rate,
    '--tuples',
    '400',
    '--end-seconds',
    END_SECONDS,
    ...options,
  ]
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'load.ts'), ...load], { timeout: (seconds + 60) * 1000 })
  const { entries } = JSON.parse(stdout) as LoadReport
  let counted = 0
  await until(
    10_000,
    'the entries to be counted',
    async () => {
      const last = counted
      counted = (await target.own(COUNTED)) - before
      return counted >= entries || (counted === last && counted > 0)
    },
    LOOK_MS,
  )
  if (counted < entries) console.log(`  only ${counted} of ${entries} entries counted`)
  return counted / (target.cpuSeconds() - cpu)
}

/** The longest delay of each event loop since the last call, for people. */
async function takeDelays(): Promise<string> {
  const page = await daemon.ownPage()
  const ms = (seconds: number): string => `${(seconds * 1000).toFixed(0)} ms`
  const workers = Array.from({ length: settings.threads }, (_, worker) => ms(sum(page, `meshscope_worker_event_loop_delay_seconds{worker="${worker}"`)))
  const own = Math.max(0, idle.max / 1e9 - LOOP_WATCH_MS / 1000)
  idle.reset()
  return `main ${ms(sum(page, 'meshscope_event_loop_delay_seconds{statistic="max"'))}, ingest ${workers.join(' and ')}; an idle loop of another process ${ms(own)}`
}

async function until(msMax: number, what: string, isSo: () => Promise<boolean>, lookMs = 5): Promise<void> {
  const deadline = performance.now() + msMax
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`waited ${msMax} ms for ${what}`)
    await pause(lookMs)
  }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}

function mib(value: number): string {
  return `${value.toFixed(0)} MiB`
}

function kilo(value: number): string {
  return `${(value / 1000).toFixed(0)} k`
}
