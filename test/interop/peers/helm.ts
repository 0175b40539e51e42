/** Helm and kustomize, built with Go as their authors say and then cached, since neither is in Debian; and what the Prometheus operator defines. */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, goCommand, step, withGo } from './install.ts'

const HELM_VERSION = '4.3.1'
const KUSTOMIZE_VERSION = '5.8.1'
const OPERATOR_VERSION = '0.85.0'
/** Building Helm takes two minutes on two idle cores. */
const BUILD_TIMEOUT_MS = 1_800_000

/** The path of `helm`. */
export function obtainHelm(): Promise<string> {
  const version = `v${HELM_VERSION}`
  const linkerFlags = `-s -w -X helm.sh/helm/v4/internal/version.version=${version}`
  return built({ program: 'helm', version, packagePath: 'helm.sh/helm/v4/cmd/helm', linkerFlags })
}

/** The path of `kustomize`. */
export function obtainKustomize(): Promise<string> {
  const version = `v${KUSTOMIZE_VERSION}`
  return built({ program: 'kustomize', version, packagePath: 'sigs.k8s.io/kustomize/kustomize/v5', linkerFlags: '-s -w' })
}

/**
 * A folder with the definitions of PodMonitor, ServiceMonitor and PrometheusRule, `podmonitors.yaml` and so on, as the
 * Prometheus operator publishes them in its Go module; downloads 4 MB once.
 */
export async function obtainOperatorCrds(): Promise<string> {
  const folder = join(cacheFolder(), `prometheus-operator-crds-${OPERATOR_VERSION}`)
  if (existsSync(folder)) return folder
  const go = goCommand()
  const work = `${folder}.${process.pid}`
  mkdirSync(join(work, 'kept'), { recursive: true })
  try {
    const env = withGo(go, { GOMODCACHE: join(work, 'modules'), GOFLAGS: '-modcacherw', GOTOOLCHAIN: 'local' })
    const args = ['mod', 'download', '-json', `github.com/prometheus-operator/prometheus-operator@v${OPERATOR_VERSION}`]
    const { Dir: dir } = JSON.parse(await step('go mod download of the Prometheus operator', go, args, { dir: work, env })) as { readonly Dir: string }
    for (const name of ['podmonitors', 'servicemonitors', 'prometheusrules']) {
      copyFileSync(join(dir, 'example', 'prometheus-operator-crd', `monitoring.coreos.com_${name}.yaml`), join(work, 'kept', `${name}.yaml`))
    }
    renameSync(join(work, 'kept'), folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return folder
}

interface GoProgram {
  readonly program: string
  /** With its `v`. */
  readonly version: string
  readonly packagePath: string
  readonly linkerFlags: string
}

async function built({ program, version, packagePath, linkerFlags }: GoProgram): Promise<string> {
  const folder = join(cacheFolder(), `${program}-${version.slice(1)}`)
  const binary = join(folder, program)
  if (existsSync(binary)) return binary
  const go = goCommand()
  // Under another folder first, so that a build that breaks off leaves no half binary behind.
  const work = join(folder, `build-${process.pid}`)
  mkdirSync(work, { recursive: true })
  try {
    console.log(`building ${program}, once; this takes minutes`)
    const env = { CGO_ENABLED: '0', GOFLAGS: '-p=2 -buildvcs=false', GOTOOLCHAIN: 'local', GOBIN: work }
    const args = ['-n', '19', go, 'install', '-trimpath', `-ldflags=${linkerFlags}`, `${packagePath}@${version}`]
    await step(`go install ${program}`, 'nice', args, { dir: work, env, timeoutMs: BUILD_TIMEOUT_MS })
    renameSync(join(work, program), binary)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return binary
}
