import { once } from 'node:events'
import { open, rename, unlink } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { FileHandle } from './file_access.ts'

/** How long somebody who has the lock may take to say who it is. */
const ANSWER_MS = 1000

/**
 * Makes sure that one process at most works in a directory: a Unix socket in it that the process listens on.
 *
 * The kernel closes it when the process ends, however it ends, so nothing stale is ever taken for a process, and it works
 * between containers that share a volume, where process numbers say nothing.
 */
export class DirectoryLock {
  readonly #server: Server
  readonly #directory: FileHandle
  readonly #connections = new Set<Socket>()

  private constructor(server: Server, directory: FileHandle) {
    this.#server = server
    this.#directory = directory
    server.on('connection', (connection) => {
      this.#connections.add(connection)
      connection.once('close', () => this.#connections.delete(connection))
    })
  }

  /** The lock, or the number of the process that has it (empty when it does not say). Rejects when sockets cannot be made there. */
  static async take(path: string): Promise<DirectoryLock | { readonly owner: string }> {
    const directory = await open(path, 'r')
    // A socket's address must be short, and this one is however long the path is.
    const socket = process.platform === 'linux' ? `/proc/self/fd/${directory.fd}/lock` : join(path, 'lock')
    try {
      const server = (await listen(socket)) ?? (await takeOver(socket))
      if ('owner' in server) {
        await directory.close()
        return server
      }
      return new DirectoryLock(server, directory)
    } catch (error) {
      await directory.close()
      throw error
    }
  }

  async release(): Promise<void> {
    if (this.#server.listening) {
      const closed = once(this.#server, 'close')
      this.#server.close()
      for (const connection of this.#connections) connection.destroy()
      await closed
    }
    await this.#directory.close().catch(() => undefined)
  }
}

/** Listens on a socket; undefined when there is one of that name. */
async function listen(socket: string): Promise<Server | undefined> {
  const server = createServer((connection) => {
    connection.on('error', () => connection.destroy())
    connection.end(String(process.pid))
  })
  server.listen(socket)
  try {
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
    throw error
  }
  server.unref()
  return server
}

/** Takes the place of a process that is gone, if it is. */
async function takeOver(socket: string): Promise<Server | { readonly owner: string }> {
  const owner = await ownerOf(socket)
  if (owner !== undefined) return { owner }
  // Moved aside first and asked again: another process may have taken over between our question and now.
  const aside = `${socket}.${process.pid}`
  await rename(socket, aside).catch(() => undefined)
  const other = await ownerOf(aside)
  if (other !== undefined) {
    await rename(aside, socket)
    return { owner: other }
  }
  await unlink(aside).catch(() => undefined)
  return (await listen(socket)) ?? { owner: (await ownerOf(socket)) ?? '' }
}

/** The number of the process that listens on a socket; undefined when none does. */
async function ownerOf(socket: string): Promise<string | undefined> {
  const connection = createConnection(socket)
  connection.setTimeout(ANSWER_MS, () => connection.end())
  let isConnected = false
  let text = ''
  connection.once('connect', () => {
    isConnected = true
  })
  connection.on('data', (chunk) => {
    text += String(chunk)
  })
  await new Promise<void>((resolve) => {
    connection.once('close', () => resolve())
    connection.once('error', () => connection.destroy())
    connection.once('timeout', () => connection.destroy())
  })
  return isConnected ? text : undefined
}
