import type { MessagePort } from 'node:worker_threads'
import type { Registry } from '../component/spec.ts'
import { systemClock } from '../lib/clock.ts'
import { keepTrimmed } from '../lib/heap_trim.ts'
import { LogSource } from '../telemetry/log_source.ts'
import { SlotTelemetry } from '../telemetry/slots.ts'
import { BEAT_INTERVAL_MS, Beat, type FromWorker, type IngestTask, START_REQUEST, type ToWorker } from './ingest_protocol.ts'
import { IngestReplica } from './ingest_replica.ts'

/**
 * Runs the ingest side of the graph in a worker thread until it is told to stop: the endless task that piscina runs.
 * A failed start is a reply like any other; everything that is not caught ends the thread, and its supervisor sees it.
 */
export async function runIngestWorker(task: IngestTask, registry: Registry): Promise<void> {
  const post = (message: FromWorker, transfer: readonly ArrayBuffer[] = []): void => task.port.postMessage(message, [...transfer])
  const replica = replicaFor(task, registry, post)
  const stopBeat = beat(task.beat)
  let stopTrim = (): void => {}
  try {
    await answer(post, START_REQUEST, async () => {
      await replica.prepare(task.spec, task.ports)
      replica.commit()
    })
    stopTrim = keepTrimmed(systemClock)
    await serve(task.port, replica, post)
  } finally {
    stopBeat()
    stopTrim()
    task.port.close()
  }
}

function replicaFor(task: IngestTask, registry: Registry, post: (message: FromWorker, transfer?: readonly ArrayBuffer[]) => void): IngestReplica {
  const { worker } = task
  return new IngestReplica({
    registry,
    worker,
    clock: systemClock,
    logs: new LogSource(task.spec.service.telemetry.logs.level, (record) => post({ type: 'log', record: { ...record, worker } })),
    telemetry: new SlotTelemetry((message) => post({ type: 'telemetry', message })),
    news: {
      link: (key, message, transfer) => post({ type: 'link', key, message }, transfer),
      gone: (key) => post({ type: 'gone', key }),
      status: (owner, status) => post({ type: 'status', owner, status }),
      removed: (key) => post({ type: 'removed', key }),
      listening: (listening) => post({ type: 'listening', listening }),
    },
  })
}

/** Obeys commands one after the other; resolves after `stop`. */
function serve(port: MessagePort, replica: IngestReplica, post: (message: FromWorker) => void): Promise<void> {
  return new Promise((resolve) => {
    let last = Promise.resolve()
    port.on('message', (command: ToWorker) => {
      last = last.then(async () => {
        await answer(post, command.request, () => obey(replica, command))
        if (command.type === 'stop') resolve()
      })
    })
  })
}

async function obey(replica: IngestReplica, command: ToWorker): Promise<readonly string[] | undefined> {
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

function beat(cells: Int32Array): () => void {
  let expected = performance.now() + BEAT_INTERVAL_MS
  Atomics.add(cells, Beat.count, 1)
  return systemClock.every(BEAT_INTERVAL_MS, () => {
    const now = performance.now()
    Atomics.store(cells, Beat.lagMicros, Math.max(0, Math.round((now - expected) * 1000)))
    Atomics.add(cells, Beat.count, 1)
    expected = now + BEAT_INTERVAL_MS
  })
}
