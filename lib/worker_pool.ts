import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Transferable } from 'node:worker_threads'
import { Piscina } from 'piscina'

/** Why a thread ended although nobody asked it to. */
export type ThreadEnd = 'uncaught_error' | 'out_of_memory' | 'exit' | 'aborted'

export interface WorkerPoolOptions {
  /** The module whose default export runs a task; see `siblingModule`. */
  readonly entry: URL
  /** How many threads, all started at once and replaced when they die. */
  readonly threads: number
  /** Old-space limit of each thread's heap in MiB; 0 leaves it to Node.js. */
  readonly heapMibMax: number
  /**
   * Limit in MiB of the part of each thread's heap in which objects are made; by default it grows beyond 100 MiB in a thread that makes
   * much garbage. A smaller one costs more collections, but shorter ones.
   */
  readonly youngMibMax?: number
}

/** Most threads that `auto` asks for: beyond four, memory per replica weighs more than what another one adds. */
const AUTO_THREADS_MAX = 4

/** Number of threads that fits the machine (or its cgroup): one for each core, at most four. */
export function autoThreads(cores: number = availableParallelism()): number {
  return Math.max(1, Math.min(cores, AUTO_THREADS_MAX))
}

/** The module `name` beside the module `base`, in the source tree (`.ts`) as in the built one (`.js`). */
export function siblingModule(base: string, name: string): URL {
  return new URL(`./${name}${base.endsWith('.ts') ? '.ts' : '.js'}`, base)
}

/**
 * Threads for endless tasks, one task for each. A thread that dies rejects its task and is replaced by a fresh one
 * that waits for the next `run`; the other threads go on.
 */
export class WorkerPool<Task> {
  readonly #pool: Piscina<Task, void>
  readonly #entry: string

  constructor(options: WorkerPoolOptions) {
    this.#entry = fileURLToPath(options.entry)
    this.#pool = new Piscina<Task, void>({
      minThreads: options.threads,
      maxThreads: options.threads,
      concurrentTasksPerWorker: 1,
      // Idle threads wait for messages like any event loop: a blocking wait would stop their timers and sockets.
      atomics: 'disabled',
      resourceLimits: {
        ...(options.heapMibMax > 0 ? { maxOldGenerationSizeMb: options.heapMibMax } : {}),
        ...(options.youngMibMax === undefined ? {} : { maxYoungGenerationSizeMb: options.youngMibMax }),
      },
    })
    // An idle thread that dies is replaced by the pool; there is no task to tell it to.
    this.#pool.on('error', () => {})
  }

  /**
   * Runs a task on a free thread; resolves when it returns. Rejects when it throws or its thread dies (see
   * `threadEnd`). Aborting the signal ends the thread at once. The module is named here and not when the pool is made,
   * so that a module which fails to load rejects the task instead of breaking the pool.
   */
  run(task: Task, options: { readonly transfer: readonly Transferable[]; readonly signal: AbortSignal }): Promise<void> {
    return this.#pool.run(task, { filename: this.#entry, transferList: [...options.transfer] as never, signal: options.signal })
  }

  /** Ends all threads at once. */
  async close(): Promise<void> {
    await this.#pool.destroy()
  }
}

/** Says what a rejected `run` means. */
export function threadEnd(error: unknown): ThreadEnd {
  const { code, name, message } = error as { code?: string; name?: string; message?: string }
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return 'out_of_memory'
  if (name === 'AbortError' || message === 'The task has been aborted') return 'aborted'
  if (message !== undefined && (message.startsWith('worker exited with code') || message === 'Terminating worker thread')) return 'exit'
  return 'uncaught_error'
}
