import { readFileSync } from 'node:fs'
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path'
import type { Clock } from '../../../component/component.ts'
import { yaml } from '../../../lib/yaml.ts'
import { accessError } from './access_error.ts'
import { WatchedFile } from './credential_file.ts'
import type { Access, Credentials, Environment, TlsMaterial } from './credentials.ts'
import { ExecCredential } from './exec_credential.ts'
import { KubeConfigEntry } from './kube_config_entry.ts'
import { checkedServer } from './server_address.ts'

export interface KubeConfigOptions {
  /** One file; empty for those of `KUBECONFIG`, else `~/.kube/config`. */
  readonly file: string
  /** Empty for the current context of the files. */
  readonly context: string
  readonly homeFolder: string
  readonly env: Environment
  readonly clock: Clock
}

/**
 * The access that a context of kubeconfig files describes. Several files are merged as kubectl does: the first that
 * names a cluster, a user, a context or the current context wins, and paths are relative to the file they stand in.
 * https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/
 */
export function openKubeConfig(options: KubeConfigOptions): Access {
  const config = loadKubeConfig(options)
  const contextName = options.context === '' ? config.currentContext : options.context
  if (contextName === '')
    throw accessError(config.place, 'no current context', { expected: `current-context to be one of ${namesOf(config.contexts)}`, hint: 'set context' })
  const context = pick(config, 'contexts', contextName, 'context')
  const cluster = pick(config, 'clusters', context.text('cluster'), `contexts[${contextName}].context.cluster`)
  const userName = context.text('user')
  const user = userName === '' ? undefined : pick(config, 'users', userName, `contexts[${contextName}].context.user`)
  refuseUnsupported(cluster, user)
  return new KubeConfigAccess(cluster, user, context.text('namespace'), options)
}

interface KubeConfig {
  /** The files, for messages. */
  readonly place: string
  readonly currentContext: string
  readonly contexts: ReadonlyMap<string, KubeConfigEntry>
  readonly clusters: ReadonlyMap<string, KubeConfigEntry>
  readonly users: ReadonlyMap<string, KubeConfigEntry>
}

function loadKubeConfig({ file, homeFolder, env }: KubeConfigOptions): KubeConfig {
  const listed = (env.KUBECONFIG ?? '').split(delimiter).filter((name) => name !== '')
  const files = file !== '' ? [file] : listed.length > 0 ? listed : [join(homeFolder, '.kube', 'config')]
  const maps = { contexts: new Map<string, KubeConfigEntry>(), clusters: new Map<string, KubeConfigEntry>(), users: new Map<string, KubeConfigEntry>() }
  let currentContext = ''
  let found = 0
  for (const name of files) {
    const text = readIfThere(name)
    if (text === undefined) continue
    found++
    const config = parseKubeConfig(name, text)
    if (currentContext === '' && typeof config['current-context'] === 'string') currentContext = config['current-context']
    addEntries(maps.contexts, config, name, 'contexts', 'context')
    addEntries(maps.clusters, config, name, 'clusters', 'cluster')
    addEntries(maps.users, config, name, 'users', 'user')
  }
  if (found === 0)
    throw accessError(files.join(', '), 'no such file', {
      expected: 'a kubeconfig file',
      hint: 'set KUBECONFIG or kubeconfig, or use auth_type: serviceAccount inside of a cluster',
    })
  return { place: files.join(', '), currentContext, ...maps }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT') return undefined
    throw accessError(file, code === 'EACCES' ? 'not permitted to read it' : `cannot be read (${code ?? 'unknown'})`, {
      expected: 'a kubeconfig file',
      cause: error,
    })
  }
}

function parseKubeConfig(file: string, text: string): Readonly<Record<string, unknown>> {
  let config: unknown
  try {
    config = yaml().parse(text)
  } catch (error) {
    // The parser quotes the line, which may hold a secret: only where it is goes on.
    const line = (error as { linePos?: readonly { line: number }[] }).linePos?.[0]?.line
    throw accessError(line === undefined ? file : `${file}:${line}`, 'not YAML', { expected: 'a kubeconfig file' })
  }
  if (config === null || config === undefined) return {}
  if (typeof config !== 'object' || Array.isArray(config))
    throw accessError(file, 'not a kubeconfig file', { expected: 'a mapping with clusters, users and contexts' })
  return config as Readonly<Record<string, unknown>>
}

function addEntries(into: Map<string, KubeConfigEntry>, config: Readonly<Record<string, unknown>>, file: string, list: string, inner: string): void {
  const entries = config[list] ?? []
  if (!Array.isArray(entries)) throw accessError(`${file}: ${list}`, 'not a list', { expected: `a list of mappings with name and ${inner}` })
  for (const [i, entry] of entries.entries()) {
    const { name, [inner]: fields } = (typeof entry === 'object' && entry !== null ? entry : {}) as Readonly<Record<string, unknown>>
    if (typeof name !== 'string') throw accessError(`${file}: ${list}[${i}]`, 'no name', { expected: `a mapping with name and ${inner}` })
    if (into.has(name)) continue
    into.set(name, new KubeConfigEntry(`${file}: ${list}[${name}].${inner}`, dirname(resolve(file)), fields ?? {}))
  }
}

function pick(config: KubeConfig, list: 'contexts' | 'clusters' | 'users', name: string, place: string): KubeConfigEntry {
  const entry = config[list].get(name)
  if (entry === undefined)
    throw accessError(`${config.place}: ${place}`, `no such entry in ${list}`, {
      expected: `one of ${namesOf(config[list])}`,
      found: name === '' ? '(empty)' : name,
    })
  return entry
}

