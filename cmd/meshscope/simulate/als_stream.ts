import type { Client, ClientWritableStream, StatusObject } from '@grpc/grpc-js'
import { status as grpcStatus, Metadata } from '@grpc/grpc-js'
import { ProtobufWriter, varintSize } from '../../../lib/protobuf/writer.ts'
import type { ProxyLog } from './bookinfo.ts'
import { type HttpCallFacts, type HttpCallSite, requestWireBytes, responseWireBytes, writeHttpEntry } from './http_call_site.ts'
import { type TcpEnd, writeTcpEntry } from './tcp_connection.ts'
import { Tally } from './truth.ts'

export const STREAM_METHOD = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs'

/** Envoy's default `buffer_size_bytes`: a message is sent when its entries reach this. */
const BUFFER_BYTES = 16_384
/** What Envoy holds back per stream before it drops new entries when the receiver does not read. */
const BACKLOG_BYTES_MAX = 16 << 20
const BACKOFF_MS = { first: 100, most: 5_000 }

/** What became of the entries of one stream. All streams of a simulation share one. */
export class Delivery {
  /** Per row of the truth: what receivers acknowledged with OK. */
  readonly confirmed = new Tally()
  /** Sent on streams that broke. */
  unconfirmed = 0
  /** Never sent. */
  lost = 0
  /** Handed to a stream, whatever came of it. */
  sent = 0
  /** Streams that are open now. */
  streams = 0
  /** The last thing that went wrong, for the operator. */
  lastProblem = ''
}

/** The connection that some streams share. */
export interface AlsConnection {
  readonly client: Client
  /** True when a stream can be opened without waiting. Asks for a connection when there is none. */
  isReady(): boolean
}

type Call = ClientWritableStream<Buffer>

/**
 * The access-log stream of one proxy and log, as Envoy keeps it: opened at the first flush, its first message names the
 * node, a message per flush; reopened with a back-off when it broke. Entries that meet no stream are lost and counted.
 */
export class AlsStream {
  readonly #connection: AlsConnection
  readonly #identifier: Uint8Array
  readonly #log: ProxyLog
  readonly #delivery: Delivery
  readonly #nowMs: () => number
  readonly #entries = new ProtobufWriter(32 << 10)
  /** HTTP entries in the buffer. */
  readonly #buffered = new Tally()
  /** TCP entries in the buffer, with the totals at the time they were written. */
  #bufferedTcp: { readonly end: TcpEnd; readonly received: number; readonly sent: number; readonly isEnd: boolean }[] = []
  /** What went out on the open stream. */
  readonly #pending = new Tally()
  /** Connections that were reported and are still open. */
  readonly #tcpEnds = new Set<TcpEnd>()
  #call: Call | undefined
  #pendingBytes = 0
  #failures = 0
  #retryAtMs = 0
  #isFirstMessage = true
  #closed: { readonly resolve: () => void } | undefined

  constructor(options: {
    readonly connection: AlsConnection
    /** The encoded `identifier` field. */
    readonly identifier: Uint8Array
    readonly log: ProxyLog
    readonly delivery: Delivery
    readonly nowMs: () => number
  }) {
    this.#connection = options.connection
    this.#identifier = options.identifier
    this.#log = options.log
    this.#delivery = options.delivery
    this.#nowMs = options.nowMs
  }

