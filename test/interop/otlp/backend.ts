import { Metadata } from '@grpc/grpc-js'
import { AttributeSet } from '../../../model/attributes.ts'
import { newLogRecord } from '../../../model/log_records.ts'
import { decodeLogs } from '../../../model/otlp/decode.ts'
import { encodeLogs } from '../../../model/otlp/encode.ts'
import { encodeStatus } from '../../../model/otlp/responses.ts'
import { FakeOtlpGrpcServer, FakeOtlpHttpServer } from '../../fakes/otlp_server.ts'

export type Protocol = 'grpc' | 'http'

/** How a backend answers: by taking the request, with a code of its protocol, or not at all. */
export type Verdict = 'taken' | 'never' | { readonly code: number; readonly retryAfterMs?: number }

/** One request that came. */
export interface Arrival {
  readonly name: string
  readonly verdict: Verdict
  readonly atMs: number
}

/** A backend of requests that have names, and that answers them as a test wants. */
export class Backend {
  /** Everything that came, repeats included. */
  readonly arrivals: Arrival[] = []
  /** `attempt` is 1 when the request comes for the first time. Requests that come as one are answered as the first of them. */
  answer: (name: string, attempt: number) => Verdict = () => 'taken'
  readonly #protocol: Protocol
  readonly #port: number
  readonly #attempts = new Map<string, number>()
  #server: FakeOtlpGrpcServer | FakeOtlpHttpServer | undefined

  constructor(protocol: Protocol, port: number) {
    this.#protocol = protocol
    this.#port = port
  }

  /** Listens on its port, also again after `stop`. */
  async start(): Promise<this> {
    if (this.#protocol === 'grpc') {
      const server = new FakeOtlpGrpcServer()
      server.answer = ({ body }) => {
        const verdict = this.#judge(body)
        if (verdict === 'never') return 'never'
        return verdict === 'taken' ? new Uint8Array(0) : { code: verdict.code, details: 'as the test wants', ...retryInfo(verdict) }
      }
      this.#server = await server.start(undefined, this.#port)
    } else {
      const server = new FakeOtlpHttpServer()
      server.answer = ({ body }) => {
        const verdict = this.#judge(body)
        if (verdict === 'never') return 'never'
        if (verdict === 'taken') return { code: 200 }
        const headers = verdict.retryAfterMs === undefined ? {} : { 'retry-after': String(verdict.retryAfterMs / 1000) }
        return { code: verdict.code, headers, body: 'as the test wants' }
      }
      this.#server = await server.start(this.#port)
    }
    return this
  }

  stop(): void {
    this.#server?.stop()
  }

  /** How often each request was taken. */
  taken(): ReadonlyMap<string, number> {
    return timesOf(this.arrivals.filter(({ verdict }) => verdict === 'taken'))
  }

  /** How often each request came. */
  came(): ReadonlyMap<string, number> {
    return timesOf(this.arrivals)
  }

  #judge(body: Uint8Array): Verdict {
    const names = namesOf(body)
    const [first = ''] = names
    const verdict = this.answer(first, (this.#attempts.get(first) ?? 0) + 1)
    for (const name of names) {
      this.#attempts.set(name, (this.#attempts.get(name) ?? 0) + 1)
      this.arrivals.push({ name, verdict, atMs: performance.now() })
    }
    return verdict
  }
}

/** The bytes of a request with a name. `padding` bytes are added to each of its records. */
export function namedRequest(name: string, items: number, padding = 0): Uint8Array<ArrayBuffer> {
  const attributes = padding === 0 ? AttributeSet.empty : AttributeSet.of({ padding: noise(padding) })
  const records = Array.from({ length: items }, (_, i) => newLogRecord({ body: `${name} ${i}`, attributes }))
  return encodeLogs({ groups: [{ resource: { attributes: AttributeSet.of({ 'service.name': name }) }, scope: { name: 'test', version: '' }, records }] })
}

/** Text that does not become much smaller by compression. */
function noise(length: number): string {
  let state = 1
  const characters = Array.from({ length }, () => {
    state = (state * 48_271) % 2_147_483_647
    return String.fromCharCode(33 + (state % 90))
  })
  return characters.join('')
}

function namesOf(body: Uint8Array): readonly string[] {
  const names = decodeLogs(body).groups.map(({ resource }) => {
    const name = resource.attributes.get('service.name')
    if (typeof name !== 'string') throw new Error('a request without a name came')
    return name
  })
  return [...new Set(names)]
}

function retryInfo({ code, retryAfterMs }: { readonly code: number; readonly retryAfterMs?: number }): { metadata?: Metadata } {
  if (retryAfterMs === undefined) return {}
  const metadata = new Metadata()
  metadata.set('grpc-status-details-bin', Buffer.from(encodeStatus({ code, message: 'as the test wants', retryAfterMs })))
  return { metadata }
}

function timesOf(arrivals: readonly Arrival[]): ReadonlyMap<string, number> {
  const times = new Map<string, number>()
  for (const { name } of arrivals) times.set(name, (times.get(name) ?? 0) + 1)
  return times
}
