/** What meshes publish of their own settings' form: custom resources and protobuf sources, out of their Go modules. */
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheFolder, goCommand, step, withGo } from './install.ts'

interface Source {
  readonly module: string
  readonly version: string
  /** Paths in the module, and what they are called in the cache. */
  readonly files: Readonly<Record<string, string>>
}

const ISTIO_PROTOS = ['mesh', 'networking', 'type', 'meta', 'analysis']

const SOURCES: readonly Source[] = [
  {
    module: 'istio.io/api',
    version: 'v1.31.1',
    files: {
      'kubernetes/customresourcedefinitions.gen.yaml': 'istio/crds.yaml',
      ...Object.fromEntries(ISTIO_PROTOS.map((folder) => [folder, `istio/protos/${folder}`])),
      'common-protos/google/api/field_behavior.proto': 'istio/protos/google/api/field_behavior.proto',
    },
  },
  {
    module: 'github.com/envoyproxy/gateway',
    version: 'v1.9.1',
    files: {
      'charts/gateway-helm/charts/crds/crds/generated/gateway.envoyproxy.io_envoyproxies.yaml': 'envoy_gateway/crds.yaml',
      'charts/gateway-helm/charts/crds/crds/gatewayapi-crds.yaml': 'envoy_gateway/gateway_api.yaml',
    },
  },
  {
    module: 'github.com/projectcontour/contour',
    version: 'v1.33.8',
    files: { 'examples/contour/01-crds.yaml': 'contour/crds.yaml', 'examples/contour/03-envoy.yaml': 'contour/envoy.yaml' },
  },
]

/** A folder of the cache with a folder for each mesh; downloads 40 MB once, of which 5 MB are kept. Throws with the reason. */
export async function obtainMeshSchemas(): Promise<string> {
  const versions = SOURCES.map(({ version }) => version.slice(1)).join('-')
  const folder = join(cacheFolder(), `mesh-schemas-${versions}`)
  if (existsSync(folder)) return folder
  const go = goCommand()
  const work = `${folder}.${process.pid}`
  mkdirSync(work, { recursive: true })
  try {
    const env = withGo(go, { GOMODCACHE: join(work, 'modules'), GOFLAGS: '-modcacherw', GOTOOLCHAIN: 'local' })
    for (const { module, version, files } of SOURCES) {
      const told = await step(`go mod download ${module}`, go, ['mod', 'download', '-json', `${module}@${version}`], { dir: work, env })
      const { Dir: dir } = JSON.parse(told) as { readonly Dir: string }
      for (const [from, to] of Object.entries(files)) {
        mkdirSync(dirname(join(work, 'kept', to)), { recursive: true })
        cpSync(join(dir, from), join(work, 'kept', to), { recursive: true, filter: (path) => !/\.(?:go|html|json)$/.test(path) })
      }
    }
    writeFileSync(join(work, 'kept', 'README'), `${SOURCES.map(({ module, version }) => `${module}@${version}`).join('\n')}\n`)
    renameSync(join(work, 'kept'), folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return folder
}
