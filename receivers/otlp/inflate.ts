import { constants, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import type { Encoding } from './config.ts'

/** Bytes that could not be decompressed. */
export class InflateError extends Error {
  override readonly name = 'InflateError'
  readonly kind: 'too_large' | 'invalid'

  constructor(kind: 'too_large' | 'invalid', message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** Larger pieces than the 16 KiB of Node.js: telemetry shrinks tenfold, and every piece costs a call. */
const CHUNK_BYTES = 128 * 1024
/** RFC 8878 section 3.1.1.1.2 recommends windows up to 8 MiB; a sender that asks for more asks for our memory. */
const ZSTD_WINDOW_LOG_MAX = 23

/**
 * Decompresses a whole body, synchronously, so that never more than one is being blown up at a time in a thread. The result
 * has memory of its own and is never larger than `bytesMax`; throws `InflateError` when it would be, or when the bytes are bad.
 */
export function inflate(bytes: Uint8Array, encoding: Exclude<Encoding, ''>, bytesMax: number): Uint8Array<ArrayBuffer> {
  const limits = { maxOutputLength: bytesMax, chunkSize: CHUNK_BYTES }
  try {
    if (encoding === 'gzip') return ownMemory(gunzipSync(bytes, limits))
    if (encoding === 'zstd') return ownMemory(zstdDecompressSync(bytes, { ...limits, params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX } }))
    return ownMemory(inflateSync(bytes, limits))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw new InflateError('too_large', `decompresses to more than ${bytesMax} bytes`, { cause: error })
    throw new InflateError('invalid', `cannot be decompressed with ${encoding}: ${(error as Error).message}`, { cause: error })
  }
}

/** The same bytes in memory that holds nothing else, so that it can be transferred. */
export function ownMemory(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength) return new Uint8Array(buffer)
  return new Uint8Array(bytes)
}

/** Several pieces as one, in memory that holds nothing else. */
export function joined(pieces: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
