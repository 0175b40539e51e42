import type { AttributeValue } from '../../../model/attributes.ts'
import type { Attributes, Detect, DetectorContext } from './detector.ts'
import type { Machine } from './machine.ts'

export type HostnameSource = 'dns' | 'os' | 'cname' | 'lookup'

/** Values of `os.type` and `host.arch` in OpenTelemetry's conventions, where they differ from Node.js'. */
const OS_TYPES: Readonly<Record<string, string>> = { win32: 'windows', sunos: 'solaris' }
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: 'x86', arm: 'arm32' }

/** Lines of /proc/cpuinfo and the attributes that they become. */
const CPU_ATTRIBUTES: Readonly<Record<string, string>> = {
  vendor_id: 'host.cpu.vendor.id',
  'cpu family': 'host.cpu.family',
  model: 'host.cpu.model.id',
  'model name': 'host.cpu.model.name',
  stepping: 'host.cpu.stepping',
}

/** Detector `system`: name, addresses, processor and operating system of the machine, or of the container that it looks like. */
export function detectSystem(config: { readonly hostname_sources: readonly HostnameSource[] }): Detect {
  return async (context) => {
    const { machine, wants } = context
    const name = wants('host.name') ? await hostName(context, config.hostname_sources) : undefined
    const attributes: Attributes = {
      'host.name': name,
      'os.type': OS_TYPES[machine.platform] ?? machine.platform,
      'host.arch': ARCHITECTURES[machine.arch] ?? machine.arch,
      'os.description': machine.description(),
      ...networkOf(machine),
      ...(wants('host.id') ? { 'host.id': (await textOf(machine, ['/etc/machine-id', '/var/lib/dbus/machine-id'])) || undefined } : {}),
      ...(['os.name', 'os.version'].some(wants) ? releaseOf(await textOf(machine, ['/etc/os-release', '/usr/lib/os-release'])) : {}),
      ...(Object.values(CPU_ATTRIBUTES).some(wants) ? cpuOf(await textOf(machine, ['/proc/cpuinfo'])) : {}),
    }
    if (name !== undefined || !wants('host.name')) return { attributes }
    return { attributes, problem: `no name of the host from ${config.hostname_sources.join(', ')}; add os to hostname_sources` }
  }
}

async function hostName(context: DetectorContext, sources: readonly HostnameSource[]): Promise<string | undefined> {
  const { clock, timeoutMs } = context
  let cancel = (): void => {}
  // A name server that does not answer must leave time for the sources after it.
  const late = new Promise<undefined>((resolve) => {
    cancel = clock.after(timeoutMs / 2, () => resolve(undefined))
  })
  try {
    const names = sources.map(async (source) => nameFrom(source, context.machine).catch(() => undefined))
    for (const name of names) {
      const found = await Promise.race([name, late])
      if (found !== undefined && found !== '') return found
    }
    return undefined
  } finally {
    cancel()
  }
}

async function nameFrom(source: HostnameSource, machine: Machine): Promise<string | undefined> {
  const name = machine.hostname()
  switch (source) {
    case 'os':
      return name
    case 'cname':
      return withoutDot((await machine.canonicalName(name))[0])
    case 'lookup':
      return withoutDot((await machine.reverse(ownAddress(machine)))[0])
    case 'dns':
      return name.includes('.') ? name : (await fullNames(name, machine)).find((full) => full.startsWith(`${name}.`))
    default:
      throw new Error(`BUG: no source ${String(source)} of the host name`)
  }
}

/** The hosts file first, then DNS: the order of the Collector. */
async function fullNames(name: string, machine: Machine): Promise<string[]> {
  const asked = [machine.namesOf(name), machine.canonicalName(name), (async () => machine.reverse(ownAddress(machine)))()]
  const answers = await Promise.allSettled(asked)
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.map((full) => withoutDot(full) ?? '') : []))
}

function ownAddress(machine: Machine): string {
  const own = machine.addresses().find(({ isInternal }) => !isInternal)
  if (own === undefined) throw new Error('this machine has no address but that of itself')
  return own.address
}

function withoutDot(name: string | undefined): string | undefined {
  return name?.replace(/\.$/, '')
}

function networkOf(machine: Machine): Attributes {
  const outside = machine.addresses().filter(({ isInternal }) => !isInternal)
  const unique = (values: readonly string[]): readonly AttributeValue[] | undefined => (values.length === 0 ? undefined : [...new Set(values)])
  return {
    'host.ip': unique(outside.map(({ address }) => address)),
    'host.mac': unique(outside.map(({ mac }) => mac.toUpperCase().replaceAll(':', '-'))),
    'host.interface': unique(outside.map(({ name }) => name)),
  }
}

/** The first file that is there; empty when there is none. */
async function textOf(machine: Machine, paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    const text = await machine.readText(path).catch(() => '')
    if (text.trim() !== '') return text.trim()
  }
  return ''
}

/** https://www.freedesktop.org/software/systemd/man/latest/os-release.html */
function releaseOf(text: string): Attributes {
  const field = (key: string): string | undefined => new RegExp(`^${key}=(["']?)(.*)\\1$`, 'm').exec(text)?.[2]
  return { 'os.name': field('NAME'), 'os.version': field('VERSION_ID') }
}

function cpuOf(text: string): Attributes {
  const found: Record<string, string> = {}
  // The first processor stands for all.
  for (const line of text.split(/\n\s*\n/, 1)[0]?.split('\n') ?? []) {
    const colon = line.indexOf(':')
    const [key, value] = [line.slice(0, Math.max(colon, 0)).trim(), line.slice(colon + 1).trim()]
    const attribute = Object.hasOwn(CPU_ATTRIBUTES, key) ? CPU_ATTRIBUTES[key] : undefined
    if (attribute !== undefined && value !== '') found[attribute] = value
  }
  return found
}
