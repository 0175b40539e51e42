import { ByteInterner } from '../lib/intern.ts'
import { AccessLogDecoder } from '../receivers/envoyals/decode.ts'
import { ownSchema } from '../test/conformance/als_oracle.ts'
import { meshMessages } from '../test/conformance/als_oracle_messages.ts'

/**
 * Decoding and interning by hand against the generic library, on the same messages, in turns:
 * `node bench/als_decode.ts [rounds]`. Prints entries per second of the best and the median round, and the ratio.
 */
const rounds = Number(process.argv[2] ?? 15)
const schema = ownSchema()
const messages = meshMessages(schema, { count: 600, entriesPerMessage: 25 })
const entries = 600 * 25
const bytes = messages.reduce((sum, message) => sum + message.length, 0)
const decoder = new AccessLogDecoder(new ByteInterner())

function byHand(): number {
  let sum = 0
  for (const message of messages) {
    decoder.begin(message)
    while (decoder.next()) sum += decoder.logs.length
  }
  return sum
}

/** The least a consumer does with every row: a key from ids, a count and a sum. */
const counts = new Float64Array(1 << 16)
function byHandCounted(): number {
  let sum = 0
  for (const message of messages) {
    decoder.begin(message)
    while (decoder.next()) {
      const { logs } = decoder
      for (let i = 0; i < logs.length; i++) {
        const key = ((logs.upstreamCluster[i] as number) * 31 + logs.address(logs.upstreamRemote, i) * 7 + (logs.responseCode[i] as number)) & 0x7fff
        counts[key * 2] = (counts[key * 2] as number) + 1
        counts[key * 2 + 1] = (counts[key * 2 + 1] as number) + (logs.duration[i] as number)
      }
      sum += logs.length
    }
  }
  return sum
}

function byLibrary(): number {
  let sum = 0
  for (const message of messages) {
    const decoded = schema.message.decode(message) as unknown as { http_logs: { log_entry: unknown[] } }
    sum += decoded.http_logs.log_entry.length
  }
  return sum
}

function perSecond(run: () => number): number {
  const from = process.hrtime.bigint()
  const decoded = run()
  if (decoded !== entries) throw new Error(`BUG: ${decoded} of ${entries} entries decoded`)
  return (entries * 1e9) / Number(process.hrtime.bigint() - from)
}

const variants = { 'by hand': byHand, 'by hand, counted': byHandCounted, protobufjs: byLibrary }
const results = new Map<string, number[]>(Object.keys(variants).map((name) => [name, []]))
for (const run of Object.values(variants)) for (let i = 0; i < 3; i++) run()
for (let round = 0; round < rounds; round++) for (const [name, run] of Object.entries(variants)) (results.get(name) as number[]).push(perSecond(run))

process.stdout.write(`${messages.length} messages, ${entries} entries, ${Math.round(bytes / entries)} bytes each, ${decoder.logs.strings.size} strings\n`)
const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] as number
const library = median(results.get('protobufjs') as number[])
for (const [name, values] of results) {
  const best = Math.max(...values)
  process.stdout.write(
    `${name.padEnd(18)} ${(best / 1e6).toFixed(2)} M/s best  ${(median(values) / 1e6).toFixed(2)} M/s median  ${(median(values) / library).toFixed(1)} x protobufjs\n`,
  )
}
