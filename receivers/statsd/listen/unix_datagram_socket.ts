import { createRequire } from 'node:module'
import { isMainThread } from 'node:worker_threads'

/** What is used of the native part of the npm package `node-unix-socket`; one of its packages has it for each platform. */
interface Addon {
  /** Without it the process aborts when a worker thread ends with an open socket. */
  initCleanupHook(): void
  readonly DgramSocketWrap: new (events: { readonly emit: (name: string, ...args: readonly unknown[]) => void }) => SocketWrap
}

interface SocketWrap {
  init(self: SocketWrap): void
  startRecv(): void
  bind(path: string): void
  setRecvBufferSize(bytes: number): void
  getRecvBufferSize(): number
  sendTo(bytes: Buffer, offset: number, length: number, path: string, done: (error?: Error) => void): void
  close(): void
}

export interface UnixDatagramEvents {
  readonly data: (bytes: Uint8Array) => void
  readonly error: (error: Error) => void
}

/** A unix datagram socket, which Node.js itself does not have. It reads as long as it is open. */
export class UnixDatagramSocket {
  readonly #wrap: SocketWrap
  #isOpen = true

  /** Throws a sentence for the operator where the optional package is missing. */
  constructor(events: UnixDatagramEvents) {
    const { DgramSocketWrap } = loadAddon()
    const emit = (name: string, value: unknown): void => {
      if (!this.#isOpen) return
      if (name === '_data') events.data(value as Uint8Array)
      else if (name === '_error') events.error(value as Error)
    }
    this.#wrap = new DgramSocketWrap({ emit })
    this.#wrap.init(this.#wrap)
    this.#wrap.startRecv()
  }

  /** Throws when the path cannot be had. */
  bind(path: string): void {
    this.#wrap.bind(path)
  }

  /** `SO_RCVBUF` as the system has it. */
  get recvBufferBytes(): number {
    return this.#wrap.getRecvBufferSize()
  }

  set recvBufferBytes(bytes: number) {
    this.#wrap.setRecvBufferSize(bytes)
  }

  /** Resolves when the receiver's buffer has it; waits while that is full. */
  send(bytes: Uint8Array, path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wrap.sendTo(Buffer.from(bytes), 0, bytes.length, path, (error) => (error === undefined || error === null ? resolve() : reject(error)))
    })
  }

  /** Safe twice. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#wrap.close()
  }
}

/** True when the optional package is installed for this platform. */
export function hasUnixDatagrams(): boolean {
  try {
    loadAddon()
    return true
  } catch {
    return false
  }
}

const require = createRequire(import.meta.url)
let loaded: Addon | undefined

function loadAddon(): Addon {
  if (loaded !== undefined) return loaded
  const { platform, arch } = process
  const kinds = platform === 'linux' ? ['-gnu', '-musl'] : ['']
  const names = kinds.map((kind) => `node-unix-socket-${platform}-${arch}${kind}`)
  let cause: unknown
  for (const name of names) {
    try {
      loaded = require(name) as Addon
      if (!isMainThread) loaded.initCleanupHook()
      return loaded
    } catch (error) {
      cause = error
    }
  }
  throw new Error(`unix datagrams need the optional package ${names.join(' or ')}, which is not there; install it, or use transport: unix (a stream) or udp`, {
    cause,
  })
}
