/**
 * Builds the image that `deploy/image/Dockerfile` describes, without a daemon and without a registry: `node scripts/image.ts`.
 * Needs Debian 12 (apt-get, dpkg-deb) and buildah. `--help` tells the options.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { downloadPackages } from './image/debian.ts'
import { buildImage, pushLayout, readLayout } from './image/oci.ts'
import { platformHere } from './image/platform.ts'
import { assembleStage } from './image/rootfs.ts'

const HELP = `Usage: node scripts/image.ts [options]

  --stage DIR     only put the image's files together there, as the Dockerfile's first stage does: root/ and state/
  --output DIR    the OCI layout to write (default: .cache/image/oci)
  --tag NAME      (default: meshscope:VERSION)
  --dist DIR      what npm run build made (default: built anew, elsewhere)
  --packages DIR  Debian's packages, downloaded before (default: downloaded with apt-get)
  --revision TEXT the commit, for the label of that name (default: what git says)
  --store DIR     build in a storage of its own there (default: buildah's own)
`

const root = join(import.meta.dirname, '..')
const text = { type: 'string' } as const
const { values } = parseArgs({
  options: { stage: text, output: text, tag: text, dist: text, packages: text, revision: text, store: text, help: { type: 'boolean' } },
})

if (values.help === true) process.stdout.write(HELP)
else build()

function build(): void {
  const cache = join(root, '.cache', 'image')
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, 'work-'))
  try {
    const stage = resolve(values.stage ?? join(work, 'stage'))
    assembleStage(
      stage,
      { repository: root, dist: resolve(values.dist ?? built(work)), packages: resolve(values.packages ?? downloaded(work)) },
      platformHere(),
    )
    if (values.stage === undefined) image(stage, resolve(values.output ?? join(cache, 'oci')))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function image(stage: string, output: string): void {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string }
  const tag = values.tag ?? `meshscope:${version}`
  const store = values.store === undefined ? {} : { store: resolve(values.store) }
  const dockerfile = readFileSync(join(root, 'deploy', 'image', 'Dockerfile'), 'utf8')
  const id = buildImage({ dockerfile, stage, tag, version, revision: values.revision ?? revision(), ...store })
  pushLayout(tag, output, store.store)
  const { digest, compressedBytes } = readLayout(output)
  process.stdout.write(`image ${tag}\nid ${id}\ndigest ${digest}\ncompressed ${(compressedBytes / 1e6).toFixed(1)} MB\nlayout ${output}\n`)
}

function built(work: string): string {
  const dist = join(work, 'dist')
  execFileSync(process.execPath, [join(root, 'scripts', 'build.ts'), '--out', dist], { stdio: ['ignore', 'ignore', 'inherit'] })
  return dist
}

function downloaded(work: string): string {
  const packages = join(work, 'packages')
  downloadPackages(packages)
  return packages
}

/** The commit of the checkout; unknown where there is no git, as in the Dockerfile's first stage. */
function revision(): string {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return 'unknown'
  }
}
