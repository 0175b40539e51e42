/** The driver's side: single requests, calls and connections from a pod's address. */
import { EventEmitter, once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import { type ClientHttp2Session, connect as http2Connect } from 'node:http2'
import { type Socket, connect as tcpConnect } from 'node:net'
import * as grpc from '@grpc/grpc-js'
import { ECHO_METHODS } from './upstreams.ts'

export interface Target {
  readonly host: string
  readonly port: number
  /** Source address. */
  readonly from?: string
}

/** Sends GET requests and tells the status that came back. */
export interface HttpDriver {
  /** `authority` becomes the Host header. */
  get(path: string, authority?: string): Promise<number>
  /** Sends a request and goes away as soon as `arrived` resolves, without waiting for the answer. */
  abandon(path: string, arrived: Promise<unknown>): Promise<void>
  close(): void
}

export function http1Driver(target: Target): HttpDriver {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 })
  const open = (path: string, authority: string): ReturnType<typeof httpRequest> =>
    httpRequest({
      agent,
      host: target.host,
      port: target.port,
      path,
      headers: { host: authority },
      ...(target.from === undefined ? {} : { localAddress: target.from }),
    })
  return {
    get: async (path, authority = 'reviews') => {
      const request = open(path, authority).end()
      const [response] = await once(request, 'response')
      response.resume()
      await once(response, 'end')
      return response.statusCode
    },
    abandon: async (path, arrived) => {
      const request = open(path, 'reviews')
      request.on('error', () => undefined)
      request.end()
      await arrived
      const closed = closing(request)
      request.destroy()
      await closed
    },
    close: () => agent.destroy(),
  }
}

/** HTTP/2 without TLS, one connection. */
export function http2Driver(target: Target): HttpDriver {
  const session = http2Session(target)
  const open = (path: string, authority: string) => session.request({ ':path': path, ':authority': authority, ':method': 'GET', ':scheme': 'http' })
  return {
    get: async (path, authority = 'reviews') => {
      const stream = open(path, authority)
      const [headers] = await once(stream, 'response')
      stream.resume()
      await once(stream, 'close')
      return Number(headers[':status'])
    },
    abandon: async (path, arrived) => {
      const stream = open(path, 'reviews')
      stream.on('error', () => undefined)
      await arrived
      const closed = closing(stream)
      stream.close(8)
      await closed
    },
    close: () => session.close(),
  }
}

function http2Session(target: Target): ClientHttp2Session {
  const local = target.from === undefined ? {} : { localAddress: target.from }
  const session = http2Connect(`http://${target.host}:${target.port}`, {
    createConnection: () => tcpConnect({ host: target.host, port: target.port, ...local }),
  })
  session.on('error', () => undefined)
  return session
}

/** Unary and streaming calls to the echo app; each tells the gRPC status that came back. */
export interface GrpcDriver {
  call(method: 'say' | 'fail' | 'slow' | 'nobody', text: string): Promise<number>
  /** A bidirectional stream of `messages` messages. */
  chat(messages: number): Promise<number>
  close(): void
}

export function grpcDriver(target: Target): GrpcDriver {
  const client = new grpc.Client(`${target.host}:${target.port}`, grpc.credentials.createInsecure(), {
    'grpc.default_authority': 'reviews',
    'grpc.enable_retries': 0,
  })
  return {
    call: (name, text) =>
      new Promise((resolve) => {
        const { path, requestSerialize, responseDeserialize } = ECHO_METHODS[name]
        const deadline = Date.now() + 10_000
        client.makeUnaryRequest(path, requestSerialize, responseDeserialize, Buffer.from(text), { deadline }, (error) =>
          resolve(error === null ? 0 : error.code),
        )
      }),
    chat: (messages) =>
      new Promise((resolve) => {
        const { path, requestSerialize, responseDeserialize } = ECHO_METHODS.chat
        const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize)
        stream.on('data', () => undefined).on('error', () => undefined)
        stream.on('status', (status: grpc.StatusObject) => resolve(status.code))
        for (let i = 0; i < messages; i++) stream.write(Buffer.from(`message ${i}`))
        stream.end()
      }),
    close: () => client.close(),
  }
}

/** One TCP connection to the echo app. */
export interface TcpDriver {
  /** Sends bytes and waits for everything the app answers; resolves with the number of bytes that came. */
  exchange(bytes: number, expected: number): Promise<number>
  close(): Promise<void>
}

export async function tcpDriver(target: Target): Promise<TcpDriver> {
  const socket: Socket = tcpConnect({ host: target.host, port: target.port, ...(target.from === undefined ? {} : { localAddress: target.from }) })
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  const answered = new EventEmitter()
  let received = 0
  socket.on('data', (bytes) => {
    received += bytes.length
    answered.emit(String(received))
  })
  return {
    exchange: async (bytes, expected) => {
      const before = received
      // Named after the total, because the answer comes in pieces.
      const complete = once(answered, String(before + expected))
      socket.write(Buffer.alloc(bytes, 'y'))
      await complete
      return received - before
    },
    close: async () => {
      const closed = closing(socket)
      socket.end()
      await closed
    },
  }
}

/** Connects and waits until the other side has closed; for proxies that have nowhere to go. */
export async function tcpRefused(target: Target): Promise<void> {
  const socket = tcpConnect({ host: target.host, port: target.port, ...(target.from === undefined ? {} : { localAddress: target.from }) })
  socket.on('error', () => undefined).resume()
  await closing(socket)
}

/** Resolves when something is closed, also when an error came first, which \`once\` would reject with. */
function closing(emitter: EventEmitter): Promise<void> {
  return new Promise((resolve) => emitter.once('close', () => resolve()))
}
