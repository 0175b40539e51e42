import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EntryClass, LogType } from '../../model/access_logs.ts'
import { TcpConnections } from './tcp_connections.ts'
import { FakeEdges, type FakeEntry, fakeLogs, fakeOrigin, Harness, tcpEntry } from './testing.ts'

const { tcpConnectionStart, tcpUpstreamConnected, tcpPeriodic, tcpConnectionEnd } = LogType

/** Opened, closed, sent and received bytes over all series. */
async function totals(harness: Harness): Promise<readonly number[]> {
  const names = ['connections_opened', 'connections_closed', 'sent_bytes', 'received_bytes']
  const sums: number[] = []
  for (const name of names) sums.push(await harness.sum(`istio_tcp_${name}_total`))
  return sums
}

function nowEntry(harness: Harness, logType: number, given: FakeEntry = {}): FakeEntry {
  return tcpEntry(logType, { streamId: 'c-77', startMs: harness.settings.clock.now(), ...given })
}

describe('TCP connections', () => {
  test('counts the growth of a connection with start, periodic and end entries', async () => {
    const harness = new Harness()
    const edges = new FakeEdges()
    const origin = fakeOrigin()
    const steps: readonly [FakeEntry, readonly number[]][] = [
      [nowEntry(harness, tcpConnectionStart), [1, 0, 0, 0]],
      [nowEntry(harness, tcpPeriodic, { wireSent: 4000, wireReceived: 1000 }), [1, 0, 4000, 1000]],
      [nowEntry(harness, tcpPeriodic, { wireSent: 9000, wireReceived: 1500 }), [1, 0, 9000, 1500]],
      [nowEntry(harness, tcpPeriodic, { wireSent: 9000, wireReceived: 1500 }), [1, 0, 9000, 1500]],
      [nowEntry(harness, tcpConnectionEnd, { wireSent: 9100, wireReceived: 1800 }), [1, 1, 9100, 1800]],
    ]
    for (const [entry, expected] of steps) {
      harness.ingest.consume(fakeLogs(edges, [entry], { origin }))
      expect(await totals(harness)).toEqual(expected)
    }
    expect([harness.ledger({ reason: 'tcp_start' }), harness.ledger({ reason: 'tcp_periodic' }), harness.ledger({ reason: 'tcp_end' })]).toEqual([1, 3, 1])
  })

  test('counts a connection of which only the end is logged as a whole', async () => {
    const harness = new Harness()
    harness.ingest.consume(fakeLogs(new FakeEdges(), [tcpEntry(tcpConnectionEnd, { streamId: 'a', tcpSent: 70, tcpReceived: 30 })]))
    expect(await totals(harness)).toEqual([1, 1, 70, 30])
  })

  test('opens a connection on the edge that its cluster names, not at its very start', async () => {
    const harness = new Harness()
    const edges = new FakeEdges()
    const known = edges.add({ destination: { workload: 'mongodb-v1', evidence: 'peer_struct' } })
    const origin = fakeOrigin()
    harness.ingest.consume(fakeLogs(edges, [nowEntry(harness, tcpConnectionStart, { cluster: '' })], { origin }))
    expect(await totals(harness)).toEqual([0, 0, 0, 0])
    expect(harness.ledger({ outcome: 'skipped', reason: 'tcp_pending' })).toBe(1)
    harness.ingest.consume(fakeLogs(edges, [nowEntry(harness, tcpUpstreamConnected, { edge: known })], { origin }))
    expect(await harness.sum('istio_tcp_connections_opened_total', { destination_workload: 'mongodb-v1' })).toBe(1)
    harness.ingest.consume(fakeLogs(edges, [nowEntry(harness, tcpConnectionEnd, { edge: known })], { origin }))
    expect(await totals(harness)).toEqual([1, 1, 0, 0])
  })

  test.for([
    { name: 'stream id', given: { streamId: 'other' } },
    { name: 'remote port', given: { remotePort: 1 } },
    { name: 'remote address', given: { remote: '10.0.0.2' } },
    { name: 'local port', given: { localPort: 1 } },
    { name: 'start time', given: { startMs: 5 } },
  ])('keeps connections apart that differ in $name', async ({ given }) => {
    const harness = new Harness()
    const origin = fakeOrigin()
    const edges = new FakeEdges()
    harness.ingest.consume(fakeLogs(edges, [nowEntry(harness, tcpConnectionStart), nowEntry(harness, tcpUpstreamConnected, given)], { origin }))
    expect((await totals(harness))[0]).toBe(2)
  })

  test('keeps equal connections of two proxies apart, and knows one again on a new stream with other string ids', async () => {
    const harness = new Harness()
    const edges = new FakeEdges()
    const entry = (sent: number) => nowEntry(harness, tcpPeriodic, { wireSent: sent })
    harness.ingest.consume(fakeLogs(edges, [entry(10)], { origin: fakeOrigin({ nodeId: 'a', peer: '10.0.0.1:1' }) }))
    harness.ingest.consume(fakeLogs(edges, [entry(10)], { origin: fakeOrigin({ nodeId: 'b', peer: '10.0.0.2:1' }) }))
    const again = fakeLogs(edges, [{ ...entry(1), remote: 'shifts-the-ids' }, entry(15)], { origin: fakeOrigin({ nodeId: 'a', peer: '10.0.0.1:1' }) })
    harness.ingest.consume(again)
    expect(await totals(harness)).toEqual([3, 0, 10 + 10 + 1 + 5, 0])
  })

  test('leaves out what happened before this process when a connection is older than its stream', async () => {
    const harness = new Harness()
    const edges = new FakeEdges()
    const origin = fakeOrigin()
    const startMs = harness.settings.clock.now() - 3_600_000
    const entry = (type: number, sent: number) => tcpEntry(type, { streamId: 'old', startMs, wireSent: sent })
    harness.ingest.consume(fakeLogs(edges, [entry(tcpPeriodic, 5000)], { origin }))
    harness.ingest.consume(fakeLogs(edges, [entry(tcpPeriodic, 5100)], { origin }))
    harness.ingest.consume(fakeLogs(edges, [entry(tcpConnectionEnd, 5150)], { origin }))
    expect(await totals(harness)).toEqual([0, 1, 150, 0])
    expect(harness.settings.telemetry.value('meshscope_mesh_metrics_tcp_resumed')).toBe(1)
    expect(harness.settings.telemetry.value('meshscope_mesh_metrics_tcp_resumed_bytes')).toBe(5000)
    expect(harness.ledger({ outcome: 'skipped', reason: 'tcp_resumed' })).toBe(1)
  })

  test('counts a connection as a whole at its end when the table was full', async () => {
    const harness = new Harness({ tcp_state_max: 1 })
    const edges = new FakeEdges()
    const origin = fakeOrigin()
    const entry = (type: number, id: string, sent: number) => nowEntry(harness, type, { streamId: id, wireSent: sent })
    const rows = [
      entry(tcpConnectionStart, 'a', 0),
      entry(tcpConnectionStart, 'b', 0),
      entry(tcpPeriodic, 'b', 50),
      entry(tcpConnectionEnd, 'b', 80),
      entry(tcpConnectionEnd, 'a', 7),
    ]
    harness.ingest.consume(fakeLogs(edges, rows, { origin }))
    expect(await totals(harness)).toEqual([2, 2, 87, 0])
    expect(harness.ledger({ outcome: 'skipped', reason: 'tcp_state_max' })).toBe(2)
    expect(harness.ledger()).toBe(5)
  })

  test('forgets connections without entries, and says how many', () => {
    const harness = new Harness({ tcp_state_expiration: '1h' })
    harness.ingest.consume(fakeLogs(new FakeEdges(), [nowEntry(harness, tcpConnectionStart)]))
    harness.settings.clock.advance(30 * 60_000)
    expect(harness.settings.telemetry.value('meshscope_mesh_metrics_tcp_states')).toBe(1)
    harness.settings.clock.advance(40 * 60_000)
    expect(harness.settings.telemetry.value('meshscope_mesh_metrics_tcp_states')).toBe(0)
    expect(harness.settings.telemetry.value('meshscope_mesh_metrics_tcp_states_expired')).toBe(1)
  })

  test('takes no UDP sessions, and no late entries with smaller counters', async () => {
    const harness = new Harness()
    const edges = new FakeEdges()
    const origin = fakeOrigin()
    const udp = { ...tcpEntry(LogType.udpSessionEnd, { wireSent: 9 }), entryClass: EntryClass.final }
    harness.ingest.consume(fakeLogs(edges, [udp], { origin }))
    harness.ingest.consume(fakeLogs(edges, [nowEntry(harness, tcpPeriodic, { wireSent: 100 }), nowEntry(harness, tcpPeriodic, { wireSent: 60 })], { origin }))
    harness.ingest.consume(fakeLogs(edges, [nowEntry(harness, tcpConnectionEnd, { wireSent: 110 })], { origin }))
    expect(await totals(harness)).toEqual([1, 1, 110, 0])
    expect(harness.ledger({ outcome: 'skipped', reason: 'udp' })).toBe(1)
  })

  test('shows TCP series without codes but with flags', async () => {
    const harness = new Harness()
    harness.ingest.consume(fakeLogs(new FakeEdges(), [tcpEntry(tcpConnectionEnd, { flags: 1 << 5 })]))
    const [sample] = await harness.samples()
    expect(Object.keys(sample?.labels ?? {})).toHaveLength(23)
    expect(sample?.labels).toMatchObject({ request_protocol: 'tcp', response_flags: 'UF' })
  })
})

