/** The bill of materials of an image, as CycloneDX 1.5 JSON: https://cyclonedx.org/docs/1.5/json/ */
import type { DebianPackage } from './debian.ts'
import type { LockedPackage } from './lock.ts'

/** What an image is made of. */
export interface Materials {
  readonly version: string
  readonly packages: readonly LockedPackage[]
  readonly node: LockedPackage
  readonly debian: readonly DebianPackage[]
}

interface Component {
  readonly type: 'library' | 'application'
  readonly 'bom-ref': string
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly licenses?: readonly object[]
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[]
}

/**
 * The document as an object, the same for the same materials: CycloneDX's serial number and time are left out, which are
 * optional and would make every build another one.
 */
export function billOfMaterials({ version, packages, node, debian }: Materials): object {
  const main = { type: 'application', 'bom-ref': 'meshscope', name: 'meshscope', version, purl: `pkg:npm/meshscope@${version}` }
  const runtime: Component = {
    ...npmComponent(node),
    type: 'application',
    'bom-ref': `node@${node.version}`,
    name: 'node',
    purl: `pkg:generic/node@${node.version}`,
  }
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { lifecycles: [{ phase: 'build' }], component: main },
    components: [runtime, ...debian.map(debianComponent), ...packages.map(npmComponent)],
  }
}

function npmComponent({ name, version, license, integrity, folder }: LockedPackage): Component {
  // A scope's @ is written %40 in package URLs.
  const purl = `pkg:npm/${name.replace(/^@/, '%40')}@${version}`
  const content = integrity?.startsWith('sha512-') === true ? Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex') : undefined
  return {
    type: 'library',
    'bom-ref': folder,
    name,
    version,
    purl,
    ...(license === undefined ? {} : { licenses: [license.includes(' ') ? { expression: license } : { license: { id: license } }] }),
    ...(content === undefined ? {} : { hashes: [{ alg: 'SHA-512', content }] }),
  }
}

function debianComponent({ name, version, architecture }: DebianPackage): Component {
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-12`
  return { type: 'library', 'bom-ref': `debian/${name}`, name, version, purl }
}
