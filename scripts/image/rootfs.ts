/** Puts together the file system of the image: Node.js, the libraries it needs, the program and its packages; nothing else. */
import { chmodSync, copyFileSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { linkLoader, unpackLibraries } from './debian.ts'
import { isForRunning, type LockedPackage, nodePackage, packagesToRun } from './lock.ts'
import type { ImagePlatform } from './platform.ts'
import { billOfMaterials } from './sbom.ts'

/** The folders that a root is made of. */
export interface RootfsSources {
  /** The checkout, with its `node_modules`. */
  readonly repository: string
  /** What `npm run build` made. */
  readonly dist: string
  /** Debian's packages, as `downloadPackages` leaves them. */
  readonly packages: string
}

/** User and group of the process, as distroless images and many charts have it. */
export const IMAGE_USER = 65532
/** Where the config is expected, as in the Collector's chart. */
const CONFIG_FOLDER = 'conf'
/** The one folder that the user owns; the default folder of `file_storage` lies in it. */
const STATE_FOLDER = 'meshscope'

const TEXTS: Readonly<Record<string, string>> = {
  'etc/passwd': `root:x:0:0:root:/:/usr/sbin/nologin\nmeshscope:x:${IMAGE_USER}:${IMAGE_USER}:meshscope:/var/lib/${STATE_FOLDER}:/usr/sbin/nologin\n`,
  'etc/group': `root:x:0:\nmeshscope:x:${IMAGE_USER}:\n`,
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
  // A program by its name, for `kubectl exec POD -- meshscope explain …`: there is no shell and no env in the image.
  'usr/local/bin/meshscope': "#!/usr/local/bin/node\nawait import('/app/bin/meshscope.js')\n",
}
const PROGRAMS = new Set(['usr/local/bin/meshscope', 'usr/local/bin/node'])

/**
 * Makes the folder `stage` anew, with `root` in it, the file system, and `state`, what belongs to the user in `/var/lib`: an
 * owner can only be given to what is copied by itself. Modes are set whatever the umask is, and nothing depends on the time, so that the same sources give
 * the same image. Owners are set by the image's build.
 */
export function assembleStage(stage: string, sources: RootfsSources, platform: ImagePlatform): void {
  const root = join(stage, 'root')
  const state = join(stage, 'state')
  rmSync(stage, { recursive: true, force: true })
  mkdirSync(root, { recursive: true })
  const lock = readFileSync(join(sources.repository, 'package-lock.json'), 'utf8')
  const packages = packagesToRun(lock, platform)
  const node = nodePackage(lock, platform)
  const scratch = mkdtempSync(join(tmpdir(), 'meshscope-image-'))
  try {
    const debian = unpackLibraries({ packages: sources.packages, scratch, root }, platform)
    linkLoader(root, platform)
    for (const [path, text] of Object.entries(TEXTS)) write(join(root, path), text)
    copyNode(root, join(sources.repository, node.folder))
    copyProgram(root, sources, packages)
    const { version } = JSON.parse(readFileSync(join(sources.dist, 'package.json'), 'utf8')) as { readonly version: string }
    write(join(root, 'app/sbom.cdx.json'), `${JSON.stringify(billOfMaterials({ version, packages, node, debian }), null, 1)}\n`)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  for (const folder of [join(root, CONFIG_FOLDER), join(root, 'tmp'), join(state, STATE_FOLDER)]) mkdirSync(folder, { recursive: true })
  setModes(root, root)
  setModes(state, state)
  chmodSync(join(root, 'tmp'), 0o1777)
}

function copyNode(root: string, folder: string): void {
  const binary = join(folder, 'bin', 'node')
  if (!existsSync(binary)) throw new Error(`${binary} does not exist\n  hint      npm ci installs it along with the optional dependencies`)
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true })
  // As it is published, symbols included, so that its checksum can be compared; stripped the image would be 4 MB smaller.
  copyFileSync(binary, join(root, 'usr/local/bin/node'))
  mkdirSync(join(root, 'usr/local/share/doc/node'), { recursive: true })
  copyFileSync(join(folder, 'LICENSE'), join(root, 'usr/local/share/doc/node/LICENSE'))
}

function copyProgram(root: string, { repository, dist }: RootfsSources, packages: readonly LockedPackage[]): void {
  if (!existsSync(join(dist, 'bin', 'meshscope.js'))) throw new Error(`${dist} has no bin/meshscope.js\n  hint      npm run build makes it`)
  copyTree(dist, join(root, 'app'))
  for (const { folder } of packages) {
    if (!existsSync(join(repository, folder))) throw new Error(`${folder} is not installed\n  hint      run npm ci`)
    copyTree(join(repository, folder), join(root, 'app', folder))
  }
}

/** Copies what is needed to run. Packages inside a package have entries of their own in the lock file. */
function copyTree(from: string, to: string): void {
  const filter = (path: string): boolean => {
    const inside = relative(from, path)
    return inside === '' || (isForRunning(inside) && !/(?:^|\/)(?:node_modules|\.[^/]+)$/.test(inside))
  }
  cpSync(from, to, { recursive: true, filter })
}

function setModes(root: string, folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) setModes(root, path)
    else if (!lstatSync(path).isSymbolicLink()) chmodSync(path, PROGRAMS.has(relative(root, path)) || entry.name.startsWith('ld-linux') ? 0o755 : 0o644)
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
