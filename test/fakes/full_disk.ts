import { open } from 'node:fs/promises'
import { type FileAccess, fileAccess } from '../../component/kit/rolling_file.ts'

/** File access whose writes take three bytes and then fail while `disk.isFull`. */
export function fullDisk(disk: { isFull: boolean }): FileAccess {
  const failingOpen: typeof open = async (...args) => {
    const handle = await open(...args)
    const write = handle.write.bind(handle) as (bytes: Uint8Array, offset: number, length: number) => Promise<{ bytesWritten: number }>
    const limited = async (bytes: Uint8Array, offset: number, length: number): Promise<{ bytesWritten: number }> => {
      if (!disk.isFull) return write(bytes, offset, length)
      if (offset > 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
      return write(bytes, offset, Math.min(3, length))
    }
    return Object.assign(handle, { write: limited })
  }
  return { ...fileAccess, open: failingOpen }
}
