import * as dns from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { arch, hostname, networkInterfaces, platform, release, type, version } from 'node:os'

/** An address of a network interface. */
export interface InterfaceAddress {
  readonly name: string
  readonly address: string
  readonly mac: string
  readonly isInternal: boolean
}

/** What the operating system says; tests give another one. */
export interface Machine {
  readonly platform: string
  readonly arch: string
  hostname(): string
  /** Name and version of the operating system in one text. */
  description(): string
  addresses(): readonly InterfaceAddress[]
  /** The text of a file; rejects when there is none. */
  readText(path: string): Promise<string>
  /** Names that the hosts file or DNS gives to the address that a name has. */
  namesOf(name: string): Promise<readonly string[]>
  /** Canonical name of a name in DNS. */
  canonicalName(name: string): Promise<readonly string[]>
  /** Names of an address in DNS. */
  reverse(address: string): Promise<readonly string[]>
}

/** The machine that this process runs on. */
export const thisMachine: Machine = {
  platform: platform(),
  arch: arch(),
  hostname,
  description: () => `${type()} ${release()} ${version()}`,
  addresses: () =>
    Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
      addresses.map(({ address, mac, internal }) => ({ name, address, mac, isInternal: internal })),
    ),
  readText: (path) => readFile(path, 'utf8'),
  namesOf: async (name) => {
    const { address } = await dns.lookup(name)
    return [(await dns.lookupService(address, 0)).hostname]
  },
  canonicalName: (name) => dns.resolveCname(name),
  reverse: (address) => dns.reverse(address),
}
