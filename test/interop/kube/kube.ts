import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../free_port.ts'
import { Child, temporaryFolder } from '../child.ts'
import { until } from '../waiting.ts'
import { KubeClient } from './client.ts'

export interface KubeOptions {
  /** The programs, as `suite` gives them. */
  readonly paths: { readonly etcd: string; readonly 'kube-apiserver': string }
  /** RBAC unless told otherwise. AlwaysAllow still wants a token, but lets every user do everything. */
  readonly authorization?: 'RBAC' | 'AlwaysAllow'
  /** More flags of kube-apiserver. */
  readonly extraArgs?: readonly string[]
}

/** An etcd and a kube-apiserver of their own on 127.0.0.1. There is no controller, scheduler or kubelet: objects are what tests make them. */
export interface Kube {
  readonly url: string
  readonly port: number
  /** A token of an administrator, who may do everything. */
  readonly adminToken: string
  /** The server's certificate, in PEM, to be trusted. */
  readonly ca: string
  readonly caFile: string
  /** Of the administrator. */
  readonly kubeconfig: string
  /** As the administrator. */
  readonly client: KubeClient
  /** The API server ends in order (SIGTERM); etcd stays. */
  stopApi(): Promise<void>
  /** The API server ends at once (SIGKILL); etcd stays. */
  killApi(): Promise<void>
  /** Starts the API server again on its port; resolves when it is ready. */
  startApi(): Promise<void>
  /** Makes etcd forget everything before the present revision: unfinished lists expire. */
  compact(): Promise<void>
  stop(): Promise<void>
}

const READY_MS = 60_000

/** Starts both; resolves when the API server is ready (two to three seconds, some 300 MiB). */
export async function startKube(options: KubeOptions): Promise<Kube> {
  const folder = temporaryFolder('kube')
  const ports = { client: await freePort(), peer: await freePort(), api: await freePort() }
  const adminToken = randomBytes(16).toString('hex')
  writeCredentials(folder.path, adminToken)
  const url = `https://127.0.0.1:${ports.api}`
  const etcd = startEtcd(options.paths.etcd, folder.path, ports)
  let api: Child | undefined
  const stop = async (): Promise<void> => {
    // Nothing of theirs is kept, so nobody needs to wait for a clean end.
    await api?.stop('SIGKILL')
    await etcd.stop('SIGKILL')
    folder.remove()
  }
  try {
    await etcd.until('healthy', async () => (await fetch(`http://127.0.0.1:${ports.client}/health`)).ok, READY_MS)
    api = startApiServer(options, folder.path, ports)
    const caFile = join(folder.path, 'certs', 'apiserver.crt')
    // The server makes its certificate itself, leaf and issuer in one file.
    const ca = await api.until('certificate', () => readFileSync(caFile, 'utf8'), READY_MS)
    const client = new KubeClient({ url, token: adminToken, ca })
    await ready(api, client)
    const kubeconfig = writeKubeconfig(folder.path, url, caFile, adminToken)
    const endApi = async (signal: NodeJS.Signals): Promise<void> => void (await api?.stop(signal))
    return {
      url,
      port: ports.api,
      adminToken,
      ca,
      caFile,
      kubeconfig,
      client,
      stopApi: () => endApi('SIGTERM'),
      killApi: () => endApi('SIGKILL'),
      startApi: async () => {
        api = startApiServer(options, folder.path, ports)
        await ready(api, client)
      },
      compact: () => compact(`http://127.0.0.1:${ports.client}`),
      stop: async () => {
        client.close()
        await stop()
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Ports {
  readonly client: number
  readonly peer: number
  readonly api: number
}

function startEtcd(file: string, dir: string, { client, peer }: Ports): Child {
  const clientUrl = `http://127.0.0.1:${client}`
  const peerUrl = `http://127.0.0.1:${peer}`
  const args = ['--data-dir', 'etcd-data', '--unsafe-no-fsync', '--logger', 'zap', '--log-level', 'warn']
  args.push('--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl)
  args.push('--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `default=${peerUrl}`)
  return new Child({ name: 'etcd', file, args, dir })
}

function startApiServer({ paths, authorization = 'RBAC', extraArgs = [] }: KubeOptions, dir: string, { client, api }: Ports): Child {
  const args = [
    `--etcd-servers=http://127.0.0.1:${client}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${api}`,
    '--cert-dir=certs',
    '--service-account-issuer=https://kubernetes.default.svc',
    '--service-account-key-file=sa.pub',
    '--service-account-signing-key-file=sa.key',
    '--token-auth-file=tokens.csv',
    `--authorization-mode=${authorization}`,
    '--service-cluster-ip-range=10.96.0.0/16',
    '--endpoint-reconciler-type=none',
    // It would want a default service account in every namespace, which a controller makes that is not there.
    '--disable-admission-plugins=ServiceAccount',
    '--allow-privileged=true',
    // Watches must not hold up a stop.
    '--shutdown-delay-duration=0s',
    ...extraArgs,
  ]
  return new Child({ name: 'kube-apiserver', file: paths['kube-apiserver'], args, dir })
}

async function ready(api: Child, client: KubeClient): Promise<void> {
  await api.until('ready', async () => (await client.send('GET', '/readyz')).code === 200, READY_MS)
}

function writeCredentials(dir: string, adminToken: string): void {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  writeFileSync(join(dir, 'sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 })
  writeFileSync(join(dir, 'sa.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
  writeFileSync(join(dir, 'tokens.csv'), `${adminToken},admin,admin-uid,"system:masters"\n`, { mode: 0o600 })
}

function writeKubeconfig(dir: string, url: string, caFile: string, token: string): string {
  const path = join(dir, 'kubeconfig')
  writeFileSync(
    path,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [{ name: 'test', cluster: { server: url, 'certificate-authority': caFile } }],
      users: [{ name: 'admin', user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'admin' } }],
    }),
    { mode: 0o600 },
  )
  return path
}

/** Through etcd's JSON gateway. Compaction needs the present revision, which any range request tells. */
async function compact(etcdUrl: string): Promise<void> {
  const ask = async (path: string, body: object): Promise<{ readonly header?: { readonly revision?: string } }> => {
    const response = await fetch(`${etcdUrl}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`etcd ${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as { readonly header?: { readonly revision?: string } }
  }
  const revision = await until('etcd tells its revision', async () => (await ask('range', { key: 'AA==' })).header?.revision)
  await ask('compaction', { revision, physical: true })
}
