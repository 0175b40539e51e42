/** The C and C++ libraries that Node.js needs, taken out of Debian's packages, with their licences and what scanners look for. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { ImagePlatform } from './platform.ts'

/** A package of Debian that the image has files of. */
export interface DebianPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
  /** The lines of its control file. */
  readonly control: string
}

/** The packages, and what is taken of each; the rest of them is for other programs. */
const TAKEN: Readonly<Record<string, (platform: ImagePlatform) => readonly RegExp[]>> = {
  'base-files': () => [/^usr\/lib\/os-release$/],
  'gcc-12-base': () => [],
  libc6: ({ multiarch }) => [new RegExp(`^lib/${multiarch}/(?:ld-linux[^/]*|lib(?:c|m|dl|pthread|rt|resolv|nss_dns|nss_files)\\.so\\.\\d+)$`)],
  'libgcc-s1': ({ multiarch }) => [new RegExp(`^lib/${multiarch}/libgcc_s\\.so\\.1$`)],
  'libstdc++6': ({ multiarch }) => [new RegExp(`^usr/lib/${multiarch}/libstdc\\+\\+\\.so\\.6[^/]*$`)],
}

/** The names of the packages, in alphabetical order. */
export const DEBIAN_PACKAGES: readonly string[] = Object.keys(TAKEN)

/** Downloads the packages of this machine's Debian into `folder`; apt checks their signatures. Needs `apt-get update` before. */
export function downloadPackages(folder: string): void {
  mkdirSync(folder, { recursive: true })
  try {
    execFileSync('apt-get', ['download', '-q', ...DEBIAN_PACKAGES], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] })
  } catch (error) {
    throw new Error(`cannot download ${DEBIAN_PACKAGES.join(', ')} with apt-get\n  hint      apt-get update must have run; Debian 12 is expected`, {
      cause: error,
    })
  }
}

/** Whether `folder` has a file of each package. */
export function hasPackages(folder: string): boolean {
  const files = existsSync(folder) ? readdirSync(folder) : []
  return DEBIAN_PACKAGES.every((name) => files.some((file) => file.startsWith(`${name}_`) && file.endsWith('.deb')))
}

/** Copies what the image needs out of the `.deb` files in `folder` into `root`, working in the empty folder `scratch`. */
export function unpackLibraries(
  folders: { readonly packages: string; readonly scratch: string; readonly root: string },
  platform: ImagePlatform,
): DebianPackage[] {
  return DEBIAN_PACKAGES.map((name) => {
    const file = newest(folders.packages, name, platform)
    const unpacked = join(folders.scratch, name)
    execFileSync('dpkg-deb', ['-x', file, unpacked])
    const control = execFileSync('dpkg-deb', ['-f', file], { encoding: 'utf8' })
    const rules = TAKEN[name]?.(platform) ?? []
    for (const path of filesBelow(unpacked).filter((one) => rules.some((rule) => rule.test(one)))) copy(join(unpacked, path), join(folders.root, path))
    copyLicense(unpacked, name, folders.root)
    // Where scanners look for packages in images without dpkg's own database.
    writeInto(join(folders.root, 'var/lib/dpkg/status.d', name), control)
    return { name, version: field(control, 'Version'), architecture: field(control, 'Architecture'), control }
  })
}

/** The link by which programs name the dynamic loader. */
export function linkLoader(root: string, platform: ImagePlatform): void {
  const link = join(root, platform.loader)
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(`/lib/${platform.multiarch}/${basename(platform.loader)}`, link)
}

function newest(folder: string, name: string, platform: ImagePlatform): string {
  const files = readdirSync(folder).filter(
    (file) => file.startsWith(`${name}_`) && /_(?:all|[a-z0-9]+)\.deb$/.test(file) && file.endsWith(`_${platform.debian}.deb`),
  )
  const file = files.toSorted().at(-1)
  if (file === undefined) throw new Error(`${folder} has no ${name}_…_${platform.debian}.deb`)
  return join(folder, file)
}

/** All files and links below a folder, by their paths in it, in order. */
export function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return entries.filter((path) => !lstatSync(join(folder, path)).isDirectory()).toSorted()
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  // Links may point to what another package brings.
  if (lstatSync(from).isSymbolicLink()) symlinkSync(readlinkSync(from), to)
  else copyFileSync(from, to)
}

function writeInto(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

/** The folder of documents of libgcc-s1 and libstdc++6 is a link to that of gcc-12-base, which is taken too. */
function copyLicense(unpacked: string, name: string, root: string): void {
  const path = join('usr/share/doc', name, 'copyright')
  const isLinked = lstatSync(dirname(join(unpacked, path)), { throwIfNoEntry: false })?.isSymbolicLink() === true
  if (isLinked) copy(dirname(join(unpacked, path)), dirname(join(root, path)))
  else if (existsSync(join(unpacked, path))) writeInto(join(root, path), readFileSync(join(unpacked, path), 'utf8'))
}

function field(control: string, name: string): string {
  const line = control.split('\n').find((one) => one.startsWith(`${name}: `))
  if (line === undefined) throw new Error(`a control file without ${name}:\n${control}`)
  return line.slice(name.length + 2).trim()
}
