/** A known mix of traffic and what each sidecar must have logged about it. */
import { once } from 'node:events'
import { type Mesh, PRODUCTPAGE_ADDRESS, SERVICE_ADDRESS } from './mesh.ts'
import { type GrpcDriver, grpcDriver, type HttpDriver, http1Driver, http2Driver, tcpDriver, tcpRefused } from './traffic.ts'
import { TCP_ECHO_FACTOR, type Upstreams } from './upstreams.ts'

/** How often each outcome was sent, by `reporter code flags` (HTTP) or `reporter code flags status` (gRPC). */
export type Outcomes = Record<string, number>

interface Case {
  readonly path: string
  /** Sends one request; `n` is unique within the mix. */
  readonly send: (driver: HttpDriver, n: string) => Promise<number>
  readonly answer: number
  /** `code flags` that the client's and the server's sidecar log for one request. */
  readonly source: readonly string[]
  readonly destination: readonly string[]
}

const get = (path: string) => (driver: HttpDriver) => driver.get(path)

function status(code: number): Case {
  return { path: `status ${code}`, send: get(`/status/${code}`), answer: code, source: [`${code} -`], destination: [`${code} -`] }
}

const CASES: readonly Case[] = [
  ...[200, 201, 204, 301, 400, 404, 429, 500, 503].map(status),
  { path: 'no endpoint', send: get('/uh'), answer: 503, source: ['503 UH'], destination: [] },
  { path: 'connection refused', send: get('/uf'), answer: 503, source: ['503 UF'], destination: [] },
  { path: 'route timeout', send: get('/hang/ut'), answer: 504, source: ['504 UT'], destination: ['0 DC'] },
  { path: 'app closes', send: get('/close'), answer: 503, source: ['503 -'], destination: ['503 UC'] },
  { path: 'retry helps', send: (driver, n) => driver.get(`/flaky/${n}/2`), answer: 200, source: ['200 -'], destination: ['503 -', '503 -', '200 -'] },
  { path: 'retry in vain', send: (driver, n) => driver.get(`/flaky/${n}/9`), answer: 503, source: ['503 URX'], destination: ['503 -', '503 -', '503 -'] },
  { path: 'fault: abort', send: get('/fi'), answer: 555, source: ['555 FI'], destination: [] },
  { path: 'fault: delay', send: get('/delay'), answer: 200, source: ['200 DI'], destination: ['200 -'] },
  { path: 'fault: both', send: get('/both'), answer: 503, source: ['503 DI,FI'], destination: [] },
  { path: 'no route', send: (driver) => driver.get('/x', 'nobody'), answer: 404, source: ['404 NR'], destination: [] },
  { path: 'direct response', send: get('/direct'), answer: 200, source: ['200 -'], destination: [] },
]

/** Sends every HTTP case `times` times over HTTP/1.1 and HTTP/2, and tells what must have been counted. */
export async function sendHttp(mesh: Mesh, upstreams: Upstreams, times: number): Promise<Outcomes> {
  const target = { host: SERVICE_ADDRESS, port: mesh.productpage.ports['http'] ?? 0, from: PRODUCTPAGE_ADDRESS }
  const sent: Outcomes = {}
  for (const [version, driver] of [
    ['h1', http1Driver(target)],
    ['h2', http2Driver(target)],
  ] as const) {
    for (let round = 0; round < times; round++) {
      for (const [at, one] of CASES.entries()) {
        const answer = await one.send(driver, `${version}-${round}-${at}`)
        if (answer !== one.answer) throw new Error(`${version} ${one.path}: Envoy answered ${answer}, not ${one.answer}; the mix does not do what it says`)
        count(sent, 'source', one.source)
        count(sent, 'destination', one.destination)
      }
      await driver.abandon('/hang/client-gone', once(upstreams.seen, 'hang'))
      count(sent, 'source', [version === 'h1' ? '0 DC' : '0 DR'])
      count(sent, 'destination', ['0 DC'])
    }
    await sendLimited(driver, version === 'h1' ? 2 : 0, sent)
    driver.close()
  }
  return sent
}

