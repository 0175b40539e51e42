import { createServer } from 'node:net'

/** Below the ports that systems give to outgoing connections and for port 0 (Linux 32768, IANA 49152). */
const FREE_PORTS = { from: 10_000, to: 32_000 } as const
let nextPort = FREE_PORTS.from + Math.floor(Math.random() * (FREE_PORTS.to - FREE_PORTS.from))

/**
 * A TCP port of `host` that was free just now; for programs that cannot report the port they were given for 0.
 * No two calls in one process give the same port, and no outgoing connection takes it in the meantime.
 */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let attempts = 0; attempts < 1_000; attempts += 1) {
    const port = nextPort
    nextPort = nextPort + 1 < FREE_PORTS.to ? nextPort + 1 : FREE_PORTS.from
    if (await isFree(host, port)) return port
  }
  throw new Error(`no free port of ${host} in 1,000 tries up to ${nextPort}`)
}

async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer()
  const listening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, host, () => resolve(true))
  })
  if (listening) await new Promise((resolve) => server.close(resolve))
  return listening
}
