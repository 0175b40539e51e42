import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

/** A real process with a queue on a real disk that is really killed. */

const KILLS = 10
const CONSUMERS = 4
/** How much is stored in each life before its end. */
const STORED_PER_LIFE = 120

let directory = ''
let child: ChildProcess | undefined

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'meshscope-kill-'))
})
afterEach(() => {
  child?.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
})

/** Takes requests, one for each connection, and remembers their numbers. */
async function backend() {
  const received = new Map<number, number>()
  let arrived = Promise.withResolvers<void>()
  const server = createServer((socket) => {
    let bytes = Buffer.alloc(0)
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      if (bytes.length < 4 || bytes.length < 4 + bytes.readUInt32LE(0)) return
      const number = Number.parseInt(bytes.subarray(4, 24).toString('latin1'), 10)
      received.set(number, (received.get(number) ?? 0) + 1)
      arrived.resolve()
      arrived = Promise.withResolvers()
      socket.end('k')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { received, server, port: (server.address() as AddressInfo).port, next: () => arrived.promise }
}

async function startChild(port: number, first: number): Promise<{ readonly process: ChildProcess; readonly lines: AsyncIterator<string> }> {
  const script = fileURLToPath(new URL('../fakes/queue_process.ts', import.meta.url))
  const started = spawn(process.execPath, [script, directory, String(port), String(CONSUMERS), String(first)], { stdio: ['pipe', 'pipe', 'inherit'] })
  child = started
  return { process: started, lines: createInterface({ input: started.stdout })[Symbol.asyncIterator]() }
}

test('nothing that a queue on disk has taken over is lost in ten kills, and only what was being sent comes twice', { timeout: 120_000 }, async () => {
  const { received, server, port, next } = await backend()
  const stored = new Set<number>()
  const note = (line: string): void => {
    if (line.startsWith('stored ')) stored.add(Number(line.slice('stored '.length)))
  }
  for (let life = 0; life < KILLS; life++) {
    const running = await startChild(port, life * 1_000_000)
    const before = stored.size
    while (stored.size < before + STORED_PER_LIFE) note((await running.lines.next()).value as string)
    const ended = once(running.process, 'exit')
    running.process.kill('SIGKILL')
    // What the process has said before its end is as good as what it said earlier.
    for (let line = await running.lines.next(); line.done !== true; line = await running.lines.next()) note(line.value)
    await ended
  }
  const last = await startChild(port, -1)
  while ([...stored].some((number) => !received.has(number))) await next()
  const ended = once(last.process, 'exit')
  last.process.stdin?.end()
  expect(await ended).toEqual([0, null])
  const twice = [...received.values()].reduce((sum, times) => sum + times - 1, 0)
  expect(stored.size).toBeGreaterThanOrEqual(KILLS * STORED_PER_LIFE)
  expect(twice).toBeLessThanOrEqual(KILLS * CONSUMERS)
  expect(readdirSync(directory, { recursive: true })).toEqual(['exporters.test~0020logs'])
  server.close()
})
