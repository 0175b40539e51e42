/** What a unit of systemd lets its program call, as a seccomp profile that container runtimes take. */
import { run } from '../child.ts'

/** A profile as runc reads it: https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp */
export interface SeccompProfile {
  readonly defaultAction: 'SCMP_ACT_ERRNO'
  /** EPERM */
  readonly defaultErrnoRet: 1
  readonly syscalls: readonly { readonly action: 'SCMP_ACT_ALLOW'; readonly names: readonly string[] }[]
}

/**
 * The calls that the lines `SystemCallFilter=` of a unit leave, in their order, by the groups of this machine's systemd.
 * Calls of the group @default are always allowed: systemd.exec(5).
 */
export async function seccompProfileOf(unit: string, systemdAnalyze: string): Promise<SeccompProfile> {
  const groups = await systemCallGroups(systemdAnalyze)
  const allowed = new Set(membersOf('@default', groups))
  for (const [, removes, list = ''] of unit.matchAll(/^SystemCallFilter=(~?)(.+)$/gm)) {
    for (const name of list.split(/\s+/).flatMap((one) => membersOf(one, groups))) {
      if (removes === '~') allowed.delete(name)
      else allowed.add(name)
    }
  }
  return { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 1, syscalls: [{ action: 'SCMP_ACT_ALLOW', names: [...allowed].toSorted() }] }
}

type Groups = ReadonlyMap<string, readonly string[]>

async function systemCallGroups(systemdAnalyze: string): Promise<Groups> {
  const { code, output, stdout } = await run({ name: 'systemd-analyze', file: systemdAnalyze, args: ['syscall-filter', '--no-pager'] }, 30_000)
  if (code !== 0) throw new Error(`systemd-analyze syscall-filter ended with ${code}: ${output}`)
  const groups = new Map<string, string[]>()
  let members: string[] = []
  for (const line of stdout.split('\n')) {
    const name = line.trim()
    if (/^@[\w-]+$/.test(line)) groups.set(name, (members = []))
    else if (/^\s+@?\w[\w-]*$/.test(line)) members.push(name)
  }
  return groups
}

function membersOf(name: string, groups: Groups): string[] {
  if (!name.startsWith('@')) return [name]
  const members = groups.get(name)
  if (members === undefined) throw new Error(`systemd has no group of system calls ${name}`)
  return members.flatMap((member) => membersOf(member, groups))
}