test('any entries of any connections add up to the bytes and connections of the proxies', async () => {
  const connection = fc.record({
    worker: fc.integer({ min: 0, max: 3 }),
    hasStart: fc.boolean(),
    periodics: fc.array(fc.tuple(fc.nat(1000), fc.nat(1000)), { maxLength: 4 }),
    last: fc.tuple(fc.nat(1000), fc.nat(1000)),
    hasEnded: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(connection, { maxLength: 12 }), fc.integer({ min: 1, max: 4 }), async (connections, workers) => {
      const harness = new Harness({ series_max: 100 }, workers)
      const origins = harness.ingests.map(() => fakeOrigin())
      const expected = { opened: 0, closed: 0, sent: 0, received: 0 }
      for (const [n, { worker, hasStart, periodics, last, hasEnded }] of connections.entries()) {
        // All entries of a connection come over one gRPC connection, and so to one worker.
        const at = worker % workers
        let sent = 0
        let received = 0
        const entry = (type: number): FakeEntry => nowEntry(harness, type, { streamId: `c${n}`, wireSent: sent, wireReceived: received })
        const rows = hasStart ? [entry(tcpConnectionStart)] : []
        for (const [more, back] of periodics) {
          sent += more
          received += back
          rows.push(entry(tcpPeriodic))
        }
        if (hasEnded) {
          sent += last[0]
          received += last[1]
          rows.push(entry(tcpConnectionEnd))
        }
        for (const row of rows) harness.ingests[at]?.consume(fakeLogs(new FakeEdges(), [row], { origin: origins[at] as ReturnType<typeof fakeOrigin> }))
        expected.opened += rows.length > 0 ? 1 : 0
        expected.closed += hasEnded ? 1 : 0
        expected.sent += sent
        expected.received += received
      }
      expect(await totals(harness)).toEqual(Object.values(expected))
    }),
    { numRuns: 40 },
  )
})

