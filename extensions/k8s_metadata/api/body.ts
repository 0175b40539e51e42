import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { Clock } from '../../../component/component.ts'
import { connectionError } from './connection_errors.ts'
import { ApiError } from './errors.ts'

export interface BodyReading {
  /** What is read, for messages. */
  readonly what: string
  readonly server: string
  readonly clock: Clock
  readonly signal: AbortSignal
  /** How long nothing may come. */
  readonly idleMsMax: () => number
  /** Bytes as on the network. */
  readonly onBytes?: (bytes: number) => void
}

/** Chunks that a compressed body is handed on in. */
const GUNZIP_BYTES = 64 << 10

/**
 * Hands on the body of a response, uncompressed; resolves at its proper end. Rejects with an `ApiError` when it breaks off
 * or nothing comes for too long, with the signal's reason when aborted, and with what `onChunk` throws.
 */
export function readBody(response: IncomingMessage, reading: BodyReading & { readonly onChunk: (chunk: Buffer) => void }): Promise<void> {
  const { what, server, clock, signal, idleMsMax, onBytes, onChunk } = reading
  return new Promise((resolve, reject) => {
    let lastMs = clock.monotonic()
    let failure: Error | undefined
    const fail = (error: Error): void => {
      failure ??= error
      response.destroy()
    }
    const look = (): void => {
      const idleMs = clock.monotonic() - lastMs
      const leftMs = idleMsMax() - idleMs
      if (leftMs > 0) cancel = clock.after(leftMs, look)
      else fail(new ApiError('idle', `${what}: nothing came from the API server ${server} for ${Math.round(idleMs / 1000)} s`))
    }
    let cancel = clock.after(idleMsMax(), look)
    response.on('data', (chunk: Buffer) => {
      lastMs = clock.monotonic()
      onBytes?.(chunk.length)
    })
    const body = uncompressed(response)
    body.on('data', (chunk: Buffer) => {
      if (failure !== undefined) return
      try {
        onChunk(chunk)
      } catch (error) {
        fail(error as Error)
      }
    })
    let hasEnded = false
    body.on('end', () => {
      hasEnded = true
    })
    body.on('error', (error) => {
      failure ??= isBadCompression(error) ? new ApiError('malformed', `${what}: bad gzip data`, { cause: error }) : connectionError(error, server)
    })
    body.on('close', () => {
      cancel()
      if (signal.aborted) reject(signal.reason as Error)
      else if (failure !== undefined) reject(failure)
      else if (hasEnded) resolve()
      else reject(new ApiError('connection', `cannot talk to the API server ${server}: connection closed in the middle of an answer`))
    })
  })
}

/** The whole body as text. Rejects as `readBody` does, and when it is longer than `bytesMax`. */
export async function readText(response: IncomingMessage, bytesMax: number, reading: BodyReading): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  await readBody(response, {
    ...reading,
    onChunk: (chunk) => {
      bytes += chunk.length
      if (bytes > bytesMax) throw new ApiError('malformed', `${reading.what}: longer than ${bytesMax} bytes`)
      chunks.push(chunk)
    },
  })
  return Buffer.concat(chunks).toString('utf8')
}

function uncompressed(response: IncomingMessage): Readable {
  if (response.headers['content-encoding'] !== 'gzip') return response
  // Errors come out of the last stream too, where they are handled.
  return pipeline(response, createGunzip({ chunkSize: GUNZIP_BYTES }), () => {})
}

function isBadCompression(error: Error): boolean {
  return 'code' in error && String(error.code).startsWith('Z_')
}
