/** Pre-encoded `StreamAccessLogsMessage`s as an Istio sidecar sends them, for the load generator. */
import { ProtobufWriter } from '../lib/protobuf/writer.ts'

export const ENTRIES_PER_MESSAGE = 25

export interface LoadShape {
  /** Distinct messages; enough of them keeps the receiver's caches honest. */
  readonly messages: number
  /** Distinct combinations of called service, response code and flags over all messages. */
  readonly tuples: number
  /** Entries that do not name the called workload; its address is one of ten that belong to the service. Default false. */
  readonly hasAddressesOnly?: boolean
  /** Seconds since the epoch at which the last entries began; the others began within the thousand seconds before. Default some day of 2026. */
  readonly endSeconds?: number
}

/** The first message of a stream: who is sending, with metadata as Istio sets it, and no entries. */
export function identifierMessage(workload: string): Uint8Array {
  const writer = new ProtobufWriter(4096)
  writer.message(1, () => {
    writer.message(1, () => {
      writer.string(1, `sidecar~10.0.0.1~${workload}-6b746f74dc-9stvs.default~default.svc.cluster.local`).string(2, `${workload}.default`)
      writer.message(3, () => {
        structField(writer, 'NAME', `${workload}-6b746f74dc-9stvs`)
        structField(writer, 'NAMESPACE', 'default')
        structField(writer, 'WORKLOAD_NAME', workload)
        structField(writer, 'CLUSTER_ID', 'Kubernetes')
        structField(writer, 'INSTANCE_IPS', '10.0.0.1')
      })
    })
    writer.string(2, 'http_envoy_accesslog')
  })
  return writer.finish()
}

/** `shape.messages` messages of 25 entries of about 640 bytes each. */
export function entryMessages(shape: LoadShape): readonly Uint8Array[] {
  const writer = new ProtobufWriter(32 << 10)
  const messages: Uint8Array[] = []
  for (let m = 0; m < shape.messages; m++) {
    writer.message(2, () => {
      for (let i = 0; i < ENTRIES_PER_MESSAGE; i++) writer.message(1, () => entry(writer, m * ENTRIES_PER_MESSAGE + i, shape))
    })
    messages.push(writer.finish())
  }
  return messages
}

const OUTCOMES = [
  { code: 200, flag: 0, details: 'via_upstream' },
  { code: 500, flag: 0, details: 'via_upstream' },
  { code: 404, flag: 0, details: 'via_upstream' },
  { code: 503, flag: 7, details: 'upstream_reset_before_response_started{connection_termination}' },
] as const

function entry(writer: ProtobufWriter, n: number, { tuples, hasAddressesOnly = false, endSeconds = 1_795_001_000 }: LoadShape): void {
  const tuple = n % tuples
  const service = `service-${tuple >> 2}`
  const outcome = OUTCOMES[tuple & 3] ?? OUTCOMES[0]
  const id = `${hex(n, 8)}-${hex(n * 7, 4)}-4${hex(n * 13, 3)}-9${hex(n * 29, 3)}-${hex(n * 31, 12)}`
  writer.message(1, () =>
    commonProperties(writer, {
      n,
      service,
      id,
      outcome,
      pod: hasAddressesOnly ? podOf(tuple >> 2, Math.trunc(n / tuples)) : undefined,
      startSeconds: endSeconds - 1000 + (n % 1000),
    }),
  )
  writer.varint(2, 2)
  writer.message(3, () => {
    writer
      .varint(1, 1)
      .string(2, 'http')
      .string(3, `${service}:9080`)
      .string(5, `/api/v1/items/${n % 97}?page=${n % 10}`)
    writer.string(6, 'python-requests/2.31.0').string(9, id)
    writer
      .varint(11, 412 + (n % 50))
      .varint(14, 700 + (n % 50))
      .varint(15, 500)
  })
  writer.message(4, () => {
    writer.message(1, () => writer.varint(1, outcome.code))
    writer
      .varint(2, 180)
      .varint(3, 400 + (n % 5000))
      .string(6, outcome.details)
      .varint(7, 190)
      .varint(8, 230)
  })
}

interface EntryFacts {
  readonly n: number
  readonly service: string
  readonly id: string
  readonly outcome: (typeof OUTCOMES)[number]
  /** The called address, which then is all that the entry says of the called workload. */
  readonly pod: string | undefined
  readonly startSeconds: number
}

function commonProperties(writer: ProtobufWriter, { n, service, id, outcome, pod, startSeconds }: EntryFacts): void {
  address(writer, 2, '10.0.0.1', 40_000 + (n % 20_000))
  address(writer, 3, `10.96.0.${n & 63}`, 9080)
  writer.message(5, () => writer.varint(1, startSeconds).varint(2, (n * 1_000_003) % 1_000_000_000))
  for (let time = 6; time <= 12; time++) duration(writer, time, 100_000 * time + (n % 977) * 1000)
  address(writer, 13, pod ?? `10.0.${(n >> 4) & 7}.${n & 255}`, 9080)
  address(writer, 14, '10.0.0.1', 50_000 + (n % 10_000))
  writer.string(15, `outbound|9080||${service}.default.svc.cluster.local`)
  if (outcome.flag > 0) writer.message(16, () => writer.bool(outcome.flag, true))
  writer.string(19, 'default')
  address(writer, 20, '10.0.0.1', 40_000 + (n % 20_000))
  if (pod === undefined) {
    writer.message(21, () => {
      writer.string(1, 'upstream_peer')
      writer.message(2, () => peer(writer, service))
    })
  }
  duration(writer, 23, 2_000_000 + (n % 9973) * 10_000)
  writer.varint(24, 1).string(26, id)
  writer
    .varint(29, 900 + (n % 5000))
    .varint(30, 560)
    .varint(31, 1200)
    .varint(32, 800)
  writer.varint(33, 6)
}

/** The addresses, in turns, of the pods `10 * service` to `10 * service + 9`, which are numbered from 10.0.0.0 on. */
function podOf(service: number, turn: number): string {
  const slot = service * 10 + (turn % 10)
  return `10.${slot >> 16}.${(slot >> 8) & 255}.${slot & 255}`
}

function peer(writer: ProtobufWriter, service: string): void {
  writer.string(1, 'type.googleapis.com/google.protobuf.Struct')
  writer.message(2, () => {
    structField(writer, 'workload', `${service}-v1`)
    structField(writer, 'namespace', 'default')
    structField(writer, 'service', service)
    structField(writer, 'revision', 'v1')
  })
}

function address(writer: ProtobufWriter, at: number, ip: string, port: number): void {
  writer.message(at, () => writer.message(1, () => writer.string(2, ip).varint(3, port)))
}

function duration(writer: ProtobufWriter, at: number, nanos: number): void {
  writer.message(at, () => writer.varint(2, nanos))
}

function structField(writer: ProtobufWriter, key: string, value: string): void {
  writer.message(1, () => {
    writer.string(1, key)
    writer.message(2, () => writer.string(3, value))
  })
}

function hex(n: number, digits: number): string {
  return Math.abs(n).toString(16).padStart(digits, '0').slice(-digits)
}
