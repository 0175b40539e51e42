import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import { FakeHost, fakeSettings } from '../../../test/fakes/settings.ts'
import { StreamListener, type StreamOptions } from './stream.ts'

const folder = mkdtempSync(join(tmpdir(), 'meshscope-stream-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const OPTIONS: StreamOptions = {
  endpoint: '127.0.0.1:0',
  transport: 'tcp',
  socketPermissions: '0622',
  connectionsMax: 10,
  idleTimeoutMs: 0,
  lineBytesMax: 1024,
}
const listeners: StreamListener[] = []
afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.close(AbortSignal.timeout(1000))))
})

class Counts {
  readonly texts: string[] = []
  readonly events: string[] = []
  isOpen = 0
  #waiting: (() => void)[] = []

  #tell(event: string): void {
    this.events.push(event)
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Resolves when something has happened that was said so. */
  async happened(event: string): Promise<void> {
    while (!this.events.includes(event)) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  readonly sink = {
    packet: (bytes: Uint8Array, sender: string): void => {
      this.texts.push(`${sender} ${new TextDecoder().decode(bytes)}`)
      this.#tell('packet')
    },
    tooLong: (): void => this.#tell('too long'),
    fault: (fault: string): void => this.#tell(fault),
  }
  readonly connections = {
    open: (count: number): void => {
      this.isOpen = count
      this.#tell(`${count} open`)
    },
    opened: (): void => this.#tell('opened'),
    ended: (reason: string): void => this.#tell(reason),
  }
}

async function listening(overrides: Partial<StreamOptions> = {}) {
  const counts = new Counts()
  const { log, clock } = fakeSettings('receiver', 'statsd')
  const listener = new StreamListener({ ...OPTIONS, ...overrides }, { log, clock, sink: counts.sink, connections: counts.connections })
  listeners.push(listener)
  await listener.start(new FakeHost())
  return { listener, counts, port: listener.addresses[0]?.port ?? 0 }
}

function client(port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.resume()
  return socket
}

test('counts connections, and refuses those that are too many', async () => {
  const { counts, port } = await listening({ connectionsMax: 1 })
  const first = client(port)
  await counts.happened('1 open')
  const second = client(port)
  await once(second, 'close')
  await counts.happened('refused')
  first.write('a:1|c\n')
  await counts.happened('packet')
  first.destroy()
  await counts.happened('0 open')
  expect(counts.texts).toEqual(['127.0.0.1 a:1|c\n'])
})

test('closes a connection on which nothing comes', async () => {
  const { counts, port } = await listening({ idleTimeoutMs: 20 })
  await once(client(port), 'close')
  expect(counts.events).toContain('idle')
})

test('takes what is under way when it closes', async () => {
  const { listener, counts, port } = await listening()
  const socket = client(port)
  await counts.happened('1 open')
  socket.write('a:1|c\nb:2|c')
  await listener.close(AbortSignal.timeout(5000))
  expect(counts.texts.join('')).toContain('b:2|c')
  await listener.close(AbortSignal.timeout(5000))
})

test('replaces what is left of a unix socket, but nothing else, and says so', async () => {
  const path = join(folder, 'deep', 'a.sock')
  const { listener } = await listening({ transport: 'unix', endpoint: path, socketPermissions: '0622' })
  expect(statSync(path).mode & 0o777).toBe(0o622)
  await expect(listening({ transport: 'unix', endpoint: path })).rejects.toThrow(/cannot listen on unix .*a\.sock: in use/)
  await listener.close(AbortSignal.timeout(1000))
  const file = join(folder, 'file')
  writeFileSync(file, 'kept')
  await expect(listening({ transport: 'unix', endpoint: file })).rejects.toThrow(/not a socket/)
  expect(statSync(file).size).toBe(4)
})

test('says when the address is taken', async () => {
  const { port } = await listening()
  await expect(listening({ endpoint: `127.0.0.1:${port}` })).rejects.toThrow(/cannot listen on tcp 127\.0\.0\.1:\d+: address in use/)
})