test('the table of connections does what a map does', () => {
  const action = fc.record({ do: fc.constantFrom('add', 'remove', 'expire'), high: fc.integer({ min: 0, max: 2 }), low: fc.integer({ min: 1, max: 40 }) })
  fc.assert(
    fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
      const table = new TcpConnections(64)
      const map = new Map<string, number>()
      for (const [time, { do: what, high, low }] of actions.entries()) {
        // Keys that share their slots, so that chains form and break.
        const [a, b] = [high, low * 1024 + (low % 3)]
        const key = `${a} ${b}`
        const slot = table.find(a, b)
        expect(slot >= 0).toBe(map.has(key))
        if (what === 'add' && slot < 0 && !table.isFull) {
          const added = table.add(a, b)
          table.seenMs[added] = time
          table.sent[added] = time
          map.set(key, time)
        } else if (what === 'remove' && slot >= 0) {
          table.remove(slot)
          map.delete(key)
        } else if (what === 'expire') {
          const before = time - 20
          const old = [...map].filter(([, seen]) => seen < before)
          expect(table.expire(before)).toBe(old.length)
          for (const [name] of old) map.delete(name)
        }
        expect(table.size).toBe(map.size)
      }
      for (const [key, time] of map) {
        const [a, b] = key.split(' ').map(Number) as [number, number]
        expect(table.sent[table.find(a, b)]).toBe(time)
      }
    }),
    { numRuns: 100 },
  )
})

test('the table of connections grows to its limit and no further', () => {
  const table = new TcpConnections(5000)
  for (let i = 1; i <= 5000; i++) {
    const slot = table.add(i, Math.imul(i, 0x9e3779b1))
    table.sent[slot] = i
  }
  expect(table.add(9999, 1)).toBe(-1)
  for (let i = 1; i <= 5000; i++) expect(table.sent[table.find(i, Math.imul(i, 0x9e3779b1))]).toBe(i)
})
