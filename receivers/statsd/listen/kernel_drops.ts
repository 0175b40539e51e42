import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Where Linux tells of its UDP sockets. */
const TABLES = ['/proc/net/udp', '/proc/net/udp6'] as const
const OWN_FILES = '/proc/self/fd'

/** One UDP socket of the machine, as the kernel's table has it. */
export interface UdpSocketRow {
  readonly inode: number
  readonly port: number
  /** Bytes that wait to be read. */
  readonly queuedBytes: number
  /** Datagrams that were dropped since the socket was opened, for lack of room or a bad checksum. */
  readonly drops: number
}

/** Reads the text of `/proc/net/udp` or `/proc/net/udp6`; lines that it cannot read are passed over. */
export function parseUdpTable(text: string): UdpSocketRow[] {
  const rows: UdpSocketRow[] = []
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/)
    if (fields.length < 13) continue
    const port = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)
    const queuedBytes = Number.parseInt(fields[4]?.split(':')[1] ?? '', 16)
    const inode = Number(fields[9])
    const drops = Number(fields[12])
    if ([port, queuedBytes, inode, drops].every(Number.isFinite)) rows.push({ inode, port, queuedBytes, drops })
  }
  return rows
}

/** The UDP sockets of this process on a port; undefined where the system does not tell. */
export function ownUdpSockets(port: number, knownInodes: ReadonlySet<number> = NONE): UdpSocketRow[] | undefined {
  let rows: UdpSocketRow[] | undefined
  for (const table of TABLES) {
    try {
      const found = parseUdpTable(readFileSync(table, 'latin1')).filter((row) => row.port === port)
      rows = [...(rows ?? []), ...found]
    } catch {
      // A machine without that version of IP, or another system.
    }
  }
  if (rows === undefined || rows.every(({ inode }) => knownInodes.has(inode))) return rows
  // Another process may share the port.
  const own = ownInodes()
  return own === undefined ? rows : rows.filter(({ inode }) => knownInodes.has(inode) || own.has(inode))
}

const NONE: ReadonlySet<number> = new Set()

function ownInodes(): ReadonlySet<number> | undefined {
  const inodes = new Set<number>()
  try {
    for (const name of readdirSync(OWN_FILES)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`${OWN_FILES}/${name}`))?.[1]
      if (inode !== undefined) inodes.add(Number(inode))
    }
  } catch {
    return undefined
  }
  return inodes
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    // Closed meanwhile.
    return ''
  }
}

/**
 * Adds up what the kernel drops of the datagrams to a port, over all sockets of this process and over their lives. Whoever
 * closes a socket looks at it once more, so that its last drops count too.
 */
export class KernelDrops {
  readonly #byInode = new Map<number, number>()
  readonly #inodes = new Set<number>()
  #total = 0

  /** The sockets that were seen. */
  get known(): ReadonlySet<number> {
    return this.#inodes
  }

  /** Everything that was dropped so far. */
  get total(): number {
    return this.#total
  }

  /** Takes what the sockets of a port say now. */
  take(rows: readonly Pick<UdpSocketRow, 'inode' | 'drops'>[]): void {
    for (const { inode, drops } of rows) {
      this.#inodes.add(inode)
      const before = this.#byInode.get(inode) ?? 0
      if (drops <= before) continue
      this.#total += drops - before
      this.#byInode.set(inode, drops)
    }
  }
}
