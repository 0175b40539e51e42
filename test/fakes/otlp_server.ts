import { createServer, type Server as HttpServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import { Metadata, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js'

/** A request that a fake server got, decompressed. */
export interface GotRequest {
  /** Method or path. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** How a fake gRPC server answers: with bytes, with a status, or never. */
export type GrpcAnswer = Uint8Array | { readonly code: number; readonly details: string; readonly metadata?: Metadata } | 'never'

const SERVICES = [
  'opentelemetry.proto.collector.logs.v1.LogsService',
  'opentelemetry.proto.collector.metrics.v1.MetricsService',
  'opentelemetry.proto.collector.trace.v1.TraceService',
]

/** A gRPC server for the three OTLP services that keeps what it gets; `answer` decides about each request, success by default. */
export class FakeOtlpGrpcServer {
  readonly requests: GotRequest[] = []
  answer: (request: GotRequest) => GrpcAnswer = () => new Uint8Array(0)
  readonly #server = new Server({ 'grpc.max_receive_message_length': -1 })
  port = 0

  constructor() {
    for (const service of SERVICES) {
      const path = `/${service}/Export`
      const handler = (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void => this.#handle(path, call, callback)
      const bytes = (value: Buffer): Buffer => value
      const method = {
        path,
        requestStream: false,
        responseStream: false,
        requestSerialize: bytes,
        requestDeserialize: bytes,
        responseSerialize: bytes,
        responseDeserialize: bytes,
      }
      this.#server.addService({ Export: method }, { Export: handler })
    }
  }

  /** Listens on 127.0.0.1; `port` says where. */
  async start(credentials: ServerCredentials = ServerCredentials.createInsecure(), port = 0): Promise<this> {
    this.port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)))
    })
    return this
  }

  stop(): void {
    this.#server.forceShutdown()
  }

  #handle(path: string, call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>): void {
    const headers = Object.fromEntries(Object.entries(call.metadata.getMap()).map(([key, value]) => [key, String(value)]))
    const request = { path, headers, body: call.request }
    this.requests.push(request)
    const answer = this.answer(request)
    if (answer === 'never') return
    if (answer instanceof Uint8Array) callback(null, Buffer.from(answer))
    else callback({ name: 'Error', message: answer.details, ...answer })
  }
}

/** How a fake HTTP server answers: with a response, by cutting the connection, or never. */
export type HttpAnswer = { readonly code: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string | Uint8Array } | 'cut' | 'never'

const DECODERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = { gzip: gunzipSync, zstd: zstdDecompressSync, deflate: inflateSync }

/** An HTTP server that keeps what it gets; `answer` decides about each request, success by default. */
export class FakeOtlpHttpServer {
  readonly requests: GotRequest[] = []
  answer: (request: GotRequest) => HttpAnswer = () => ({ code: 200 })
  /** Connections that were opened. */
  connections = 0
  readonly #isPlain: boolean
  readonly #server: HttpServer

  /** `tls` makes it one for https. */
  constructor(tls?: ServerOptions) {
    const listener: RequestListener = (message, response) => {
      void (async () => {
        const request = await gotRequest(message)
        this.requests.push(request)
        const answer = this.answer(request)
        if (answer === 'cut') message.socket.destroy()
        else if (answer !== 'never') response.writeHead(answer.code, answer.headers).end(answer.body)
      })()
    }
    this.#isPlain = tls === undefined
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
    this.#server.on('connection', () => this.connections++)
  }

  /** Listens on 127.0.0.1; `url` says where. */
  async start(port = 0): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject).listen(port, '127.0.0.1', resolve)
    })
    return this
  }

  get url(): string {
    return `${this.#isPlain ? 'http' : 'https'}://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

async function gotRequest(message: IncomingMessage): Promise<GotRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  const headers = Object.fromEntries(Object.entries(message.headers).map(([key, value]) => [key, String(value)]))
  const body = Buffer.concat(chunks)
  const decode = DECODERS[headers['content-encoding'] ?? '']
  return { path: message.url ?? '', headers, body: decode === undefined ? body : decode(body) }
}
