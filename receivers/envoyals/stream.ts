import { gunzipSync, inflateSync } from 'node:zlib'
import { status } from '@grpc/grpc-js'
import type { RawCall } from '../../component/kit/grpc_server.ts'
import type { StreamOrigin } from '../../model/access_logs.ts'
import { type FrameSink, GrpcFrames } from './grpc_frames.ts'
import { parseIdentifier } from './identifier.ts'
import type { Intake, MessageSource } from './intake.ts'
import type { Instruments, StreamFault } from './telemetry.ts'

/** How a stream is answered: `OK` and an empty response without an argument. */
export type Answer = (error?: { readonly code: number; readonly details: string }) => void

export interface StreamSettings {
  readonly intake: Intake
  readonly instruments: Instruments
  readonly messageBytesMax: number
  readonly apiVersion: StreamOrigin['apiVersion']
  readonly answer: Answer
  /** Called once, when the stream is closed on both sides. */
  readonly closed: (stream: AlsStream) => void
}

/** Ids of origins are unique in a thread and never used again. */
let lastOriginId = 0

/**
 * One stream of access logs: it keeps who sends, answers once, and goes on reading after it has answered, until its client
 * closes it, because what is on the way then has left Envoy's books already.
 */
export class AlsStream implements MessageSource, FrameSink {
  origin: StreamOrigin
  readonly #call: RawCall
  readonly #settings: StreamSettings
  readonly #frames: GrpcFrames
  #isAnswered = false
  #isBegun = false
  #isIdentified = false

  constructor(call: RawCall, settings: StreamSettings) {
    this.#call = call
    this.#settings = settings
    this.origin = {
      id: ++lastOriginId,
      node: new Uint8Array(0),
      nodeId: '',
      nodeCluster: '',
      logName: '',
      peer: peerOf(call),
      apiVersion: settings.apiVersion,
    }
    this.#frames = new GrpcFrames(settings.messageBytesMax, this)
    const { stream } = call
    let hasEnded = false
    stream.on('data', (chunk: Buffer) => {
      const discarded = this.#frames.write(chunk)
      if (discarded > 0) settings.instruments.discarded[this.#discardReason].add(discarded)
    })
    stream.once('end', () => {
      hasEnded = true
      settings.intake.end(this)
    })
    // A reset is followed by `close`; what it means is decided there.
    stream.on('error', () => {})
    stream.once('close', () => {
      const cut = this.#frames.pendingBytes
      if (cut > 0) {
        settings.instruments.faults.cut.add(1)
        settings.instruments.discarded.cut.add(cut)
      }
      if (!hasEnded) this.#isAnswered = true
      settings.closed(this)
    })
    stream.resume()
  }

  /** Ends the stream from this side with OK, as its client's cue to open another one; it is still read. */
  finish(): void {
    this.#answer()
  }

  identify(bytes: Uint8Array): void {
    const identifier = parseIdentifier(bytes)
    if (identifier === undefined) {
      this.#settings.instruments.faults.identifier.add(1)
      return
    }
    this.#isIdentified = true
    this.origin = { ...this.origin, ...identifier, id: ++lastOriginId }
  }

  begun(): void {
    if (this.#isBegun) return
    this.#isBegun = true
    if (!this.#isIdentified) this.#settings.instruments.unidentified.add(1)
  }

  drained(): void {
    this.#answer()
  }

  unframeable(): void {
    this.#fail('unframeable', status.INVALID_ARGUMENT, 'StreamAccessLogsMessage cannot be decoded: a length in it is broken')
  }

  message(bytes: Uint8Array, isCompressed: boolean): void {
    const { intake, instruments } = this.#settings
    if (!isCompressed) {
      intake.push(this, bytes)
      return
    }
    const plain = this.#decompress(bytes)
    if (plain === undefined) instruments.discarded.compression.add(bytes.length)
    else intake.push(this, plain)
  }

  #discardReason: 'too_large' | 'framing' = 'too_large'

  tooLarge(size: number): void {
    const limit = this.#settings.messageBytesMax
    this.#fail('too_large', status.RESOURCE_EXHAUSTED, `message of ${size} bytes is larger than max_recv_msg_size_mib allows (${limit} bytes)`)
  }

  broken(): void {
    this.#discardReason = 'framing'
    this.#fail('framing', status.INVALID_ARGUMENT, 'not a gRPC frame')
  }

  #decompress(bytes: Uint8Array): Uint8Array | undefined {
    const { encoding } = this.#call
    const limits = { maxOutputLength: this.#settings.messageBytesMax }
    try {
      if (encoding === 'gzip') return gunzipSync(bytes, limits)
      if (encoding === 'deflate') return inflateSync(bytes, limits)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
        this.#fail('too_large', status.RESOURCE_EXHAUSTED, `decompressed message is larger than ${limits.maxOutputLength} bytes`)
      else this.#fail('compression', status.INTERNAL, `message cannot be decompressed with ${encoding}`)
      return undefined
    }
    this.#fail('compression', status.UNIMPLEMENTED, `messages compressed with ${encoding} are not supported; use gzip, deflate or identity`)
    return undefined
  }

  #fail(fault: StreamFault, code: number, details: string): void {
    this.#settings.instruments.faults[fault].add(1)
    this.#answer({ code, details })
  }

  #answer(error?: { readonly code: number; readonly details: string }): void {
    if (this.#isAnswered) return
    this.#isAnswered = true
    this.#settings.answer(error)
  }
}

/** `ip:port`, `[ipv6]:port` or `unix`. */
function peerOf(call: RawCall): string {
  const socket = call.stream.session?.socket
  const address = socket?.remoteAddress
  if (address === undefined) return 'unix'
  const plain = address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/, '')
  return plain.includes(':') ? `[${plain}]:${socket?.remotePort}` : `${plain}:${socket?.remotePort}`
}
