import { type AlsSchema, encode, type Plain, structAny } from './als_oracle.ts'

/** Numbers that are the same in every run. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0 || 1
  }

  /** Between 0 and `below` - 1. */
  int(below: number): number {
    this.#state = Math.imul(this.#state ^ (this.#state >>> 15), 0x2c1b3c6d)
    this.#state = Math.imul(this.#state ^ (this.#state >>> 12), 0x297a2d39)
    this.#state ^= this.#state >>> 15
    this.#state = (this.#state + 0x6d2b79f5) | 0
    return (this.#state >>> 0) % below
  }

  pick<T>(values: readonly T[]): T {
    return values[this.int(values.length)] as T
  }

  hex(digits: number): string {
    let text = ''
    while (text.length < digits) text += this.int(16).toString(16)
    return text
  }
}

const SERVICES = Array.from({ length: 40 }, (_, i) => `service-${String.fromCharCode(97 + (i % 26))}${i}`)
const PATHS = ['/api/v1/items', '/api/v1/items/42', '/reviews/0', '/details/0', '/health', '/productpage?u=normal']
const AGENTS = ['curl/8.5.0', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36', 'Go-http-client/2.0']

function address(ip: string, port: number): Plain {
  return { socket_address: { address: ip, port_value: port } }
}

function ago(random: Random, mostMs: number): Plain {
  return { nanos: 10_000 + random.int(mostMs * 1_000_000) }
}

/** One HTTP entry as an Istio sidecar logs it; about 640 bytes. */
function httpEntry(schema: AlsSchema, random: Random): Plain {
  const at = random.int(SERVICES.length)
  const service = SERVICES[at] as string
  const peer = random.int(6)
  const ip = `10.1.${at}.${10 + peer}`
  const isOutbound = random.int(2) === 0
  const code = random.int(20) === 0 ? 503 : 200
  return {
    common_properties: {
      downstream_remote_address: address(`10.1.7.${random.int(20)}`, 30_000 + random.int(30_000)),
      downstream_local_address: address(`10.96.3.${at}`, 9080),
      start_time: { seconds: 1_795_387_941 + random.int(1000), nanos: random.int(1_000_000_000) },
      time_to_last_rx_byte: ago(random, 1),
      time_to_first_upstream_tx_byte: ago(random, 2),
      time_to_last_upstream_tx_byte: ago(random, 2),
      time_to_first_upstream_rx_byte: ago(random, 40),
      time_to_last_upstream_rx_byte: ago(random, 40),
      time_to_first_downstream_tx_byte: ago(random, 41),
      time_to_last_downstream_tx_byte: ago(random, 42),
      upstream_remote_address: address(ip, 9080),
      upstream_local_address: address('10.1.7.9', 40_000 + random.int(9000)),
      upstream_cluster: isOutbound ? `outbound|9080||${service}.default.svc.cluster.local` : 'inbound|9080||',
      response_flags: code === 503 ? { upstream_connection_failure: true } : {},
      route_name: 'default',
      downstream_direct_remote_address: address(`10.1.7.${random.int(20)}`, 30_000 + random.int(30_000)),
      filter_state_objects:
        random.int(4) === 0
          ? { upstream_peer: structAny(schema, { workload: `${service}-v1`, namespace: 'default', cluster: 'Kubernetes', app: service, version: 'v1' }) }
          : {},
      duration: ago(random, 43),
      upstream_request_attempt_count: 1,
      stream_id: `${random.hex(8)}-${random.hex(4)}-4000-8000-${random.hex(12)}`,
      downstream_wire_bytes_sent: 200 + random.int(3000),
      downstream_wire_bytes_received: 100 + random.int(900),
      upstream_wire_bytes_sent: 100 + random.int(900),
      upstream_wire_bytes_received: 200 + random.int(3000),
      access_log_type: 6,
    },
    protocol_version: 2,
    request: {
      request_method: random.pick([1, 1, 3]),
      scheme: 'http',
      authority: `${service}:9080`,
      path: random.pick(PATHS),
      user_agent: random.pick(AGENTS),
      request_id: `${random.hex(8)}-${random.hex(4)}-4000-8000-${random.hex(12)}`,
      request_headers_bytes: 300 + random.int(400),
      request_body_bytes: random.int(500),
    },
    response: {
      response_code: { value: code },
      response_headers_bytes: 100 + random.int(100),
      response_body_bytes: random.int(4000),
      response_code_details: code === 503 ? 'upstream_reset_before_response_started{connection_failure}' : 'via_upstream',
    },
  }
}

export interface MessageShape {
  readonly count: number
  readonly entriesPerMessage: number
  readonly seed?: number
}

/** Encoded messages like those of a busy mesh, without identifiers. */
export function meshMessages(schema: AlsSchema, shape: MessageShape): Uint8Array[] {
  const random = new Random(shape.seed ?? 1)
  return Array.from({ length: shape.count }, () =>
    encode(schema.message, { http_logs: { log_entry: Array.from({ length: shape.entriesPerMessage }, () => httpEntry(schema, random)) } }),
  )
}
