/**
 * Sends StatsD packets that were made beforehand, at an even rate or as fast as it can, and says what it sent as JSON. A
 * process of its own, so that its CPU time is not the receiver's: `node bench/statsd_load.ts --port 8125 --seconds 5
 * [--transport udp|tcp] [--lines 26] [--series 10000] [--rate 40000] [--sockets 8] [--each own|all] [--names few|own]`; the rate is in
 * packets a second, 0 for all that the socket takes. Each socket sends series of its own, as a client does, or all of them in turns.
 * Series have few names and two tags, or each a name of its own and no tags, as those of plain StatsD have.
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { parseArgs } from 'node:util'

/** What was sent; `seconds` from the first packet to the last. */
export interface StatsdLoadReport {
  readonly packets: number
  readonly lines: number
  readonly seconds: number
  readonly cpuSeconds: number
}

/** Packets of so long a time are sent together at least. */
const SLEEP_MS = 0.2

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    transport: { type: 'string', default: 'udp' },
    lines: { type: 'string', default: '26' },
    series: { type: 'string', default: '10000' },
    rate: { type: 'string', default: '0' },
    sockets: { type: 'string', default: '8' },
    each: { type: 'string', default: 'all' },
    names: { type: 'string', default: 'few' },
  },
})
const [port, seconds, linesPerPacket, series, rate] = [values.port, values.seconds, values.lines, values.series, values.rate].map(Number) as [
  number,
  number,
  number,
  number,
  number,
]
const sleepCell = new Int32Array(new SharedArrayBuffer(4))
const packets = packetsOf(series, linesPerPacket)
const send = values.transport === 'tcp' ? await tcpSender() : await udpSender(Number(values.sockets))
const cpu = process.cpuUsage()
const begun = performance.now()
const endMs = begun + seconds * 1000
let sent = 0
for (let now = begun; now < endMs; now = performance.now()) {
  const due = rate === 0 ? sent + 64 : Math.min(sent + 512, Math.floor(((now - begun) / 1000) * rate))
  while (sent < due) {
    send.one(packets[sent % packets.length] as Buffer, sent)
    sent++
  }
  await send.drained()
  // Ahead of its rate it sleeps: to spin would take a core from the receiver's threads, and empty their caches.
  if (rate > 0 && sent + 1 > ((performance.now() - begun) / 1000) * rate) Atomics.wait(sleepCell, 0, 0, SLEEP_MS)
}
const tookS = (performance.now() - begun) / 1000
await send.end()
const used = process.cpuUsage(cpu)
const report: StatsdLoadReport = { packets: sent, lines: sent * linesPerPacket, seconds: tookS, cpuSeconds: (used.user + used.system) / 1e6 }
console.log(JSON.stringify(report))

interface Sender {
  readonly one: (packet: Buffer, n: number) => void
  /** Resolves when more may be sent. */
  readonly drained: () => Promise<unknown>
  readonly end: () => Promise<unknown>
}

/** Several sockets, since the kernel shares datagrams out among the receiver's workers by their source port. */
async function udpSender(count: number): Promise<Sender> {
  const sockets = Array.from({ length: count }, () => createSocket('udp4'))
  for (const socket of sockets) {
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
  }
  return {
    one: (packet, n) => sockets[(values.each === 'own' ? n % packets.length : n) % count]?.send(packet),
    drained: () => turn(),
    end: () => Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve())))),
  }
}

async function tcpSender(): Promise<Sender> {
  const socket = connect({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  let isFull = false
  return {
    one: (packet) => {
      isFull = !socket.write(packet)
    },
    drained: () => (isFull ? once(socket, 'drain') : turn()),
    // The Collector never closes its side.
    end: async () => {
      await new Promise<void>((resolve) => socket.end(() => resolve()))
      socket.destroy()
    },
  }
}

/** Every series once: 60 % counters, 20 % gauges, 20 % timers. Packets end with LF, so that they make a stream too. */
function packetsOf(count: number, size: number): Buffer[] {
  const lines = Array.from({ length: Math.ceil(count / size) * size }, (_, i) => lineOf(i % count))
  const made: Buffer[] = []
  for (let at = 0; at < lines.length; at += size) made.push(Buffer.from(`${lines.slice(at, at + size).join('\n')}\n`))
  return made
}

function lineOf(i: number): string {
  const service = `s${Math.floor(i / 200)}`
  const [path, tags] = values.names === 'own' ? [`prod.${service}`, ''] : ['app', `|#env:prod,service:${service}`]
  const kind = i % 10
  if (kind < 6) return `${path}.requests.count${i % 200}:${1 + (i % 9)}|c${tags}`
  return kind < 8 ? `${path}.queue.depth${i % 200}:${i % 1000}|g${tags}` : `${path}.request.time${i % 200}:${1 + (i % 500)}|ms${tags}`
}
