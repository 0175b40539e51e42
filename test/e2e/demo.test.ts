import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'

const LAUNCHER = fileURLToPath(new URL('../../bin/meshscope.js', import.meta.url))
const FLAGS = ['als', 'metrics', 'health', 'own', 'explain', 'statsd'] as const
const FLOW = /^\d\d:\d\d:\d\d +\d+ entries\/s +\d+ requests\/s +errors +[\d.]+ % +top edge (.*)$/gm

const children: ChildProcess[] = []
const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) server.close()
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    // The second signal ends the demo at once, and the daemon with it.
    child.kill('SIGINT')
    child.kill('SIGINT')
    await once(child, 'exit')
  }
})

/** Listens on a port that the system chooses. */
async function listening(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as { readonly port: number }).port }
}

/** Ports that are free now, one for each listener of the demo. */
async function freePorts(): Promise<number[]> {
  const held = await Promise.all(FLAGS.map(() => listening()))
  await Promise.all(held.map(({ server }) => new Promise((resolve) => server.close(resolve))))
  return held.map(({ port }) => port)
}

class Demo {
  readonly child: ChildProcess
  output = ''
  readonly #exited: Promise<unknown>

  constructor(ports: readonly number[], ...more: readonly string[]) {
    const flags = FLAGS.flatMap((flag, i) => [`--${flag}`, `localhost:${ports[i]}`])
    this.child = spawn(process.execPath, [LAUNCHER, 'demo', ...flags, ...more], { stdio: ['ignore', 'pipe', 'pipe'] })
    children.push(this.child)
    this.#exited = once(this.child, 'exit')
    for (const stream of [this.child.stdout, this.child.stderr]) stream?.on('data', (chunk: Buffer) => void (this.output += chunk.toString()))
  }

  /** Resolves when the output satisfies `isThere`; rejects when the demo ends before. */
  async shows(isThere: (output: string) => boolean): Promise<void> {
    const seen = new Promise<void>((resolve) => {
      const look = (): void => void (isThere(this.output) && resolve())
      for (const stream of [this.child.stdout, this.child.stderr]) stream?.on('data', look)
      look()
    })
    const ended = this.#exited.then(() => {
      throw new Error(`the demo ended early:\n${this.output}`)
    })
    await Promise.race([seen, ended])
  }

  async exitCode(): Promise<number | null> {
    await this.#exited
    return this.child.exitCode
  }
}

describe('the demo', () => {
  test('shows what flows, answers at the addresses it prints, and stops on Ctrl-C with exit code 0', async () => {
    const ports = await freePorts()
    const demo = new Demo(ports, '--rps', '200')
    await demo.shows((output) => (output.match(FLOW) ?? []).length >= 3)
    const [, metrics, health, own] = ports
    for (const url of [`http://localhost:${metrics}/metrics`, `http://localhost:${health}/`, `http://localhost:${own}/metrics`]) {
      expect(demo.output).toContain(url)
      expect((await fetch(url)).status, url).toBe(200)
    }
    expect(await (await fetch(`http://localhost:${metrics}/metrics`)).text()).toMatch(/^bookinfo_requests_total\{[^}]*service="reviews"/m)
    expect([...demo.output.matchAll(FLOW)].some(([, edge]) => edge?.startsWith('productpage-v1 → '))).toBe(true)
    // Only its address tells who this caller is.
    await demo.shows((output) => output.includes('by address reports → details'))
    demo.child.kill('SIGINT')
    expect(await demo.exitCode(), demo.output).toBe(0)
    await expect(fetch(`http://localhost:${health}/`)).rejects.toThrow('fetch failed')
  })

  test('ends with exit code 1 and says which port is taken and what to do', async () => {
    const { server, port } = await listening()
    servers.push(server)
    const [als, , ...others] = await freePorts()
    const demo = new Demo([als as number, port, ...others])
    expect(await demo.exitCode()).toBe(1)
    expect(demo.output).toContain(`localhost:${port} (service metrics): the port is taken`)
    expect(demo.output).toMatch(/hint {6}stop the program that listens there, or choose another port: npm start -- --metrics localhost:\d+/)
    expect(demo.output).not.toContain('access logs)')
  })
})
