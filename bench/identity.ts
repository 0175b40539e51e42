import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { trimHeap } from '../lib/heap_trim.ts'
import type { IdentityLookup } from '../model/identity/index.ts'
import { IdentityStore } from '../model/identity/store.ts'
import { benchPod, NOW_MS, PodMaps } from './identity_pods.ts'
import type { ReaderAnswer, ReaderTask } from './identity_reader.ts'

/**
 * The identity index in shared memory beside plain maps in every thread: `node bench/identity.ts [pods...] [--containers]`, by default
 * 10000 and 100000. Each variant runs in a process of its own: a writer on its main thread and two reader threads. Times are
 * CPU times of the thread; memory is what the process has more than before the first pod.
 */
const SELF = fileURLToPath(import.meta.url)
const READERS = 2
const HOT_KEYS = 1000
const BATCH = 500
const CHANGES_PER_STEP = 10
const STEP_MS = 100
const STEPS = 3000
const MIB = 1 << 20
const [variant, ...sizes] = process.argv.slice(2).filter((option) => option !== '--containers')
const hasContainers = process.argv.includes('--containers')

/** One of the reader threads; asks it one thing after another. */
class Reader {
  readonly isOnline: Promise<unknown>
  readonly #worker = new Worker(new URL('identity_reader.ts', import.meta.url))

  constructor() {
    this.isOnline = once(this.#worker, 'online')
  }

  async ask(task: ReaderTask): Promise<ReaderAnswer> {
    const answer = once(this.#worker, 'message') as Promise<[ReaderAnswer]>
    this.#worker.postMessage(task, [])
    return (await answer)[0]
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}

if (variant === 'shared' || variant === 'maps') {
  const readers = Array.from({ length: READERS }, () => new Reader())
  await Promise.all(readers.map((reader) => reader.isOnline))
  const pods = Number(sizes[0])
  await (variant === 'shared' ? runShared(readers, pods) : runMaps(readers, pods))
  await Promise.all(readers.map((reader) => reader.end()))
} else {
  for (const pods of variant === undefined ? ['10000', '100000'] : [variant, ...sizes]) {
    for (const one of ['shared', 'maps']) execFileSync(process.execPath, [SELF, one, pods, ...(hasContainers ? ['--containers'] : [])], { stdio: 'inherit' })
  }
}

async function runShared(readers: readonly Reader[], pods: number): Promise<void> {
  const lookups: IdentityLookup[] = ['address', 'pod_uid', 'pod_name', ...(hasContainers ? (['container'] as const) : [])]
  const store = new IdentityStore({ lookups, memoryMibMax: 256, rememberGoneMs: 60_000, clockSkewMs: 5000, isClusterWide: true })
  const attach = async (): Promise<void> => {
    await Promise.all(readers.map((reader) => reader.ask({ task: 'attach', handles: store.handles })))
  }
  await warmUp()
  const rssBefore = rss()
  const made = cpuOf(() => {
    for (let i = 0; i < pods; i++) benchPod(i, 0, hasContainers)
  })
  store.beginList('pods')
  const put = cpuOf(() => {
    for (let i = 0; i < pods; i++) putPod(store, i, 0, NOW_MS)
  })
  store.endList('pods', NOW_MS)
  store.publish(NOW_MS)
  await attach()
  const { journalBytes, tableBytes, bindings } = store.stats
  say(`shared, ${pods} pods${hasContainers ? ' with containers' : ''}`)
  say(
    `  put            ${(((put - made) * 1000) / pods).toFixed(1)} us per pod; journal ${(journalBytes / pods).toFixed(0)} B per pod, table ${(tableBytes / pods).toFixed(0)} B per pod, ${bindings} keys`,
  )
  await sayLookUps(readers, pods, rssBefore)
  await churn(store, readers, pods, attach)
  say(`  memory         +${rss() - rssBefore} MiB after that, ${(await trimmedRss(readers)) - rssBefore} when all threads have collected their garbage`)
}

/** Replaces pods at their addresses, 100 a second of simulated time, and asks the readers for their version each time. */
async function churn(store: IdentityStore, readers: readonly Reader[], pods: number, attach: () => Promise<void>): Promise<void> {
  let [moves, longestMs, writerMs, readerMs, grown] = [0, 0, 0, 0, 0]
  const before = (await (readers[0] as Reader).ask({ task: 'check_version' })).version
  for (let step = 1; step <= STEPS; step++) {
    const nowMs = NOW_MS + step * STEP_MS
    writerMs += cpuOf(() => {
      for (let i = 0; i < CHANGES_PER_STEP; i++) {
        const number = (step * CHANGES_PER_STEP * 7 + i * 13) % pods
        putPod(store, number, step, nowMs)
      }
      if (step % 10 === 0) store.sweep(nowMs)
    })
    const { generation } = store.stats
    const ms = cpuOf(() => store.publish(nowMs))
    writerMs += ms
    if (store.stats.generation !== generation) {
      moves++
      longestMs = Math.max(longestMs, ms)
    }
    if (store.stats.generation !== generation) await attach()
    const answer = await (readers[0] as Reader).ask({ task: 'check_version' })
    readerMs += answer.cpuMs
    grown = answer.version - before
    await (readers[0] as Reader).ask({ task: 'look_up', pods, keys: HOT_KEYS, rounds: 1 })
  }
  const seconds = (STEPS * STEP_MS) / 1000
  say(
    `  churn          ${(CHANGES_PER_STEP * 1000) / STEP_MS} pods/s replaced for ${seconds} s: writer ${(writerMs / seconds).toFixed(1)} ms CPU per s, ${moves} moves, longest ${longestMs.toFixed(0)} ms`,
  )
  say(
    `                 version check ${((readerMs * 1000) / STEPS).toFixed(0)} us with ${HOT_KEYS} keys asked for, grew ${grown} times in ${STEPS}; journal ${(store.stats.journalBytes / MIB).toFixed(1)} MiB`,
  )
}

async function runMaps(readers: readonly Reader[], pods: number): Promise<void> {
  const own = new PodMaps()
  await warmUp()
  const rssBefore = rss()
  let sent = 0
  let received = 0
  for (let from = 0; from < pods; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, pods - from) }, (_, i) => benchPod(from + i, 0, hasContainers))
    const answers: Promise<ReaderAnswer>[] = []
    sent += cpuOf(() => {
      for (const pod of batch) own.put(pod)
      for (const reader of readers) answers.push(reader.ask({ task: 'put', pods: batch }))
    })
    for (const { cpuMs } of await Promise.all(answers)) received += cpuMs
  }
  say(`maps in each thread, ${pods} pods${hasContainers ? ' with containers' : ''}`)
  say(
    `  put            ${((sent * 1000) / pods).toFixed(1)} us per pod in the writer, ${((received * 1000) / pods / READERS).toFixed(1)} us in each reader without its deserialising`,
  )
  await sayLookUps(readers, pods, rssBefore)
  say(`                 ${own.byIp.size} addresses in the writer`)
}

