import { mkdir, open, readdir, stat, unlink } from 'node:fs/promises'

/** The file operations that are needed, as in `node:fs/promises`; tests replace single ones. */
export interface FileAccess {
  readonly mkdir: typeof mkdir
  readonly open: typeof open
  readonly readdir: typeof readdir
  readonly stat: typeof stat
  readonly unlink: typeof unlink
}

export const fileAccess: FileAccess = { mkdir, open, readdir, stat, unlink }

export type FileHandle = Awaited<ReturnType<typeof open>>

/** What went wrong with a file, and what to do about it. */
export function storageHint(error: unknown): string {
  const { code, message } = error instanceof Error ? (error as NodeJS.ErrnoException) : { code: undefined, message: String(error) }
  switch (code) {
    case 'ENOENT':
      return 'the directory does not exist; create it or set create_directory: true'
    case 'ENOTDIR':
      return 'a part of the path is a file; change directory'
    case 'EACCES':
    case 'EPERM':
      return 'permission denied; let the user of the daemon write there or change directory'
    case 'EROFS':
      return 'the file system is read-only; mount a volume that can be written, or change directory'
    case 'ENOSPC':
    case 'EDQUOT':
      return 'no space left on the device; free some or enlarge the volume'
    case 'EIO':
      return 'the device reports an I/O error; see the logs of the kernel'
    default:
      return message
  }
}
