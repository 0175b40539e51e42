import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { fakeSettings } from '../../../test/fakes/settings.ts'
import { freePort } from '../../../test/free_port.ts'
import { AgentTcpSink } from './agent_tcp_sink.ts'
import { AgentUdpSink } from './agent_udp_sink.ts'
import { routedDocument } from './lines.ts'
import { Attempts, plainDocument, requestOf } from './testing.ts'

const open: { stop(): void | Promise<void> }[] = []
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.stop()
})

interface Line {
  readonly _aws: { readonly LogGroupName: string; readonly LogStreamName: string }
  readonly mark: string
}

const summary = (line: string) => {
  const { _aws: metadata, mark } = JSON.parse(line) as Line
  return `${metadata.LogGroupName} ${metadata.LogStreamName} ${mark}`
}

describe('by TCP', () => {
  async function agent(onConnection: (socket: Socket) => void): Promise<{ readonly server: Server; readonly sink: AgentTcpSink }> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined)
      onConnection(socket)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    open.push({ stop: () => void server.close() })
    return { server, sink: new AgentTcpSink(fakeSettings('exporter', 'awsemf'), { host: '127.0.0.1', port: (server.address() as AddressInfo).port }) }
  }

  function reader(lines: string[]): (socket: Socket) => void {
    return (socket) => {
      const chunks: Buffer[] = []
      socket.on('data', (chunk) => chunks.push(chunk))
      socket.on('end', () => {
        lines.push(...Buffer.concat(chunks).toString('utf8').split('\n').slice(0, -1))
        socket.end()
      })
    }
  }

  test('each document is a line that says where it belongs', async () => {
    const lines: string[] = []
    const { sink } = await agent(reader(lines))
    const attempts = new Attempts(sink, requestOf({ one: [plainDocument(1, 'a', 2), plainDocument(2, 'b')], two: [plainDocument(3, 'c'.repeat(300_000), 4)] }))
    expect(await attempts.next()).toBeUndefined()
    expect(lines.map(summary)).toEqual(['/metrics/test one a', '/metrics/test one b', `/metrics/test two ${'c'.repeat(300_000)}`])
    expect([attempts.sent, attempts.rejected]).toEqual([7, 0])
  })

  test('what an agent did not read to the end is sent again, whole, and one that is restarted gets everything', async () => {
    const lines: string[] = []
    const behaviours = [(socket: Socket) => void socket.once('data', () => socket.resetAndDestroy()), (socket: Socket) => void socket.end(), reader(lines)]
    const { sink } = await agent((socket) => behaviours.shift()?.(socket))
    const attempts = new Attempts(sink, requestOf({ one: Array.from({ length: 100 }, (_, i) => plainDocument(i, `${i} ${'x'.repeat(100_000)}`)) }))
    expect(await attempts.next()).toMatchObject({ name: 'RefusedError' })
    expect((await attempts.next())?.name).toBe('RefusedError')
    expect(attempts.sent).toBe(0)
    expect(await attempts.next()).toBeUndefined()
    expect([lines.length, attempts.sent]).toEqual([100, 100])
  })

  test('an agent that leaves its side open has everything nevertheless', async () => {
    const sockets: Socket[] = []
    const { server } = await agent((socket) => {
      socket.resume()
      sockets.push(socket)
    })
    const settings = fakeSettings('exporter', 'awsemf')
    const sink = new AgentTcpSink(settings, { host: '127.0.0.1', port: (server.address() as AddressInfo).port })
    const attempts = new Attempts(sink, requestOf({ one: [plainDocument(1, 'a')] }))
    const sending = attempts.next()
    await vi.waitFor(() => expect(settings.clock.pendingTimers).toBe(1))
    settings.clock.advance(5000)
    expect(await sending).toBeUndefined()
    expect([attempts.sent, sockets.length]).toEqual([1, 1])
    for (const socket of sockets) socket.destroy()
  })

  test('an agent that is not there is named', async () => {
    const port = await freePort()
    const attempts = new Attempts(
      new AgentTcpSink(fakeSettings('exporter', 'awsemf'), { host: '127.0.0.1', port }),
      requestOf({ one: [plainDocument(1, 'a')] }),
    )
    expect((await attempts.next())?.message).toBe(`no CloudWatch agent listens at tcp 127.0.0.1:${port}; its config needs an emf section`)
  })

  test('an attempt that is given up ends at once', async () => {
    const connected = Promise.withResolvers<Socket>()
    const { sink } = await agent((socket) => {
      socket.resume()
      connected.resolve(socket)
    })
    const attempts = new Attempts(sink, requestOf({ one: [plainDocument(1, 'a')] }))
    const controller = new AbortController()
    const sending = attempts.next(controller.signal)
    const socket = await connected.promise
    controller.abort(new Error('enough'))
    expect((await sending)?.message).toBe('enough')
    expect(attempts.sent).toBe(0)
    socket.destroy()
  })
})

