/** The apps behind the mesh: an HTTP server, a gRPC server and a TCP server in the test's own process. */
import { EventEmitter, once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import * as grpc from '@grpc/grpc-js'

export interface Upstreams {
  readonly httpPort: number
  readonly grpcPort: number
  readonly tcpPort: number
  /** Emits `hang` with the path when a request has arrived that will never be answered. */
  readonly seen: EventEmitter
  stop(): Promise<void>
}

/** How many bytes the TCP app answers for each byte it gets, so that the two directions can be told apart. */
export const TCP_ECHO_FACTOR = 3

const identity = (bytes: Buffer): Buffer => bytes

function method(name: string, stream = false): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path: `/interop.Echo/${name}`,
    requestStream: stream,
    responseStream: stream,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  }
}

export const ECHO_METHODS = {
  say: method('Say'),
  fail: method('Fail'),
  slow: method('Slow'),
  nobody: method('Nobody'),
  chat: method('Chat', true),
} as const

export async function startUpstreams(): Promise<Upstreams> {
  const seen = new EventEmitter()
  const http = createHttpServer((request, response) => answer(request, response, seen))
  http.keepAliveTimeout = 60_000
  http.requestTimeout = 0
  const sockets = new Set<Socket>()
  const tcp = createTcpServer({ allowHalfOpen: false }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy())
    socket.on('data', (bytes) => socket.write(Buffer.alloc(bytes.length * TCP_ECHO_FACTOR, 'x')))
  })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  await once(tcp.listen(0, '127.0.0.1'), 'listening')
  const server = grpcServer()
  const grpcPort = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => (error === null ? resolve(port) : reject(error)))
  })
  return {
    httpPort: (http.address() as AddressInfo).port,
    tcpPort: (tcp.address() as AddressInfo).port,
    grpcPort,
    seen,
    stop: async () => {
      server.forceShutdown()
      http.closeAllConnections()
      for (const socket of sockets) socket.destroy()
      await Promise.all([new Promise((resolve) => http.close(resolve)), new Promise((resolve) => tcp.close(resolve))])
    },
  }
}

const failures = new Map<string, number>()

/**
 * `/status/N` answers N, `/hang…` never answers, `/close` closes the connection instead of answering,
 * `/flaky/KEY/N` answers 503 the first N times and 200 after that, anything else 200.
 */
function answer(request: IncomingMessage, response: ServerResponse, seen: EventEmitter): void {
  const path = request.url ?? '/'
  const [, first = '', second = '', third = ''] = path.split('/')
  request.resume()
  if (first === 'hang') {
    seen.emit('hang', path)
    return
  }
  if (first === 'close') {
    request.socket.destroy()
    return
  }
  if (first === 'flaky') {
    const failed = failures.get(second) ?? 0
    failures.set(second, failed + 1)
    response.writeHead(failed < Number(third) ? 503 : 200).end()
    return
  }
  response.writeHead(first === 'status' ? Number(second) : 200).end(first === 'status' ? '' : 'ok\n')
}

const FAILURES: Readonly<Record<string, grpc.status>> = { 5: grpc.status.NOT_FOUND, 13: grpc.status.INTERNAL }

function grpcServer(): grpc.Server {
  const server = new grpc.Server()
  server.addService(ECHO_METHODS, {
    say: (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) => callback(null, call.request),
    fail: (call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) =>
      callback({ code: FAILURES[call.request.toString()] ?? grpc.status.UNKNOWN, details: 'as asked' }),
    // Neither is answered: the route times out, or has no endpoint.
    slow: () => undefined,
    nobody: () => undefined,
    chat: (call: grpc.ServerDuplexStream<Buffer, Buffer>) => {
      call.on('data', (bytes: Buffer) => call.write(bytes)).on('end', () => call.end())
    },
  })
  return server
}
