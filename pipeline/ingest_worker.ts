import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { MessagePort } from 'node:worker_threads'
import { systemClock } from '../lib/clock.ts'
import { keepTrimmed } from '../lib/heap_trim.ts'
import { LogSource } from '../telemetry/log_source.ts'
import { SlotTelemetry } from '../telemetry/slots.ts'
import { BEAT_INTERVAL_MS, Beat, type FromWorker, type IngestTask, START_REQUEST, type ToWorker, type WorkerCommand } from './ingest_protocol.ts'
import { IngestReplica, type RegistrySource } from './ingest_replica.ts'

/**
 * Runs the ingest side of the graph in a worker thread until it is told to stop: the endless task that piscina runs.
 * A failed start is a reply like any other; everything that is not caught ends the thread, and its supervisor sees it.
 */
export async function runIngestWorker(task: IngestTask, registryFor: RegistrySource): Promise<void> {
  const post = (message: FromWorker, transfer: readonly ArrayBuffer[] = []): void => task.port.postMessage(message, [...transfer])
  const replica = replicaFor(task, registryFor, post)
  const stopBeat = beat(task.beat)
  let stopTrim = (): void => {}
  try {
    const started = answer(post, START_REQUEST, async () => {
      await replica.prepare(task.spec, task.ports)
      replica.commit()
      stopTrim = keepTrimmed(systemClock)
    })
    await serve({ port: task.port, replica, post, started })
  } finally {
    stopBeat()
    stopTrim()
    task.port.close()
  }
}

function replicaFor(task: IngestTask, registryFor: RegistrySource, post: (message: FromWorker, transfer?: readonly ArrayBuffer[]) => void): IngestReplica {
  const { worker } = task
  return new IngestReplica({
    registryFor,
    worker,
    clock: systemClock,
    logs: new LogSource(task.spec.service.telemetry.logs.level, (record) => post({ type: 'log', record: { ...record, worker } })),
    telemetry: new SlotTelemetry((message) => post({ type: 'telemetry', message })),
    news: {
      link: (ends, message, transfer) => post({ type: 'link', ends, message }, transfer),
      gone: (ends) => post({ type: 'gone', ends }),
      status: (owner, status) => post({ type: 'status', owner, status }),
      removed: (key) => post({ type: 'removed', key }),
      listening: (listening) => post({ type: 'listening', listening }),
    },
  })
}

interface Served {
  readonly port: MessagePort
  readonly replica: IngestReplica
  readonly post: (message: FromWorker) => void
  readonly started: Promise<void>
}

/** Obeys commands one after the other; resolves after `stop`. */
function serve({ port, replica, post, started }: Served): Promise<void> {
  return new Promise((resolve) => {
    let last = started
    port.on('message', (message: ToWorker) => {
      if (message.type === 'deliver') {
        // Not in turn: a component that is being started may wait for just this.
        replica.receive(message.half, message.message)
        return
      }
      last = last.then(async () => {
        await answer(post, message.request, () => obey(replica, message))
        if (message.type === 'stop') resolve()
      })
    })
  })
}

async function obey(replica: IngestReplica, command: WorkerCommand): Promise<readonly string[] | undefined> {
  switch (command.type) {
    case 'prepare':
      await replica.prepare(command.spec, command.ports)
      return undefined
    case 'commit':
      replica.commit()
      return undefined
    case 'abort':
      await replica.abort(AbortSignal.timeout(1000))
      return undefined
    case 'finish':
      return replica.finish(AbortSignal.timeout(command.drainMs))
    case 'stop':
      return replica.stop(AbortSignal.timeout(command.drainMs))
    default:
      throw new Error(`BUG: no such command: ${JSON.stringify(command)}`)
  }
}

async function answer(post: (message: FromWorker) => void, request: number, run: () => Promise<readonly string[] | undefined | void>): Promise<void> {
  try {
    const missed = await run()
    post({ type: 'reply', request, ...(Array.isArray(missed) ? { missed } : {}) })
  } catch (error) {
    post({ type: 'reply', request, error: error instanceof Error ? error.message : String(error) })
  }
}

/** How often the loop is watched. The histogram holds the times between two looks, so this is taken off again. */
const LOOP_WATCH_MS = 20

function beat(cells: Int32Array): () => void {
  const loop = monitorEventLoopDelay({ resolution: LOOP_WATCH_MS })
  loop.enable()
  let expected = performance.now() + BEAT_INTERVAL_MS
  Atomics.add(cells, Beat.count, 1)
  const end = systemClock.every(BEAT_INTERVAL_MS, () => {
    const now = performance.now()
    Atomics.store(cells, Beat.lagMicros, Math.max(0, Math.round((now - expected) * 1000)))
    const delayMicros = Math.max(0, Math.round(loop.max / 1000) - LOOP_WATCH_MS * 1000)
    loop.reset()
    if (delayMicros > Atomics.load(cells, Beat.delayMaxMicros)) Atomics.store(cells, Beat.delayMaxMicros, delayMicros)
    Atomics.add(cells, Beat.count, 1)
    expected = now + BEAT_INTERVAL_MS
  })
  return () => {
    end()
    loop.disable()
  }
}
