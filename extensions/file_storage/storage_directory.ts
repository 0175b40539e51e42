import { realpath } from 'node:fs/promises'
import { join } from 'node:path'
import type { QueueStore, QueueStoreObserver } from '../../component/kit/queue/store.ts'
import { DirectoryLock } from './directory_lock.ts'
import { DiskQueue } from './disk_queue.ts'
import { storageHint } from './file_access.ts'
import { SegmentLog } from './segment_log.ts'
import { StorageContext, type StorageOptions } from './storage_context.ts'

export interface DirectoryOptions extends StorageOptions {
  readonly path: string
  /** Permissions of a directory that is created; undefined = it must be there. */
  readonly createMode: number | undefined
  /** How long to wait for another process to let the directory go. */
  readonly lockTimeoutMs: number
  /** The file system knows no sockets, so that nothing keeps a second process out. */
  readonly unlocked: (error: unknown) => void
}

interface OpenLog {
  readonly ready: Promise<SegmentLog>
  users: number
  closing?: Promise<void>
}

const LOCK_POLL_MS = 50

/** The directories that this process works in, by their real path: a reload opens one again before its old user lets it go. */
const directories = new Map<string, Promise<StorageDirectory>>()

/** A directory with the queues of several components, of which this process has the lock. */
export class StorageDirectory {
  readonly #path: string
  readonly #context: StorageContext
  readonly #lock: DirectoryLock | undefined
  readonly #logs = new Map<string, OpenLog>()
  #users = 0
  #released: Promise<void> | undefined

  private constructor(path: string, lock: DirectoryLock | undefined, options: StorageOptions) {
    this.#path = path
    this.#lock = lock
    this.#context = new StorageContext(options)
  }

  /** Opens a directory, or joins those of this process who have it open. Rejects with what the operator can do. */
  static async open(options: DirectoryOptions): Promise<StorageDirectory> {
    const { path, createMode, access } = options
    try {
      if (createMode !== undefined) await access.mkdir(path, { recursive: true, mode: createMode })
      const real = await realpath(path)
      for (;;) {
        const opening = directories.get(real) ?? StorageDirectory.#lockAndOpen(real, options)
        directories.set(real, opening)
        const directory = await opening
        if (directory.#released === undefined) {
          directory.#users++
          directory.#context.options = options
          return directory
        }
        await directory.#released
      }
    } catch (cause) {
      throw new Error(`cannot use the directory ${path}: ${storageHint(cause)}`, { cause })
    }
  }

  /** Opens the queue of that name, or joins those who have it open. */
  async openQueue(name: string, observer: QueueStoreObserver): Promise<QueueStore> {
    while (this.#logs.get(name)?.closing !== undefined) await this.#logs.get(name)?.closing
    const open = this.#logs.get(name) ?? this.#openLog(name)
    this.#logs.set(name, open)
    open.users++
    try {
      return new DiskQueue(await open.ready, observer, () => this.#releaseLog(name, open))
    } catch (cause) {
      if (--open.users === 0) this.#logs.delete(name)
      throw new Error(`cannot open the queue ${folderOf(name)} in ${this.#path}: ${storageHint(cause)}`, { cause })
    }
  }

  /** Lets the directory go; the last user gives the lock back. */
  async release(): Promise<void> {
    if (--this.#users > 0) return
    this.#released = this.#close()
    await this.#released
  }

  static #lockAndOpen(path: string, options: DirectoryOptions): Promise<StorageDirectory> {
    const opening = lockOf(path, options).then((lock) => new StorageDirectory(path, lock, options))
    opening.catch(() => {
      if (directories.get(path) === opening) directories.delete(path)
    })
    return opening
  }

  async #close(): Promise<void> {
    // Components let their queues go before; one that could not leaves its files as they are.
    await this.#lock?.release()
    directories.delete(this.#path)
  }

  #openLog(name: string): OpenLog {
    const log = new SegmentLog(join(this.#path, folderOf(name)), name, this.#context)
    return { ready: log.open().then(() => log), users: 0 }
  }

  async #releaseLog(name: string, open: OpenLog): Promise<void> {
    if (--open.users > 0) return
    open.closing = open.ready.then((log) => log.close()).finally(() => this.#logs.delete(name))
    await open.closing
  }
}

/** Errors of file systems that do not know sockets. */
const NO_SOCKETS = new Set(['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'EINVAL', 'ENOSYS'])

async function lockOf(path: string, { clock, lockTimeoutMs, unlocked }: DirectoryOptions): Promise<DirectoryLock | undefined> {
  const deadlineMs = clock.monotonic() + lockTimeoutMs
  for (;;) {
    let lock: DirectoryLock | { readonly owner: string }
    try {
      lock = await DirectoryLock.take(path)
    } catch (error) {
      if (!NO_SOCKETS.has((error as NodeJS.ErrnoException).code ?? '')) throw error
      unlocked(error)
      return undefined
    }
    if (lock instanceof DirectoryLock) return lock
    if (clock.monotonic() >= deadlineMs) {
      const owner = lock.owner === '' ? 'another process' : `process ${lock.owner}`
      throw new Error(`${owner} works in it; stop that or give each a directory of its own`)
    }
    await new Promise<void>((resolve) => clock.after(LOCK_POLL_MS, resolve))
  }
}

/** The folder of a queue: its name with what is not safe in a file name as `~` and the character's number, as the Collector writes it. */
function folderOf(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]/gu, (char) => `~${(char.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}`).slice(0, 255)
}
