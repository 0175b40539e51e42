import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Settings } from '../component/component.ts'
import { RefusedError } from '../component/consumer.ts'
import { SendingQueue } from '../component/kit/queue/sending_queue.ts'
import { queueConfigWith } from '../component/kit/queue/testing.ts'
import { fileStorageExtension } from '../extensions/file_storage/factory.ts'
import { systemClock } from '../lib/clock.ts'
import { FakeHost, fakeSettings } from '../test/fakes/settings.ts'

/**
 * The sending queue in memory, on disk, and on disk with fsync, in turns: `node bench/queue.ts [rounds] [directory]`.
 * Prints the median round of requests taken over and sent per second of the clock and of the processor, with a backend that
 * answers at once; and of a backlog on disk that is written while the backend is down and read when it is back.
 */
const rounds = Number(process.argv[2] ?? 5)
const parent = process.argv[3] ?? tmpdir()

interface Load {
  readonly name: string
  readonly bytes: number
  readonly requests: number
}

const LOADS: readonly Load[] = [
  { name: '1 KiB', bytes: 1 << 10, requests: 20_000 },
  { name: '16 KiB', bytes: 16 << 10, requests: 10_000 },
  { name: '256 KiB', bytes: 256 << 10, requests: 1000 },
]
const VARIANTS = ['memory', 'disk', 'disk, fsync'] as const
type Variant = (typeof VARIANTS)[number]
/** Producers that wait for each offer before the next. */
const PRODUCERS = 64

const settingsOf = (kind: 'exporter' | 'extension', id: string): Settings => ({ ...fakeSettings(kind, id), clock: systemClock })
const view = { components: () => [], isReady: () => true, lastReload: () => undefined, startedAt: 0 }

async function openQueue(variant: Variant, directory: string, send: () => Promise<void>) {
  const config = {
    directory,
    timeout: '0s',
    fsync: variant === 'disk, fsync',
    max_size_mib: 4096,
    create_directory: true,
    directory_permissions: '0750',
    recreate: false,
  }
  const storage = variant === 'memory' ? undefined : fileStorageExtension.create(settingsOf('extension', 'file_storage'), config, view, [])
  await storage?.start?.(new FakeHost())
  const queue = new SendingQueue(
    { ...settingsOf('exporter', 'test'), shared: () => storage?.shared },
    {
      config: queueConfigWith({
        retry_on_failure: { initial_interval: '1s', max_elapsed_time: '0s' },
        sending_queue: { queue_size: 100_000, block_on_overflow: true, ...(storage === undefined ? {} : { storage: 'file_storage' }) },
      }),
      signals: ['logs'],
      send,
    },
  )
  await queue.start(new FakeHost())
  const close = async (): Promise<void> => {
    await queue.shutdown({ signal: new AbortController().signal })
    await storage?.shutdown?.({ signal: new AbortController().signal })
  }
  return { queue, close }
}

async function offerAll(queue: SendingQueue, { bytes, requests }: Load): Promise<void> {
  // One buffer for all: what is measured is the queue, not the making of what goes through it.
  const content = Buffer.alloc(bytes, 'x')
  let left = requests
  const produce = async (): Promise<void> => {
    while (left-- > 0) await queue.offer({ signal: 'logs', bytes: content, items: 100 })
  }
  await Promise.all(Array.from({ length: PRODUCERS }, produce))
}

interface Figures {
  readonly seconds: number
  readonly cpuSeconds: number
}

async function measured(run: () => Promise<void>): Promise<Figures> {
  const cpu = process.cpuUsage()
  const begin = performance.now()
  await run()
  const { user, system } = process.cpuUsage(cpu)
  return { seconds: (performance.now() - begin) / 1000, cpuSeconds: (user + system) / 1e6 }
}

async function passThrough(variant: Variant, load: Load): Promise<Figures> {
  const directory = mkdtempSync(join(parent, 'meshscope-bench-'))
  let sent = 0
  const all = Promise.withResolvers<void>()
  const { queue, close } = await openQueue(variant, directory, async () => {
    if (++sent === load.requests) all.resolve()
  })
  const figures = await measured(async () => {
    await offerAll(queue, load)
    await all.promise
  })
  await close()
  rmSync(directory, { recursive: true })
  return figures
}

/** Writes everything while nothing can be sent, opens it again as after a restart, and sends it. */
async function backlog(load: Load): Promise<{ readonly write: Figures; readonly open: Figures; readonly read: Figures; readonly rssMib: number }> {
  const directory = mkdtempSync(join(parent, 'meshscope-bench-'))
  const down = await openQueue('disk', directory, () => Promise.reject(new RefusedError('down')))
  const write = await measured(() => offerAll(down.queue, load))
  await down.close()
  let sent = 0
  let rss = 0
  const all = Promise.withResolvers<void>()
  let up: Awaited<ReturnType<typeof openQueue>> | undefined
  let read: Figures | undefined
  const open = await measured(async () => {
    up = await openQueue('disk', directory, async () => {
      if (sent++ % 500 === 0) rss = Math.max(rss, process.memoryUsage.rss())
      if (sent === load.requests) all.resolve()
    })
  })
  read = await measured(() => all.promise)
  await up?.close()
  rmSync(directory, { recursive: true })
  return { write, open, read, rssMib: rss / 2 ** 20 }
}

function median(figures: readonly Figures[]): Figures {
  return figures.toSorted((a, b) => a.seconds - b.seconds)[figures.length >> 1] as Figures
}

function line(name: string, { bytes, requests }: Load, { seconds, cpuSeconds }: Figures): void {
  const perSecond = (count: number): string => Math.round(count).toLocaleString('en').padStart(9)
  const mib = (bytes * requests) / 2 ** 20
  console.log(
    `${name.padEnd(22)} ${perSecond(requests / seconds)} requests/s ${perSecond(mib / seconds)} MiB/s ${perSecond(requests / cpuSeconds)} requests per CPU-second`,
  )
}

for (const load of LOADS) {
  console.log(`\n${load.name}, ${load.requests} requests`)
  const byVariant = new Map<Variant, Figures[]>(VARIANTS.map((variant) => [variant, []]))
  for (let round = 0; round < rounds; round++) for (const [variant, figures] of byVariant) figures.push(await passThrough(variant, load))
  for (const [variant, figures] of byVariant) line(variant, load, median(figures))
  const backlogs = []
  for (let round = 0; round < rounds; round++) backlogs.push(await backlog(load))
  line('backlog written', load, median(backlogs.map(({ write }) => write)))
  line('backlog read', load, median(backlogs.map(({ read }) => read)))
  const { seconds } = median(backlogs.map(({ open }) => open))
  console.log(
    `${'backlog opened in'.padEnd(22)} ${Math.round(seconds * 1000)} ms; resident at most ${Math.round(Math.max(...backlogs.map(({ rssMib }) => rssMib)))} MiB`,
  )
}
