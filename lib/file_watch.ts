import { createHash } from 'node:crypto'
import { type FSWatcher, readFileSync, watch } from 'node:fs'
import { dirname } from 'node:path'

export interface FileWatchOptions {
  /** Changes that come closer together than this are one. */
  readonly debounceMs?: number
  /** How often to look anyway, for file systems that do not tell (network mounts, some overlays). */
  readonly pollMs?: number
}

/**
 * Calls `changed` when the content of any of some files is another one than before.
 *
 * The directories are watched, not the files, so that it notices editors that replace a file and Kubernetes, which swaps
 * the `..data` symlink beside the links that a mounted ConfigMap consists of. A file that is missing counts as a
 * content of its own. What it compares with first is the content at the time of the call. Returns a function that ends the watch. Watching does not keep the process alive.
 */
export function watchFiles(files: readonly string[], changed: () => void, options: FileWatchOptions = {}): () => void {
  const { debounceMs = 250, pollMs = 5000 } = options
  let known = fingerprint(files)
  let isClosed = false
  let timer: NodeJS.Timeout | undefined

  const look = (): void => {
    const now = fingerprint(files)
    if (isClosed || now === known) return
    known = now
    changed()
  }
  const soon = (): void => {
    clearTimeout(timer)
    timer = setTimeout(look, debounceMs)
    timer.unref()
  }

  const watchers = watchDirectories(new Set(files.map((file) => dirname(file))), soon)
  const poll = setInterval(look, pollMs)
  poll.unref()
  return () => {
    isClosed = true
    clearTimeout(timer)
    clearInterval(poll)
    for (const watcher of watchers) watcher.close()
  }
}

function watchDirectories(directories: ReadonlySet<string>, event: () => void): FSWatcher[] {
  const watchers: FSWatcher[] = []
  for (const directory of directories) {
    try {
      const watcher = watch(directory, { persistent: false }, event)
      // Watching is an accelerator: when the system refuses it (limits, unmounted directory) the poll remains.
      watcher.on('error', () => watcher.close())
      watchers.push(watcher)
    } catch {
      // As above.
    }
  }
  return watchers
}

/** Config files are small, and read seldom enough to be read synchronously. */
function fingerprint(files: readonly string[]): string {
  const hash = createHash('sha256')
  for (const file of files) hash.update(`\0${file}\0`).update(contentOf(file))
  return hash.digest('hex')
}

function contentOf(file: string): Buffer | string {
  try {
    return readFileSync(file)
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}
