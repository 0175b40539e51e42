import { homedir } from 'node:os'
import type { Clock } from '../../../component/component.ts'
import { accessError } from './access_error.ts'
import { WatchedFile } from './credential_file.ts'
import type { Access, Credentials, Environment } from './credentials.ts'
import { openKubeConfig } from './kube_config.ts'
import { checkedServer } from './server_address.ts'

/** Where the address of the API server and the credentials come from; the Collector's `auth_type`. */
export type AuthType = 'serviceAccount' | 'kubeConfig' | 'none'

export interface AccessOptions {
  readonly authType: AuthType
  readonly clock: Clock
  /** `kubeConfig`: the context to use; empty for the file's current one. */
  readonly context?: string
  /** `kubeConfig`: a file instead of those of `KUBECONFIG` or `~/.kube/config`. */
  readonly kubeConfigFile?: string
  /** `none`: the address of the API server; absent for the one of the cluster that the process runs in. */
  readonly server?: string
  /** Default `process.env`. */
  readonly env?: Environment
  /** Where the files of the service account are. */
  readonly serviceAccountFolder?: string
  readonly homeFolder?: string
}

const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * Finds the API server and the credentials for it. Reads files but connects to nothing; throws an `AccessError` that
 * names the file or variable, what was expected and what to do.
 */
export function openAccess(options: AccessOptions): Access {
  const { authType, clock, env = process.env } = options
  if (authType === 'serviceAccount') return openServiceAccount(env, options.serviceAccountFolder ?? SERVICE_ACCOUNT_FOLDER, clock)
  if (authType === 'none') return openPlain(options.server ?? '', env)
  const { kubeConfigFile = '', context = '', homeFolder = homedir() } = options
  return openKubeConfig({ file: kubeConfigFile, context, homeFolder, env, clock })
}

function openServiceAccount(env: Environment, folder: string, clock: Clock): Access {
  const server = inClusterServer(env, 'auth_type serviceAccount')
  const hint = 'set automountServiceAccountToken: true for the pod, or use auth_type: kubeConfig'
  const token = new WatchedFile(`${folder}/token`, 'the token of the service account', clock, { hint })
  // Some clusters mount no authority because their API server has a certificate that everybody trusts.
  const ca = new WatchedFile(`${folder}/ca.crt`, 'the authority of the API server', clock, { isOptional: true })
  const namespace = new WatchedFile(`${folder}/namespace`, 'the namespace of the service account', clock, { isOptional: true })
  const read = (): Credentials => ({
    headers: { authorization: `Bearer ${nonEmpty(token.text(), token.path).trim()}` },
    tls: { ca: ca.text(), cert: undefined, key: undefined, serverName: '', isUnverified: false },
  })
  // Looked at once so that what is missing is said at the start.
  read()
  return {
    server,
    namespace: namespace.text()?.trim() ?? '',
    credentials: async () => read(),
    expire: () => {
      token.expire()
      ca.expire()
    },
  }
}

function openPlain(server: string, env: Environment): Access {
  // Without an address the Collector takes the cluster's own and does not look at its certificate.
  const isUnverified = server === ''
  const address = isUnverified ? inClusterServer(env, 'auth_type none without an address') : checkedServer(server, 'api_server')
  const credentials: Credentials = { headers: {}, tls: { ca: undefined, cert: undefined, key: undefined, serverName: '', isUnverified } }
  return { server: address, namespace: '', credentials: async () => credentials, expire: () => {} }
}

function inClusterServer(env: Environment, what: string): string {
  const host = env.KUBERNETES_SERVICE_HOST ?? ''
  const port = env.KUBERNETES_SERVICE_PORT ?? ''
  if (host === '' || port === '')
    throw accessError(`environment variable ${host === '' ? 'KUBERNETES_SERVICE_HOST' : 'KUBERNETES_SERVICE_PORT'}`, 'not set', {
      expected: `it to be set for ${what}, as it is in every pod`,
      hint: 'outside of a cluster use auth_type: kubeConfig',
    })
  return checkedServer(`https://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`, 'KUBERNETES_SERVICE_HOST')
}

function nonEmpty(text: string | undefined, path: string): string {
  if (text === undefined || text.trim() === '') throw accessError(path, 'empty', { expected: 'a token' })
  return text
}
