import { createHash } from 'node:crypto'
import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
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
 * content of its own. Returns a function that ends the watch. Watching does not keep the process alive.
 */
export function watchFiles(files: readonly string[], changed: () => void, options: FileWatchOptions = {}): () => void {
  const { debounceMs = 250, pollMs = 5000 } = options
  let known: string | undefined
  let isClosed = false
  let timer: NodeJS.Timeout | undefined

  const look = async (): Promise<void> => {
    const print = await fingerprint(files)
    if (isClosed) return
    const before = known
    known = print
    if (before !== undefined && before !== print) changed()
  }
  const soon = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => void look(), debounceMs)
    timer.unref()
  }

  void look()
  const watchers = watchDirectories(new Set(files.map((file) => dirname(file))), soon)
  const poll = setInterval(() => void look(), pollMs)
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

async function fingerprint(files: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const file of files) {
    hash.update(`\0${file}\0`)
    hash.update(await readFile(file).catch((error: NodeJS.ErrnoException) => `${error.code}`))
  }
  return hash.digest('hex')
}
