import { mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import type { Clock } from '../component.ts'

/** The file operations that are needed, as in `node:fs/promises`; tests replace single ones. */
export interface FileAccess {
  readonly mkdir: typeof mkdir
  readonly open: typeof open
  readonly readdir: typeof readdir
  readonly rename: typeof rename
  readonly stat: typeof stat
  readonly unlink: typeof unlink
}

export const fileAccess: FileAccess = { mkdir, open, readdir, rename, stat, unlink }

export interface RotationOptions {
  readonly bytesMax: number
  /** 0 = no limit. */
  readonly daysMax: number
  /** 0 = no limit. */
  readonly backupsMax: number
  readonly isLocalTime: boolean
}

export interface RollingFileOptions {
  readonly path: string
  /** Keeps what an existing file holds. */
  readonly append: boolean
  readonly rotation: RotationOptions | undefined
  /** Permissions of directories to create; undefined = do not create any. */
  readonly directoryMode: number | undefined
  readonly clock: Clock
  readonly access?: FileAccess
}

type Handle = Awaited<ReturnType<typeof open>>

const DAY_MS = 86_400_000

/**
 * An append-only file that can be rotated by itself or by others. One operation at a time: the caller awaits each call
 * before the next. After an error the file is opened anew at the next call.
 */
export class RollingFile {
  readonly #options: RollingFileOptions
  readonly #access: FileAccess
  #handle: Handle | undefined
  #identity = ''
  #size = 0

  constructor(options: RollingFileOptions) {
    this.#options = options
    this.#access = options.access ?? fileAccess
  }

  /** Opens the file for the first time; rejects with what the operator can do. */
  async open(): Promise<void> {
    const { path, append, rotation, directoryMode } = this.#options
    try {
      if (directoryMode !== undefined) await this.#access.mkdir(dirname(path), { recursive: true, mode: directoryMode })
      await this.#reopen()
      if (!append && rotation === undefined) await this.#handle?.truncate(0)
      this.#size = (await this.#handle?.stat())?.size ?? 0
    } catch (cause) {
      await this.close()
      throw new Error(`cannot open ${path}: ${hintFor(cause, directoryMode === undefined)}`, { cause })
    }
  }

  /**
   * Appends whole lines. When the disk takes only a part, that part is removed again, so that no line is ever broken,
   * and the call rejects.
   */
  async append(lines: Uint8Array): Promise<void> {
    try {
      await this.#followPath()
      const { rotation } = this.#options
      if (rotation !== undefined && this.#size > 0 && this.#size + lines.length > rotation.bytesMax) await this.#rotate(rotation)
      await this.#write(lines)
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Bytes in the current file. */
  get size(): number {
    return this.#size
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    // What matters was written; there is nothing to be done about a close that fails.
    await handle?.close().catch(() => undefined)
  }

  async #write(lines: Uint8Array): Promise<void> {
    const handle = this.#handle as Handle
    let written = 0
    try {
      while (written < lines.length) written += (await handle.write(lines, written, lines.length - written)).bytesWritten
    } catch (error) {
      if (written > 0) await handle.truncate(this.#size).catch(() => undefined)
      throw error
    }
    this.#size += written
  }

  /** Opens the path again when another program moved or removed the file (logrotate), and takes over its size. */
  async #followPath(): Promise<void> {
    if (this.#handle !== undefined) {
      const found = await this.#access.stat(this.#options.path).catch(() => undefined)
      if (found !== undefined && identityOf(found) === this.#identity) {
        this.#size = found.size
        return
      }
      await this.close()
    }
    await this.#reopen()
  }

  async #reopen(): Promise<void> {
    const handle = await this.#access.open(this.#options.path, 'a', 0o644)
    this.#handle = handle
    const found = await handle.stat()
    this.#identity = identityOf(found)
    this.#size = found.size
  }

  async #rotate(rotation: RotationOptions): Promise<void> {
    await this.close()
    await this.#access.rename(this.#options.path, await this.#backupPath(rotation))
    await this.#reopen()
    // An old file that cannot be removed must not keep new data from being written.
    await this.#prune(rotation).catch(() => undefined)
  }

  /** `name-2026-01-31T12-00-00.000.ext`, the Collector's form; a later time when that name is taken. */
  async #backupPath({ isLocalTime }: RotationOptions): Promise<string> {
    const { path, clock } = this.#options
    for (let ms = clock.now(); ; ms++) {
      const candidate = join(dirname(path), `${prefixOf(path)}${timestampOf(ms, isLocalTime)}${extname(path)}`)
      if ((await this.#access.stat(candidate).catch(() => undefined)) === undefined) return candidate
    }
  }

  async #prune({ backupsMax, daysMax, isLocalTime }: RotationOptions): Promise<void> {
    const { path, clock } = this.#options
    const directory = dirname(path)
    const backups = (await this.#access.readdir(directory))
      .filter((name) => name.startsWith(prefixOf(path)) && name.endsWith(extname(path)))
      .map((name) => ({ name, timestamp: name.slice(prefixOf(path).length, name.length - extname(path).length) }))
      .filter(({ timestamp }) => /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/.test(timestamp))
      // The timestamps sort as text.
      .sort((a, b) => (a.timestamp < b.timestamp ? 1 : -1))
    const oldest = daysMax === 0 ? '' : timestampOf(clock.now() - daysMax * DAY_MS, isLocalTime)
    for (const [position, { name, timestamp }] of backups.entries()) {
      if ((backupsMax > 0 && position >= backupsMax) || timestamp < oldest) await this.#access.unlink(join(directory, name))
    }
  }
}

function identityOf(file: { readonly dev: number; readonly ino: number }): string {
  return `${file.dev}:${file.ino}`
}

function prefixOf(path: string): string {
  return `${basename(path, extname(path))}-`
}

function timestampOf(ms: number, isLocalTime: boolean): string {
  const shifted = isLocalTime ? ms - new Date(ms).getTimezoneOffset() * 60_000 : ms
  return new Date(shifted).toISOString().slice(0, -1).replaceAll(':', '-')
}

/** What went wrong with a path, and what to do about it. */
export function hintFor(error: unknown, mayCreateDirectory: boolean): string {
  const { code, message } = error instanceof Error ? (error as NodeJS.ErrnoException) : { code: undefined, message: String(error) }
  switch (code) {
    case 'ENOENT':
      return mayCreateDirectory ? 'the directory does not exist; create it or set create_directory: true' : 'the directory does not exist'
    case 'EACCES':
    case 'EPERM':
      return 'permission denied; let the user of the daemon write there or change path'
    case 'EISDIR':
      return 'it is a directory; name a file in it'
    case 'EROFS':
      return 'the file system is read-only; change path'
    case 'ENOSPC':
      return 'no space left on the device; free some or lower rotation.max_megabytes and max_backups'
    default:
      return message
  }
}