describe('by UDP', () => {
  test('each document is a datagram, and one that is larger than that is given up and counted', async () => {
    const settings = fakeSettings('exporter', 'awsemf')
    const socket = createSocket('udp4')
    const datagrams: string[] = []
    socket.on('message', (message) => datagrams.push(message.toString('utf8')))
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    open.push({ stop: () => void socket.close() })
    const sink = new AgentUdpSink(settings, { host: '127.0.0.1', port: socket.address().port })
    open.push({ stop: () => sink.close() })
    const documents = [plainDocument(1, 'a', 2), plainDocument(2, 'x'.repeat(65_500), 8), plainDocument(3, 'b')]
    const attempts = new Attempts(sink, requestOf({ one: documents }))
    expect(await attempts.next()).toBeUndefined()
    await vi.waitFor(() => expect(datagrams.map(summary)).toEqual(['/metrics/test one a', '/metrics/test one b']))
    expect([attempts.sent, attempts.rejected, settings.telemetry.value('meshscope_awsemf_rejected_documents', { reason: 'too_large' })]).toEqual([3, 8, 1])
    expect(settings.log.lines).toMatchObject([{ fields: { error: 'larger than a datagram, 65507 bytes; use tcp, or lower max_event_bytes' } }])
  })

  test('that nobody listens is noticed, and what was sent is not sent again', async () => {
    const port = await freePort()
    const settings = fakeSettings('exporter', 'awsemf')
    const sink = new AgentUdpSink(settings, { host: '127.0.0.1', port })
    open.push({ stop: () => sink.close() })
    const attempts = new Attempts(sink, requestOf({ one: Array.from({ length: 50 }, (_, i) => plainDocument(i, 'x'.repeat(20_000))) }))
    const error = await attempts.next()
    expect(error?.message).toBe(`no CloudWatch agent listens at udp 127.0.0.1:${port}; its config needs an emf section`)
    const before = attempts.sent
    expect(before).toBeLessThan(50)
    const socket = createSocket('udp4')
    let received = 0
    socket.on('message', () => received++)
    socket.bind(port, '127.0.0.1')
    await once(socket, 'listening')
    open.push({ stop: () => void socket.close() })
    expect(await attempts.next()).toBeUndefined()
    expect(attempts.sent).toBe(50)
    await vi.waitFor(() => expect(received).toBe(50 - before))
  })
})

test.for([
  { json: '{"_aws":{"Timestamp":5},"a":1}', expected: { _aws: { LogGroupName: 'g"', LogStreamName: 's', Timestamp: 5 }, a: 1 } },
  { json: '{"_aws":{},"a":1}', expected: { _aws: { LogGroupName: 'g"', LogStreamName: 's' }, a: 1 } },
  { json: '{"a":1}', expected: { _aws: { Timestamp: 5, CloudWatchMetrics: [], LogGroupName: 'g"', LogStreamName: 's' }, a: 1 } },
  { json: '{}', expected: { _aws: { Timestamp: 5, CloudWatchMetrics: [], LogGroupName: 'g"', LogStreamName: 's' } } },
])('the document $json is routed', ({ json, expected }, { expect: check }) => {
  const routed = routedDocument({ timestampMs: 5, points: 1, json: Buffer.from(json) }, { logGroup: 'g"', logStream: 's', documents: [] })
  check(JSON.parse(routed.json.toString('utf8'))).toEqual(expected)
})
