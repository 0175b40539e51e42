/** Builds an image of files with buildah, without a daemon and without a registry, and looks at what came of it. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface ImageOptions {
  /** The text of `deploy/image/Dockerfile`. */
  readonly dockerfile: string
  /** What `assembleStage` made. It is moved into the build and is gone afterwards. */
  readonly stage: string
  /** Such as `meshscope:0.1.0`. */
  readonly tag: string
  readonly version: string
  /** The commit. */
  readonly revision: string
  /** A storage of its own below this folder, else that of the user. */
  readonly store?: string
}

/** Builds the image into buildah's storage and returns its id. The same files give the same id: times are set to 0. */
export function buildImage({ dockerfile, stage, tag, version, revision, store }: ImageOptions): string {
  // Beside it, so that it can be moved, not copied.
  const context = mkdtempSync(join(dirname(stage), 'context-'))
  try {
    renameSync(stage, join(context, 'stage'))
    writeFileSync(join(context, 'Dockerfile'), lastStage(dockerfile))
    const fixed = ['--isolation', 'chroot', '--layers=false', '--timestamp', '0', '--identity-label=false', '--quiet']
    const args = ['--build-arg', `VERSION=${version}`, '--build-arg', `REVISION=${revision}`, '-t', tag, context]
    return (
      run('buildah', [...storage(store), 'bud', ...fixed, ...args])
        .trim()
        .split('\n')
        .at(-1) ?? ''
    )
  } finally {
    rmSync(context, { recursive: true, force: true })
  }
}

/** Writes an image of the storage as an OCI layout into a folder, its layers compressed. */
export function pushLayout(tag: string, folder: string, store?: string): void {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(dirname(folder), { recursive: true })
  run('buildah', [...storage(store), 'push', '--quiet', `localhost/${tag}`, `oci:${folder}:${tag}`])
}

/** What an OCI layout with one image holds: https://github.com/opencontainers/image-spec/blob/main/image-layout.md */
export interface Layout {
  /** The digest of its manifest, by which registries name it. */
  readonly digest: string
  /** Files of the layers, compressed as they are downloaded. */
  readonly layers: readonly string[]
  /** Bytes of the layers together. */
  readonly compressedBytes: number
  readonly config: { readonly config: Readonly<Record<string, unknown>>; readonly architecture: string; readonly os: string }
}

interface Descriptor {
  readonly digest: string
  readonly size: number
}

/** Reads an OCI layout. */
export function readLayout(folder: string): Layout {
  const fileOf = (digest: string): string => join(folder, 'blobs', ...digest.split(':'))
  const blob = (digest: string): unknown => JSON.parse(readFileSync(fileOf(digest), 'utf8'))
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as { readonly manifests: readonly Descriptor[] }
  const digest = index.manifests[0]?.digest
  if (digest === undefined) throw new Error(`${folder} has no image`)
  const manifest = blob(digest) as { readonly config: Descriptor; readonly layers: readonly Descriptor[] }
  return {
    digest,
    layers: manifest.layers.map((layer) => fileOf(layer.digest)),
    compressedBytes: manifest.layers.reduce((sum, layer) => sum + layer.size, 0),
    config: blob(manifest.config.digest) as Layout['config'],
  }
}

/** The last stage of a Dockerfile, with what it copies from the stages before taken from the context instead. */
export function lastStage(dockerfile: string): string {
  const lines = dockerfile.split('\n')
  const start = lines.findLastIndex((line) => line.startsWith('FROM '))
  if (start < 0) throw new Error('a Dockerfile without FROM')
  return lines
    .slice(start)
    .map((line) => line.replace(/^(COPY )--from=\w+ (.*)$/, '$1$2'))
    .join('\n')
}

function storage(store: string | undefined): string[] {
  if (store === undefined) return []
  const root = join(store, 'storage')
  mkdirSync(root, { recursive: true })
  return ['--root', root, '--runroot', join(store, 'run'), '--storage-driver', 'vfs']
}

/** The arguments by which podman finds what was built into `store`. */
export const podmanStorage: (store: string) => readonly string[] = storage

function run(program: string, args: readonly string[]): string {
  try {
    return execFileSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: process.env['TMPDIR'] ?? tmpdir() },
    })
  } catch (error) {
    const { stderr, code } = error as { readonly stderr?: string; readonly code?: string }
    const reason = code === 'ENOENT' ? `${program} is not installed\n  hint      apt-get install ${program}` : (stderr ?? '').trim()
    throw new Error(`${program} ${args.find((arg) => /^(?:bud|push)$/.test(arg)) ?? ''} failed: ${reason}`, { cause: error })
  }
}
