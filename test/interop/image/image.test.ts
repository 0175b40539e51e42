/** The image is built twice without a daemon, looked into, linted, and run as strictly as it can be, with a config as it stands in deploy/examples. */
import { execFile } from 'node:child_process'
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TruthDocument } from '../../../cmd/meshscope/simulate/truth.ts'
import { type Layout, readLayout } from '../../../scripts/image/oci.ts'
import { IMAGE_USER } from '../../../scripts/image/rootfs.ts'
import { run, temporaryFolder } from '../child.ts'
import { COMMANDS, REPOSITORY, sumOf } from '../daemon.ts'
import { imbalances, ledgerOf } from '../ledger.ts'
import { suite } from '../suite.ts'
import { settled } from '../waiting.ts'
import { type RunningContainer, startContainer } from './container.ts'
import { importsProgram } from './imports.ts'
import { seccompProfileOf } from './system_calls.ts'

const TAG = 'meshscope:interop'
const MEGABYTES_MAX = 70
const BUILD_TIMEOUT_MS = 180_000

suite('the linter of Dockerfiles', ['hadolint'], (paths) => {
  test('finds nothing in ours', async () => {
    const file = join(REPOSITORY, 'deploy', 'image', 'Dockerfile')
    const { code, output } = await run({ name: 'hadolint', file: paths.hadolint, args: [file] }, 30_000)
    expect({ code, output }).toEqual({ code: 0, output: '' })
  })
})