/** The route's bucket has two tokens for the life of the Envoy. */
async function sendLimited(driver: HttpDriver, tokens: number, sent: Outcomes): Promise<void> {
  for (let i = 0; i < 5; i++) {
    const answer = await driver.get('/limited')
    if (answer !== (i < tokens ? 200 : 429)) throw new Error(`rate limit: request ${i} was answered ${answer}`)
    count(sent, 'source', [answer === 200 ? '200 -' : '429 RL'])
    if (answer === 200) count(sent, 'destination', ['200 -'])
  }
}

interface Call {
  readonly send: (driver: GrpcDriver) => Promise<number>
  readonly status: number
  /** `code flags status`. */
  readonly source: readonly string[]
  readonly destination: readonly string[]
}

const CALLS: readonly Call[] = [
  { send: (driver) => driver.call('say', 'hello'), status: 0, source: ['200 - 0'], destination: ['200 - 0'] },
  { send: (driver) => driver.call('fail', '5'), status: 5, source: ['200 - 5'], destination: ['200 - 5'] },
  { send: (driver) => driver.call('fail', '13'), status: 13, source: ['200 - 13'], destination: ['200 - 13'] },
  { send: (driver) => driver.chat(4), status: 0, source: ['200 - 0'], destination: ['200 - 0'] },
  { send: (driver) => driver.call('nobody', ''), status: 14, source: ['200 UH 14'], destination: [] },
  // Cut off by the caller's proxy: the callee's side has neither a code nor a status.
  { send: (driver) => driver.call('slow', ''), status: 14, source: ['200 UT 14'], destination: ['0 DR '] },
]

/** Sends every gRPC case `times` times, and tells what must have been counted. */
export async function sendGrpc(mesh: Mesh, times: number): Promise<Outcomes> {
  const driver = grpcDriver({ host: SERVICE_ADDRESS, port: mesh.productpage.ports['grpc'] ?? 0 })
  const sent: Outcomes = {}
  for (let round = 0; round < times; round++) {
    for (const call of CALLS) {
      const got = await call.send(driver)
      if (got !== call.status) throw new Error(`gRPC: status ${got} came back, not ${call.status}; the mix does not do what it says`)
      count(sent, 'source', call.source)
      count(sent, 'destination', call.destination)
    }
  }
  driver.close()
  return sent
}

/** What was sent over TCP, as each side's proxy must have counted it. */
export interface TcpTruth {
  readonly opened: Outcomes
  /** By `reporter flags`. */
  readonly closed: Outcomes
  /** Bytes from the client, and to the client, by reporter. */
  readonly received: Outcomes
  readonly sent: Outcomes
}

/** Opens `times` connections that exchange bytes, and as many that find no endpoint or are refused. */
export async function sendTcp(mesh: Mesh, times: number): Promise<TcpTruth> {
  const target = (name: string) => ({ host: SERVICE_ADDRESS, port: mesh.productpage.ports[name] ?? 0, from: PRODUCTPAGE_ADDRESS })
  let bytes = 0
  for (let round = 0; round < times; round++) {
    const connection = await tcpDriver(target('tcp'))
    for (const size of [1000 + round, 1, 20_000]) {
      await connection.exchange(size, size * TCP_ECHO_FACTOR)
      bytes += size
    }
    await connection.close()
    await tcpRefused(target('tcp-uf'))
    await tcpRefused(target('tcp-uh'))
  }
  return {
    opened: { source: times * 3, destination: times },
    closed: { 'source -': times, 'source UF,URX': times, 'source UH': times, 'destination -': times },
    received: { source: bytes, destination: bytes },
    sent: { source: bytes * TCP_ECHO_FACTOR, destination: bytes * TCP_ECHO_FACTOR },
  }
}

function count(into: Outcomes, reporter: 'source' | 'destination', outcomes: readonly string[]): void {
  for (const outcome of outcomes) {
    const key = `${reporter} ${outcome}`
    into[key] = (into[key] ?? 0) + 1
  }
}