function namesOf(entries: ReadonlyMap<string, unknown>): string {
  return entries.size === 0 ? '(none)' : [...entries.keys()].join(', ')
}

function refuseUnsupported(cluster: KubeConfigEntry, user: KubeConfigEntry | undefined): void {
  if (cluster.has('proxy-url'))
    throw accessError(`${cluster.place}.proxy-url`, 'not supported', {
      hint: 'run kubectl proxy there and use auth_type: none with its address, or connect directly',
    })
  if (user?.has('auth-provider') === true)
    throw accessError(`${user.place}.auth-provider`, 'not supported, as Kubernetes removed it in 1.26', { hint: 'use an exec credential plugin' })
}

/** PEM text that stands in the file itself or in one of its own; `undefined` when neither is given. */
interface Material {
  text(): string | undefined
  expire(): void
}

class KubeConfigAccess implements Access {
  readonly server: string
  readonly namespace: string
  readonly #ca: Material
  readonly #cert: Material
  readonly #key: Material
  readonly #tokenFile: Material
  readonly #token: string
  readonly #basic: string
  readonly #impersonation: Readonly<Record<string, string | readonly string[]>>
  readonly #serverName: string
  readonly #isUnverified: boolean
  readonly #exec: ExecCredential | undefined

  constructor(cluster: KubeConfigEntry, user: KubeConfigEntry | undefined, namespace: string, { clock, env }: KubeConfigOptions) {
    this.server = checkedServer(cluster.text('server'), `${cluster.place}.server`)
    this.namespace = namespace
    this.#serverName = cluster.text('tls-server-name')
    this.#isUnverified = cluster.flag('insecure-skip-tls-verify')
    this.#ca = materialOf(cluster, 'certificate-authority', clock)
    if (this.#isUnverified && (cluster.has('certificate-authority') || cluster.has('certificate-authority-data')))
      throw accessError(`${cluster.place}.insecure-skip-tls-verify`, 'given together with an authority', { hint: 'remove one of them' })
    this.#cert = materialOf(user, 'client-certificate', clock)
    this.#key = materialOf(user, 'client-key', clock)
    this.#tokenFile = fileOf(user, 'tokenFile', 'a token', clock)
    this.#token = user?.text('token') ?? ''
    const name = user?.text('username') ?? ''
    this.#basic = name === '' ? '' : `Basic ${Buffer.from(`${name}:${user?.text('password') ?? ''}`).toString('base64')}`
    this.#impersonation = user === undefined ? {} : impersonationOf(user)
    const exec = user?.entry('exec')
    this.#exec = exec === undefined ? undefined : new ExecCredential(exec, { server: this.server, tls: this.#tls() }, env, clock)
    // What is missing is said at once; what an exec plugin gives is asked for when it is needed.
    this.#tokenFile.text()
    if ((this.#cert.text() === undefined) !== (this.#key.text() === undefined))
      throw accessError(user?.place ?? '', 'client-certificate and client-key must be given together', { hint: 'add the missing one' })
  }

  async credentials(): Promise<Credentials> {
    const plugin = await this.#exec?.current()
    const token = plugin?.token || this.#tokenFile.text()?.trim() || this.#token
    const authorization = token === '' ? this.#basic : `Bearer ${token}`
    const tls = this.#tls()
    return {
      headers: { ...this.#impersonation, ...(authorization === '' ? {} : { authorization }) },
      tls: plugin?.cert === undefined ? tls : { ...tls, cert: plugin.cert, key: plugin.key },
    }
  }

  expire(): void {
    for (const material of [this.#ca, this.#cert, this.#key, this.#tokenFile]) material.expire()
    this.#exec?.expire()
  }

  #tls(): TlsMaterial {
    return { ca: this.#ca.text(), cert: this.#cert.text(), key: this.#key.text(), serverName: this.#serverName, isUnverified: this.#isUnverified }
  }
}

const NOTHING: Material = { text: () => undefined, expire: () => {} }

/** `key-data` (base64 of PEM) before `key` (a path), as kubectl prefers them. */
function materialOf(entry: KubeConfigEntry | undefined, key: string, clock: Clock): Material {
  const data = entry?.text(`${key}-data`) ?? ''
  if (entry === undefined || data === '') return fileOf(entry, key, 'PEM text', clock)
  const pem = Buffer.from(data, 'base64').toString('utf8')
  if (!pem.includes('-----BEGIN ')) throw accessError(`${entry.place}.${key}-data`, 'not base64 of PEM text')
  return { text: () => pem, expire: () => {} }
}

function fileOf(entry: KubeConfigEntry | undefined, key: string, what: string, clock: Clock): Material {
  const path = entry?.text(key) ?? ''
  if (entry === undefined || path === '') return NOTHING
  return new WatchedFile(isAbsolute(path) ? path : join(entry.folder, path), `${what} for ${entry.place}.${key}`, clock)
}

/** https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation */
function impersonationOf(user: KubeConfigEntry): Readonly<Record<string, string | readonly string[]>> {
  const headers: Record<string, string | readonly string[]> = {}
  if (user.has('as')) headers['Impersonate-User'] = user.text('as')
  if (user.has('as-uid')) headers['Impersonate-Uid'] = user.text('as-uid')
  if (user.has('as-groups')) headers['Impersonate-Group'] = user.texts('as-groups')
  if (user.has('as-user-extra')) throw accessError(`${user.place}.as-user-extra`, 'not supported', { hint: 'use as, as-uid and as-groups only' })
  return headers
}
