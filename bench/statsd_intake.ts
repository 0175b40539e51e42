import { AttributeSet } from '../model/attributes.ts'
import { StatHub } from '../receivers/statsd/aggregate/hub.ts'
import { SharedStatStore } from '../receivers/statsd/aggregate/shared_store.ts'
import { Clients } from '../receivers/statsd/clients.ts'
import { Intake } from '../receivers/statsd/intake.ts'
import { Ledger } from '../receivers/statsd/ledger.ts'
import { PlainNaming } from '../receivers/statsd/naming/plain_naming.ts'
import { LineParser } from '../receivers/statsd/parse/line_parser.ts'
import type { SampleSink } from '../receivers/statsd/sample.ts'
import { ingestInstruments } from '../receivers/statsd/telemetry.ts'

/**
 * Lines per CPU second through parser, memory of series and store, without sockets; beside it the parser alone. From senders that
 * repeat themselves in the same order, and from such as do not. Then what a series costs when it is seen for the first time, here
 * and in the hub that merges it: with few names and tags, or with a name for each; in a cold program, and in a warm one.
 */

const LINES_PER_PACKET = 26
const SECONDS = 1
const NEW_SERIES = 100_000
const NEW_ROUNDS = 3

const nothing: SampleSink = { sample() {}, event() {}, serviceCheck() {}, rejected() {}, accepted() {} }
const counter = { add: () => {} }
const instruments = ingestInstruments({ counter: () => counter, gauge: () => ({ set: () => {} }) }, 'statsd', 'udp')
const settings = { seriesMax: 200_000, setIntervalMs: 60_000 }
const SHAPES: Readonly<Record<string, (n: number, round: number) => string>> = {
  'few names': (n, round) => `app.requests.s${n % 200}:1|${typeOf(n)}|#env:prod,round:${round},service:checkout${Math.floor(n / 200)}`,
  'own names': (n, round) => `prod.round${round}.checkout${Math.floor(n / 200)}.requests.s${n % 200}:1|${typeOf(n)}`,
}

for (const [name, lineOf] of Object.entries(SHAPES)) {
  for (let round = 1; round <= NEW_ROUNDS; round++) {
    const { hub, take } = createIntake()
    const packets = packetsOf(
      Int32Array.from({ length: NEW_SERIES }, (_, n) => n),
      (n) => lineOf(n, round),
    )
    const here = await cpuMicroseconds(() => packets.forEach(take))
    const there = await cpuMicroseconds(() => hub.collect())
    process.stdout.write(
      `${name}, round ${round}: a new series takes ${(here / NEW_SERIES).toFixed(2)} µs, and ${(there / NEW_SERIES).toFixed(2)} µs to merge\n`,
    )
  }
}

for (const series of [1000, 10_000, 100_000]) {
  const packets = packetsOf(inOrder(series))
  const parser = new LineParser('lenient')
  const alone = measure(packets, (packet) => parser.parsePacket(packet, 0, packet.length, nothing))
  const { take } = createIntake()
  const [whole, shuffled] = [measure(packets, take), measure(packetsOf(inNoOrder(series)), take)]
  process.stdout.write(`${series} series: whole way ${text(whole)}, in no order ${text(shuffled)}, parser alone ${text(alone)}\n`)
}

function createIntake(): { readonly hub: StatHub; readonly take: (packet: Uint8Array) => void } {
  const hub = new StatHub({ ...settings, clock: Date, resource: { attributes: AttributeSet.empty }, scope: { name: '', version: '' } })
  const intake = new Intake({
    dialect: 'lenient',
    naming: new PlainNaming(),
    store: new SharedStatStore({ ...settings, send: (message) => hub.receive(message, { worker: 0, life: 1 }) }),
    ledger: new Ledger(instruments),
    clients: new Clients(),
    senders: undefined,
    instruments,
    clock: Date,
    seriesMax: settings.seriesMax,
    record: () => {},
  })
  return { hub, take: (packet) => intake.packet(packet, '10.0.0.1') }
}

async function cpuMicroseconds(work: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

/** All series, twice. */
function inOrder(series: number): Int32Array {
  return Int32Array.from({ length: series * 2 }, (_, i) => i % series)
}

/** Eight times as many lines as there are series, each of a series by chance. */
function inNoOrder(series: number): Int32Array {
  return Int32Array.from({ length: series * 8 }, () => Math.floor(Math.random() * series))
}

function packetsOf(order: Int32Array, lineOf = repeatedLine): Uint8Array[] {
  const packets: Uint8Array[] = []
  for (let at = 0; at < order.length; at += LINES_PER_PACKET) {
    const lines = Array.from({ length: LINES_PER_PACKET }, (_, i) => lineOf(order[(at + i) % order.length] as number))
    packets.push(new Uint8Array(Buffer.from(lines.join('\n'))))
  }
  return packets
}

function repeatedLine(n: number): string {
  return `app.requests.s${n}:${1 + (n % 90)}|${typeOf(n)}|#env:prod,service:checkout`
}

function typeOf(n: number): string {
  return n % 5 === 4 ? 'ms' : n % 5 === 3 ? 'g' : 'c'
}

/** Lines per second of CPU time, after a first round. */
function measure(packets: readonly Uint8Array[], take: (packet: Uint8Array) => void): number {
  for (const packet of packets) take(packet)
  const end = performance.now() + SECONDS * 1000
  const before = process.cpuUsage()
  let lines = 0
  while (performance.now() < end) {
    for (const packet of packets) take(packet)
    lines += packets.length * LINES_PER_PACKET
  }
  const { user, system } = process.cpuUsage(before)
  return (lines * 1e6) / (user + system)
}

function text(linesPerS: number): string {
  return `${(linesPerS / 1e6).toFixed(2)} M lines/CPU s`
}
