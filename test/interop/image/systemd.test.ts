/** systemd itself reads our unit, finds nothing to say about it, and grades its sandbox. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { run, temporaryFolder } from '../child.ts'
import { REPOSITORY } from '../daemon.ts'
import { suite } from '../suite.ts'
import { seccompProfileOf } from './system_calls.ts'

/** In tenths, as `--threshold` takes it: 10.0 is a service without any sandbox, below 2.5 systemd calls it safe. */
const EXPOSURE_MAX = 16

suite('the unit of systemd', ['systemd-analyze'], (paths) => {
  const folder = temporaryFolder('systemd')
  const source = readFileSync(join(REPOSITORY, 'deploy', 'systemd', 'meshscope.service'), 'utf8')

  afterAll(() => folder.remove())

  /** The unit with a program that exists: systemd refuses one that does not. */
  function unitFile(text: string): string {
    const file = join(folder.path, 'meshscope.service')
    writeFileSync(file, text.replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true'))
    return file
  }

  async function analyze(...args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
    const { code, output } = await run({ name: 'systemd-analyze', file: paths['systemd-analyze'], args: ['--no-pager', ...args] }, 30_000)
    return { code, output }
  }

  test('is understood to the last line', async () => {
    expect(await analyze('verify', unitFile(source))).toEqual({ code: 0, output: '' })
  })

  test('a misspelt line would have been found', async () => {
    const { output } = await analyze('verify', unitFile(source.replace('ProtectHome=', 'ProtectHomes=')))
    expect(output).toContain("Unknown key 'ProtectHomes'")
  })

  test(`leaves an exposure of at most ${EXPOSURE_MAX / 10} of 10`, async () => {
    const { code, output } = await analyze('security', '--offline=true', `--threshold=${EXPOSURE_MAX}`, unitFile(source))
    expect(code, output).toBe(0)
    expect(output).toContain('Overall exposure level for meshscope.service')
  })

  test('a unit without its sandbox would not have passed', async () => {
    const { code } = await analyze('security', '--offline=true', `--threshold=${EXPOSURE_MAX}`, unitFile(source.replaceAll(/^Protect.*$/gm, '')))
    expect(code).toBe(1)
  })

  test('gives a stop more time than the daemon takes for it', () => {
    const reference = readFileSync(join(REPOSITORY, 'docs', 'reference', 'config.md'), 'utf8')
    const drain = Number(/`(?:service\.)?drain_timeout` \| duration \| `(\d+)s`/.exec(reference)?.[1])
    expect(drain).toBeGreaterThan(0)
    expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(source)?.[1])).toBeGreaterThan(drain + 3)
  })

  test('refuses system calls that only an administrator needs, and no others that it knows of', async () => {
    const allowed = (await seccompProfileOf(source, paths['systemd-analyze'])).syscalls[0]?.names ?? []
    expect(allowed).toEqual(expect.arrayContaining(['read', 'epoll_wait', 'recvmsg', 'clone3', 'futex']))
    expect(allowed.filter((name) => ['mount', 'setuid', 'chown', 'ptrace', 'init_module', 'reboot', 'bpf'].includes(name))).toEqual([])
  })

  test('the file for sysusers makes the user that the unit names', async () => {
    const file = join(REPOSITORY, 'deploy', 'systemd', 'meshscope.sysusers.conf')
    const root = join(folder.path, 'root')
    mkdirSync(join(root, 'etc'), { recursive: true })
    const { code, output } = await run({ name: 'systemd-sysusers', file: 'systemd-sysusers', args: [`--root=${root}`, file] }, 30_000)
    expect(code, output).toBe(0)
    const user = /^User=(\S+)$/m.exec(source)?.[1] ?? ''
    expect(readFileSync(join(root, 'etc', 'passwd'), 'utf8')).toMatch(new RegExp(`^${user}:.*:/var/lib/meshscope:/usr/sbin/nologin$`, 'm'))
  })

  test('its README installs what the unit starts', () => {
    const readme = readFileSync(join(REPOSITORY, 'deploy', 'systemd', 'README.md'), 'utf8')
    const [, node = '', program = '', config = ''] = /^ExecStart=(\S+) (\S+) run --config=(\S+)$/m.exec(source) ?? []
    expect(readme).toContain(`${node}\n`)
    expect(program.startsWith('/opt/meshscope/')).toBe(true)
    expect(readme).toContain(config)
  })
})