async function sayLookUps(readers: readonly Reader[], pods: number, rssBefore: number): Promise<void> {
  const hot: number[] = []
  for (let i = 0; i < 5; i++) hot.push(await nsPerLookUp(readers[0] as Reader, { pods, keys: HOT_KEYS, rounds: 1000 }))
  const wide = await nsPerLookUp(readers[1] as Reader, { pods, keys: pods, rounds: 1 })
  say(`  look-up        ${Math.min(...hot).toFixed(0)} ns (${HOT_KEYS} addresses again and again), ${wide.toFixed(0)} ns (every address once)`)
  say(
    `  memory         +${rss() - rssBefore} MiB for writer and ${READERS} readers, ${(await trimmedRss(readers)) - rssBefore} when all threads have collected their garbage`,
  )
}

async function nsPerLookUp(reader: Reader, { pods, keys, rounds }: { readonly pods: number; readonly keys: number; readonly rounds: number }): Promise<number> {
  const { cpuMs, hits } = await reader.ask({ task: 'look_up', pods, keys, rounds })
  if (hits !== keys * rounds) throw new Error(`BUG: ${hits} of ${keys * rounds} look-ups found something`)
  return (cpuMs * 1e6) / hits
}

function putPod(store: IdentityStore, number: number, life: number, nowMs: number): void {
  const pod = benchPod(number, life, hasContainers)
  // Another pod has another name: that of the first life of each number stays the key, as for a StatefulSet.
  store.put('pods', `pods/${number}`, [pod], nowMs)
}

/** Compiles what makes pods, and lets the threads come to rest, so that the memory which they take is not counted. */
async function warmUp(): Promise<void> {
  for (let i = 0; i < 20_000; i++) benchPod(i, 0, hasContainers)
  trimHeap()
  await new Promise((resolve) => setTimeout(resolve, 200))
}

function cpuOf(run: () => unknown): number {
  const from = process.threadCpuUsage()
  run()
  const { user, system } = process.threadCpuUsage(from)
  return (user + system) / 1000
}

async function trimmedRss(readers: readonly Reader[]): Promise<number> {
  trimHeap()
  for (const reader of readers) await reader.ask({ task: 'trim' })
  return rss()
}

function rss(): number {
  return Math.round(process.memoryUsage.rss() / MIB)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
