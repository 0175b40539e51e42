/** What one sender has sent to a worker. */
export interface ClientCounts {
  /** Address without port; `(others)` for all beyond those that are counted one by one, `(unix)` for unix sockets. */
  readonly address: string
  readonly packets: number
  readonly lines: number
  readonly rejected: number
  readonly bytes: number
  /** Milliseconds since the epoch. */
  readonly lastSeenMs: number
}

/** A sender while it is counted. `labels` is a number that `Senders` gives. */
export interface Client {
  readonly address: string
  packets: number
  lines: number
  rejected: number
  bytes: number
  lastSeenMs: number
}

/** Most senders of a worker that are counted one by one. */
const CLIENTS_MAX = 4096

/** Counts by sender. The memory for it is bounded: who comes when it is full is one of the others. */
export class Clients {
  readonly #clients = new Map<string, Client>()
  readonly #others = newClient('(others)')
  readonly #clientsMax: number
  #last: Client = this.#others

  constructor(clientsMax = CLIENTS_MAX) {
    this.#clientsMax = clientsMax
  }

  /** The counts of an address; the empty one is that of unix sockets. */
  of(address: string): Client {
    if (this.#last.address === address) return this.#last
    let client = this.#clients.get(address)
    if (client === undefined) {
      if (this.#clients.size >= this.#clientsMax) return this.#others
      client = newClient(address)
      this.#clients.set(address, client)
    }
    this.#last = client
    return client
  }

  /** Those with the most lines, at most `limit`, and all others added up. */
  top(limit: number): ClientCounts[] {
    const sorted = [...this.#clients.values()].sort((a, b) => b.lines - a.lines)
    return withOthers(
      sorted.map((client) => (client.address === '' ? { ...client, address: '(unix)' } : { ...client })),
      { ...this.#others },
      limit,
    )
  }
}

/** Adds up what several workers say, address by address, and keeps `limit`. */
export function mergeClients(lists: readonly (readonly ClientCounts[])[], limit: number): ClientCounts[] {
  const byAddress = new Map<string, ClientCounts>()
  for (const client of lists.flat()) {
    const known = byAddress.get(client.address)
    byAddress.set(client.address, known === undefined ? client : sum(known, client))
  }
  const others = byAddress.get('(others)') ?? newClient('(others)')
  byAddress.delete('(others)')
  return withOthers(
    [...byAddress.values()].sort((a, b) => b.lines - a.lines),
    others,
    limit,
  )
}

function withOthers(sorted: readonly ClientCounts[], others: ClientCounts, limit: number): ClientCounts[] {
  const rest = sorted.slice(limit).reduce(sum, others)
  return rest.packets === 0 && rest.lines === 0 ? sorted.slice(0, limit) : [...sorted.slice(0, limit), rest]
}

function sum(a: ClientCounts, b: ClientCounts): ClientCounts {
  return {
    address: a.address,
    packets: a.packets + b.packets,
    lines: a.lines + b.lines,
    rejected: a.rejected + b.rejected,
    bytes: a.bytes + b.bytes,
    lastSeenMs: Math.max(a.lastSeenMs, b.lastSeenMs),
  }
}

function newClient(address: string): Client {
  return { address, packets: 0, lines: 0, rejected: 0, bytes: 0, lastSeenMs: 0 }
}
