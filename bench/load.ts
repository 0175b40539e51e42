/**
 * Sends access logs as fast as the daemon takes them, or at a rate, over any number of connections:
 * `node bench/load.ts --endpoint 127.0.0.1:19001 --connections 10 --rate 0 --seconds 10 [--tuples 100] [--messages 400] [--addresses-only]`.
 * Ends every stream cleanly and prints one line of JSON with what was sent. `--rate` is entries per second over all
 * connections, 0 for no limit.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { LoadConnection, type WireMessage, wireMessage } from './load_connection.ts'
import { ENTRIES_PER_MESSAGE, entryMessages, identifierMessage } from './load_messages.ts'

/** What the generator prints. */
export interface LoadReport {
  readonly messages: number
  readonly entries: number
  readonly bytes: number
  /** From the first message to the last, the clean end of the streams not included. */
  readonly seconds: number
  /** Streams that the daemon ended with a clean answer after the half-close. */
  readonly cleanEnds: number
  readonly connections: number
  /** CPU seconds of the generator itself, to show that it was not the limit. */
  readonly cpuSeconds: number
}

/** Connections that share a workload name; more names mean more series. */
const WORKLOADS = 10
const TICK_MS = 5

const { values } = parseArgs({
  options: {
    endpoint: { type: 'string', default: '127.0.0.1:19001' },
    connections: { type: 'string', default: '10' },
    rate: { type: 'string', default: '0' },
    seconds: { type: 'string', default: '10' },
    tuples: { type: 'string', default: '100' },
    messages: { type: 'string', default: '400' },
    workloads: { type: 'string', default: String(WORKLOADS) },
    'addresses-only': { type: 'boolean', default: false },
  },
})

console.log(JSON.stringify(await sendLoad()))

async function sendLoad(): Promise<LoadReport> {
  const [host = '127.0.0.1', port = '19001'] = values.endpoint.split(/:(?=\d+$)/)
  const wire = entryMessages({ messages: Number(values.messages), tuples: Number(values.tuples), hasAddressesOnly: values['addresses-only'] }).map(wireMessage)
  const connections = await Promise.all(Array.from({ length: Number(values.connections) }, () => LoadConnection.open(host, Number(port))))
  for (const [at, connection] of connections.entries()) await sendOne(connection, wireMessage(identifierMessage(`client-${at % Number(values.workloads)}`)))
  const cpu = process.cpuUsage()
  const begun = performance.now()
  const deadline = begun + Number(values.seconds) * 1000
  const sent = await (Number(values.rate) > 0 ? atRate(connections, wire, deadline) : atFullSpeed(connections, wire, deadline))
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const ends = await Promise.all(connections.map((connection) => connection.end()))
  for (const connection of connections) connection.close()
  return {
    messages: sent.messages,
    entries: sent.messages * ENTRIES_PER_MESSAGE,
    bytes: sent.bytes,
    seconds,
    cleanEnds: ends.filter((isClean) => isClean).length,
    connections: connections.length,
    cpuSeconds: (user + system) / 1e6,
  }
}

interface Sent {
  messages: number
  bytes: number
}

async function sendOne(connection: LoadConnection, message: WireMessage): Promise<void> {
  while (!connection.isClosed && !connection.trySend(message)) await connection.room()
}

async function atFullSpeed(connections: readonly LoadConnection[], wire: readonly WireMessage[], deadline: number): Promise<Sent> {
  const sent: Sent = { messages: 0, bytes: 0 }
  const wakeAll = setTimeout(() => connections.forEach((connection) => connection.wake()), deadline - performance.now())
  await Promise.all(
    connections.map(async (connection, start) => {
      let next = (start * 37) % wire.length
      while (performance.now() < deadline && !connection.isClosed) {
        const message = wire[next] as WireMessage
        if (connection.trySend(message)) {
          next = (next + 1) % wire.length
          sent.messages++
          sent.bytes += message.bytes.length
        } else {
          await connection.room()
        }
      }
    }),
  )
  clearTimeout(wakeAll)
  return sent
}

async function atRate(connections: readonly LoadConnection[], wire: readonly WireMessage[], deadline: number): Promise<Sent> {
  const sent: Sent = { messages: 0, bytes: 0 }
  const perMs = Number(values.rate) / ENTRIES_PER_MESSAGE / 1000
  const begun = performance.now()
  for (let turn = 0; performance.now() < deadline; ) {
    const due = Math.floor((performance.now() - begun) * perMs)
    // A connection without room passes its turn on; what no one takes is sent later.
    for (let refused = 0; sent.messages < due && refused < connections.length; turn++) {
      const message = wire[sent.messages % wire.length] as WireMessage
      if ((connections[turn % connections.length] as LoadConnection).trySend(message)) {
        sent.messages++
        sent.bytes += message.bytes.length
        refused = 0
      } else refused++
    }
    await pause(TICK_MS)
  }
  return sent
}