  /** Buffers an HTTP entry; sends when the buffer is full. */
  http(site: HttpCallSite, facts: HttpCallFacts): void {
    writeHttpEntry(this.#entries, site, facts)
    this.#buffered.add(site.row, 1, requestWireBytes(facts), responseWireBytes(site, facts), Math.floor(facts.durationUs / 1000))
    if (this.#entries.length >= BUFFER_BYTES) this.flush()
  }

  /** Buffers an entry of a TCP connection; sends when the buffer is full. */
  tcp(end: TcpEnd, nowUs: number, isEnd: boolean): void {
    writeTcpEntry(this.#entries, end, nowUs, isEnd)
    this.#bufferedTcp.push({ end, received: end.connection.receivedBytes, sent: end.connection.sentBytes, isEnd })
    if (this.#entries.length >= BUFFER_BYTES) this.flush()
  }

  /** Sends what is buffered, as Envoy does once a second. */
  flush(): void {
    if (this.#entries.length === 0) return
    const count = this.#buffered.entries + this.#bufferedTcp.length
    if (this.#pendingBytes > BACKLOG_BYTES_MAX || !this.#open()) {
      this.#delivery.lost += count
      this.#buffered.clear()
      for (const { end, isEnd } of this.#bufferedTcp) if (isEnd) this.#tcpEnds.delete(end)
    } else {
      this.#write(this.#message())
      this.#delivery.sent += count
      this.#pending.take(this.#buffered)
      for (const { end, received, sent, isEnd } of this.#bufferedTcp) this.#tellTcp(end, received, sent, isEnd)
    }
    this.#entries.reset()
    this.#bufferedTcp = []
  }

  /** Half-closes the stream and resolves when the receiver has ended it, or at once when none is open. */
  async close(): Promise<void> {
    this.flush()
    const call = this.#call
    if (call === undefined) return
    await new Promise<void>((resolve) => {
      this.#closed = { resolve }
      call.end()
    })
  }

  /** Gives up an open stream; what it carried stays unconfirmed. */
  cancel(): void {
    this.#call?.cancel()
  }

  #message(): Buffer {
    const entries = this.#entries.view()
    const head = this.#isFirstMessage ? this.#identifier : new Uint8Array(0)
    this.#isFirstMessage = false
    // http_logs is field 2, tcp_logs field 3; both are messages.
    const wrapper = new ProtobufWriter(16)
    const size = 1 + varintSize(entries.length)
    const message = Buffer.allocUnsafe(head.length + size + entries.length)
    message.set(head)
    message.set(wrapper.varint(this.#log === 'http' ? 2 : 3, entries.length).view(), head.length)
    // A varint field and a length-delimited one differ in the wire type only.
    message[head.length] = (message[head.length] as number) | 2
    message.set(entries, head.length + size)
    return message
  }

  #write(message: Buffer): void {
    this.#pendingBytes += message.length
    this.#call?.write(message, () => {
      this.#pendingBytes -= message.length
    })
  }

  /** True when a stream is open. */
  #open(): boolean {
    if (this.#call !== undefined) return true
    if (this.#nowMs() < this.#retryAtMs || !this.#connection.isReady()) return false
    const identity = (message: Buffer): Buffer => message
    // The status event tells everything; the callback must be there for the response.
    const call = this.#connection.client.makeClientStreamRequest(STREAM_METHOD, identity, identity, new Metadata(), () => undefined)
    call.on('status', (status) => this.#ended(call, status))
    call.on('error', (error) => void (this.#delivery.lastProblem = error.message))
    this.#call = call
    this.#pendingBytes = 0
    this.#isFirstMessage = true
    this.#delivery.streams++
    return true
  }

  #ended(call: Call, status: StatusObject): void {
    if (this.#call !== call) return
    this.#call = undefined
    this.#delivery.streams--
    if (status.code === grpcStatus.OK) {
      this.#failures = 0
      this.#delivery.confirmed.take(this.#pending)
      this.#settleTcp((end) => Object.assign(end.confirmed, end.told))
    } else {
      this.#delivery.lastProblem = `stream ended with ${grpcStatus[status.code]}: ${status.details}`
      this.#delivery.unconfirmed += this.#pending.entries
      this.#pending.clear()
      this.#settleTcp((end) => Object.assign(end.told, end.confirmed))
      const delayMs = Math.min(BACKOFF_MS.most, BACKOFF_MS.first * 2 ** this.#failures++)
      this.#retryAtMs = this.#nowMs() + delayMs
    }
    this.#closed?.resolve()
  }

  /** What a TCP entry adds to what the receiver was told of its connection before. */
  #tellTcp(end: TcpEnd, received: number, sent: number, isEnd: boolean): void {
    const { told } = end
    this.#pending.add(end.row, 1, told.isOpened ? 0 : 1, isEnd ? 1 : 0, received - told.receivedBytes, sent - told.sentBytes)
    told.isOpened = true
    told.receivedBytes = received
    told.sentBytes = sent
    if (isEnd) this.#tcpEnds.delete(end)
    else this.#tcpEnds.add(end)
  }

  #settleTcp(settle: (end: TcpEnd) => void): void {
    for (const end of this.#tcpEnds) settle(end)
  }
}
