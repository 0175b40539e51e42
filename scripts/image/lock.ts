/** Which packages of npm an image has: what the lock file says is needed to run, for one platform. */
import type { ImagePlatform } from './platform.ts'

/** A package of `package-lock.json`, with the folder it is installed in. */
export interface LockedPackage {
  /** Below the repository, such as `node_modules/ajv`. */
  readonly folder: string
  readonly name: string
  readonly version: string
  /** An SPDX expression; absent where the package names none. */
  readonly license?: string
  /** As in Subresource Integrity: `sha512-` and base64. */
  readonly integrity?: string
}

interface LockEntry {
  readonly version?: string
  readonly license?: string
  readonly integrity?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly devOptional?: boolean
  readonly peer?: boolean
}

/** Packages of optional dependencies that the image needs: datagrams over unix sockets, which Node.js itself lacks. */
const optionalOf = (platform: ImagePlatform): readonly string[] => [`node_modules/node-unix-socket-linux-${platform.arch}-gnu`]

/** Declarations for compilers; packages name them as dependencies all the same. */
const TYPES_ONLY = /(?:^|\/)node_modules\/(?:@types\/[^/]+|undici-types)$/

/**
 * The packages to copy, in the order of their folders.
 *
 * `npm ls` and `npm sbom` are no help here: where a package is needed both to run and to develop they leave it out of one or
 * the other. The lock file marks what is only for developing.
 */
export function packagesToRun(lockText: string, platform: ImagePlatform): readonly LockedPackage[] {
  const { packages } = JSON.parse(lockText) as { readonly packages: Readonly<Record<string, LockEntry>> }
  const wanted = new Set(optionalOf(platform))
  return Object.entries(packages)
    .filter(([folder, entry]) => folder !== '' && !TYPES_ONLY.test(folder) && (wanted.has(folder) || isRequired(entry)))
    .map(([folder, entry]) => ({ folder, name: nameOf(folder), version: entry.version ?? '', ...given(entry) }))
    .sort((a, b) => (a.folder < b.folder ? -1 : 1))
}

/** The package that brings Node.js itself. It stands in the image as a program, not among the packages. */
export function nodePackage(lockText: string, platform: ImagePlatform): LockedPackage {
  const { packages } = JSON.parse(lockText) as { readonly packages: Readonly<Record<string, LockEntry>> }
  const folder = `node_modules/node-linux-${platform.arch}`
  const entry = packages[folder]
  if (entry?.version === undefined) throw new Error(`package-lock.json has no ${folder}, which brings Node.js along`)
  return { folder, name: nameOf(folder), version: entry.version, ...given(entry) }
}

function isRequired(entry: LockEntry): boolean {
  return entry.dev !== true && entry.optional !== true && entry.devOptional !== true
}

function nameOf(folder: string): string {
  return folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)
}

function given({ license, integrity }: LockEntry): Pick<LockedPackage, 'license' | 'integrity'> {
  return { ...(license === undefined ? {} : { license }), ...(integrity === undefined ? {} : { integrity }) }
}

/** Folders with what bundlers and browsers take instead of the code for Node.js. */
const OTHER_BUILDS = /(?:^|\/)(?:dist-es|dist-types|build\/esm|build\/esnext)(?:\/|$)/
/** Sources, declarations, source maps and texts. */
const FOR_DEVELOPERS = /\.(?:[cm]?ts|map|md|markdown|tsbuildinfo|flow)$/i
const LICENSE = /(?:licen[cs]e|notice|copying)[^/]*$/i

/** Whether a file or folder of a package, by its path in it, is needed to run or to keep to its licence. */
export function isForRunning(path: string): boolean {
  return LICENSE.test(path) || !(OTHER_BUILDS.test(path) || FOR_DEVELOPERS.test(path))
}