suite('the image', ['buildah', 'podman', 'runc', 'debian-libraries', 'systemd-analyze'], (paths) => {
  const folder = temporaryFolder('image')
  const store = join(folder.path, 'store')
  const isBuilt = existsSync(COMMANDS.dist)
  const state = join(folder.path, 'state')
  let layouts: readonly Layout[] = []
  let container: RunningContainer | undefined

  beforeAll(async () => {
    if (!isBuilt) return
    layouts = [await build('first'), await build('second')]
  })

  afterAll(async () => {
    await container?.stop()
    folder.remove()
  })

  /** One build from what `npm run build` made; `nice`, since it takes both cores for some seconds. */
  async function build(name: string): Promise<Layout> {
    const output = join(folder.path, name)
    const options = ['--dist', join(REPOSITORY, 'dist'), '--packages', paths['debian-libraries'], '--store', store, '--output', output]
    const args = [join(REPOSITORY, 'scripts', 'image.ts'), ...options, '--tag', TAG, '--revision', 'of the test']
    const { code, output: said } = await run({ name: 'image.ts', file: process.execPath, args, dir: REPOSITORY }, BUILD_TIMEOUT_MS)
    expect(code, said).toBe(0)
    return readLayout(output)
  }

  /** Starts the image with the Istio example as it stands, and a volume for what it writes. */
  async function started(seccomp?: string): Promise<RunningContainer> {
    const config = join(folder.path, 'relay.yaml')
    copyFileSync(join(REPOSITORY, 'deploy', 'examples', 'istio.yaml'), config)
    chmodSync(config, 0o644)
    mkdirSync(state, { recursive: true })
    chownSync(state, IMAGE_USER, IMAGE_USER)
    chmodSync(folder.path, 0o755)
    const volumes = [`${config}:/conf/relay.yaml:ro`, `${state}:/var/lib/meshscope`]
    const options = { podman: paths.podman, runc: paths.runc, store, image: `localhost/${TAG}`, name: 'meshscope-interop', volumes }
    const running = await startContainer({ ...options, ...(seccomp === undefined ? {} : { seccomp }) })
    container = running
    return running
  }

  /** The paths in the image's one layer. */
  async function contents(): Promise<readonly string[]> {
    const layer = layouts[0]?.layers[0] ?? ''
    const { stdout } = await promisify(execFile)('tar', ['-tzf', layer], { maxBuffer: 64 << 20, timeout: 60_000 })
    return stdout.split('\n').filter((path) => !/^app\/node_modules\/.+\.(?:js|cjs|mjs)$/.test(path))
  }

  test.skipIf(!isBuilt)('is the same to the digest when it is built again [needs npm run build]', () => {
    expect(layouts[0]?.digest).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(layouts[1]?.digest).toBe(layouts[0]?.digest)
  })

  test.skipIf(!isBuilt)(`is at most ${MEGABYTES_MAX} MB to download`, () => {
    const bytes = layouts[0]?.compressedBytes ?? 0
    expect(bytes).toBeGreaterThan(20e6)
    expect(bytes).toBeLessThanOrEqual(MEGABYTES_MAX * 1e6)
  })

  test.skipIf(!isBuilt)('says what it is, who it runs as and what it runs', () => {
    const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { readonly version: string }
    expect(layouts[0]?.config).toMatchObject({
      os: 'linux',
      config: {
        User: `${IMAGE_USER}:${IMAGE_USER}`,
        Entrypoint: ['/usr/local/bin/node', '/app/bin/meshscope.js'],
        Cmd: ['run', '--config=/conf/relay.yaml'],
        StopSignal: 'SIGTERM',
        Labels: {
          'org.opencontainers.image.title': 'meshscope',
          'org.opencontainers.image.version': version,
          'org.opencontainers.image.revision': 'of the test',
        },
      },
    })
  })

  test.skipIf(!isBuilt)('has neither shell nor package manager nor what is only for developing', async () => {
    const files = await contents()
    expect(files).toEqual(expect.arrayContaining(['usr/local/bin/node', 'app/bin/meshscope.js', 'app/node_modules/ajv/package.json', 'app/sbom.cdx.json']))
    expect(files.filter((path) => /\/(?:sh|bash|busybox|env|npm|apt|dpkg)$|\.map$|\.d\.ts$|\.test\.js$|\/\.bin\//.test(path))).toEqual([])
    expect(files.filter((path) => /node_modules\/(?:vitest|typescript|node-linux-)/.test(path))).toEqual([])
  })

  test.skipIf(!isBuilt)('belongs to root, but for the folder of what the daemon keeps', async () => {
    const files = ['app/bin/meshscope.js', 'usr/local/bin/node', 'tmp', 'conf', 'var/lib/meshscope']
    const args = [
      '--numeric-owner',
      '--no-recursion',
      '-tvzf',
      layouts[0]?.layers[0] ?? '',
      ...files.map((file) => (file.includes('.') || file.endsWith('node') ? file : `${file}/`)),
    ]
    const { stdout, output } = await run({ name: 'tar', file: 'tar', args }, 60_000)
    const listed = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/))
    expect(Object.fromEntries(listed.map((fields) => [fields[5]?.replace(/\/$/, ''), `${fields[0]} ${fields[1]}`])), output).toEqual({
      'app/bin/meshscope.js': '-rw-r--r-- 0/0',
      'usr/local/bin/node': '-rwxr-xr-x 0/0',
      tmp: 'drwxrwxrwt 0/0',
      conf: 'drwxr-xr-x 0/0',
      'var/lib/meshscope': 'drwxr-xr-x 65532/65532',
    })
  })

  test.skipIf(!isBuilt)('lists every package it has in its bill of materials, and no other', async () => {
    const installed = (await contents()).map((path) => /^app\/(.*node_modules\/(?:@[^/]+\/)?[^/]+)\/package\.json$/.exec(path)?.[1])
    const layer = layouts[0]?.layers[0] ?? ''
    const { stdout } = await run({ name: 'tar', file: 'tar', args: ['-xzOf', layer, 'app/sbom.cdx.json'] }, 60_000)
    const { components } = JSON.parse(stdout) as {
      readonly components: readonly { readonly 'bom-ref': string; readonly name: string; readonly version: string }[]
    }
    const listed = components.map((component) => component['bom-ref']).filter((ref) => ref.startsWith('node_modules/'))
    expect(listed).toEqual([...new Set(installed.filter((one) => one !== undefined))].toSorted())
    expect(components.find(({ name }) => name === 'node')?.version).toBe(process.version.slice(1))
    expect(components.map(({ name }) => name)).toContain('libc6')
  })

  test.skipIf(!isBuilt)('runs the Istio example read-only and without any capability, misses nothing, counts what a mesh sends, and ends with 0', async () => {
    const running = await started()
    expect(await privileges(running)).toEqual({ Uid: String(IMAGE_USER), CapEff: '0000000000000000', NoNewPrivs: '1', isWritable: false })
    const program = importsProgram(readFileSync(join(REPOSITORY, 'package-lock.json'), 'utf8'))
    const here = await run({ name: 'imports', file: process.execPath, args: ['--input-type=module', '-e', program], dir: REPOSITORY }, 60_000)
    expect(here.stdout.split('\n')).toContain('@grpc/grpc-js')
    expect(await running.evaluate('/app', program)).toBe(here.stdout)

    const simulated = await running.exec('meshscope', 'simulate', '--rps', '100', '--duration', '2s', '--truth', '/var/lib/meshscope/truth.json', '--quiet')
    expect(simulated.code, simulated.output).toBe(0)
    const truth = JSON.parse(readFileSync(join(state, 'truth.json'), 'utf8')) as TruthDocument
    expect(truth.entries).toMatchObject({ lost: 0, unconfirmed: 0 })

    const ledger = await settled(
      async () => ledgerOf(await running.scrape('http://localhost:8888/metrics', ['meshscope_receiver', 'meshscope_connector', 'otelcol_'])),
      ({ connector }) => connector >= truth.entries.confirmed,
    )
    expect(imbalances(ledger)).toEqual([])
    expect(ledger).toMatchObject({ received: truth.entries.confirmed, dropped: 0 })
    const counted = truth.http.reduce((sum, row) => sum + Number(row['count']), 0)
    expect(sumOf(await running.scrape('http://localhost:8889/metrics', ['istio_requests_total']), 'istio_requests_total')).toBe(counted)

    expect(await running.stop()).toBe(0)
  })

  test.skipIf(!isBuilt)('runs with no more system calls than the unit of systemd allows', async () => {
    const unit = readFileSync(join(REPOSITORY, 'deploy', 'systemd', 'meshscope.service'), 'utf8')
    const profile = join(folder.path, 'seccomp.json')
    writeFileSync(profile, JSON.stringify(await seccompProfileOf(unit, paths['systemd-analyze'])))
    const running = await started(profile)
    const simulated = await running.exec('meshscope', 'simulate', '--rps', '50', '--duration', '1s')
    expect(simulated.code, simulated.output).toBe(0)
    await running.scrape('http://localhost:8889/metrics', [])
    expect(await running.stop()).toBe(0)
  })
})

/** What the kernel lets the daemon do, and whether it can write beside its programs. */
async function privileges(container: RunningContainer): Promise<object> {
  const script = `
const { readFileSync, writeFileSync } = await import('node:fs')
const status = readFileSync('/proc/1/status', 'utf8')
const of = (key) => new RegExp('^' + key + ':\\\\s+(\\\\S+)', 'm').exec(status)[1]
let isWritable = true
try { writeFileSync('/app/x', '') } catch { isWritable = false }
console.log(JSON.stringify({ Uid: of('Uid'), CapEff: of('CapEff'), NoNewPrivs: of('NoNewPrivs'), isWritable }))`
  return JSON.parse(await container.evaluate('/', script)) as object
}
