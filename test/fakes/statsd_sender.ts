import { createSocket } from 'node:dgram'
import { parentPort, workerData } from 'node:worker_threads'

/** A worker thread that sends statsD datagrams of 26 lines at an even pace, and says how much it sent. */
const { port, seconds, linesPerS } = workerData as { readonly port: number; readonly seconds: number; readonly linesPerS: number }
const LINES = 26
const TICK_MS = 10

const socket = createSocket('udp4')
const packets: Buffer[] = []
let totalOfRound = 0
for (let packet = 0; packet < 40; packet++) {
  const lines = Array.from({ length: LINES }, (_, i) => {
    totalOfRound += i
    return `soak.hits:${i}|c|#packet:${packet},line:${i}`
  })
  packets.push(Buffer.from(lines.join('\n')))
}
const totalOfPacket = totalOfRound / packets.length

const start = performance.now()
const packetsMax = Math.ceil((seconds * linesPerS) / LINES)
let sent = 0
let done = 0
const tick = setInterval(() => {
  const due = Math.min(packetsMax, Math.floor(((performance.now() - start) / 1000) * (linesPerS / LINES)))
  for (; sent < due; sent++) socket.send(packets[sent % packets.length] as Buffer, port, '127.0.0.1', () => done++)
  if (done < packetsMax) return
  clearInterval(tick)
  socket.close()
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread's port, not a window
  parentPort?.postMessage({ packets: sent, lines: sent * LINES, total: sent * totalOfPacket })
}, TICK_MS)
