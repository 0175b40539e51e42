import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../../test/fakes/clock.ts'
import { type AccessOptions, openAccess } from './access.ts'
import type { Access } from './credentials.ts'

const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'
const base64 = (text: string): string => Buffer.from(text).toString('base64')

let folder: string
let clock: FakeClock

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'access-'))
  clock = new FakeClock()
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  return path
}

async function authorization(access: Access): Promise<unknown> {
  return (await access.credentials()).headers['authorization']
}

/** The message of what `open` throws, with the test's own folder taken out. */
function refusal(open: () => unknown): string {
  try {
    open()
  } catch (error) {
    return (error as Error).message.replaceAll(folder, 'FOLDER')
  }
  return 'not refused'
}

describe('serviceAccount', () => {
  const env = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' }
  const open = (more: Partial<AccessOptions> = {}): Access => openAccess({ authType: 'serviceAccount', clock, env, serviceAccountFolder: folder, ...more })

  test('takes address, authority, token and namespace from the pod', async () => {
    file('token', 'secret\n')
    file('ca.crt', PEM)
    file('namespace', 'shop')
    const access = open()
    expect(access).toMatchObject({ server: 'https://10.0.0.1', namespace: 'shop' })
    expect(await access.credentials()).toEqual({
      headers: { authorization: 'Bearer secret' },
      tls: { ca: PEM, cert: undefined, key: undefined, serverName: '', isUnverified: false },
    })
  })

  test('puts an IPv6 address into brackets', () => {
    file('token', 'secret')
    expect(open({ env: { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' } }).server).toBe('https://[fd00::1]:6443')
  })

  test('reads the token again after a minute, or when it was refused', async () => {
    file('token', 'first')
    const access = open()
    file('token', 'second')
    clock.advance(59_999)
    expect(await authorization(access)).toBe('Bearer first')
    clock.advance(1)
    expect(await authorization(access)).toBe('Bearer second')
    file('token', 'third')
    access.expire()
    expect(await authorization(access)).toBe('Bearer third')
  })

  test('keeps the token while its file is being replaced', async () => {
    const path = file('token', 'first')
    const access = open()
    rmSync(path)
    access.expire()
    expect(await authorization(access)).toBe('Bearer first')
  })

  test.for([
    {
      name: 'no token',
      set: {},
      files: {},
      message:
        'FOLDER/token: no such file; expected the token of the service account; set automountServiceAccountToken: true for the pod, or use auth_type: kubeConfig',
    },
    { name: 'an empty token', set: {}, files: { token: '\n' }, message: 'FOLDER/token: empty; expected a token' },
    {
      name: 'no address',
      set: { KUBERNETES_SERVICE_HOST: undefined },
      files: { token: 'secret' },
      message:
        'environment variable KUBERNETES_SERVICE_HOST: not set; expected it to be set for auth_type serviceAccount, as it is in every pod; outside of a cluster use auth_type: kubeConfig',
    },
    {
      name: 'a bad port',
      set: { KUBERNETES_SERVICE_PORT: 'https' },
      files: { token: 'secret' },
      message: 'KUBERNETES_SERVICE_HOST: not an address of an API server; expected a URL such as https://10.0.0.1:6443; found https://10.0.0.1:https',
    },
  ])('says what is wrong: $name', ({ set, files, message }) => {
    for (const [name, text] of Object.entries(files)) file(name, text)
    expect(refusal(() => open({ env: { ...env, ...set } }))).toBe(message)
  })
})

describe('none', () => {
  test('takes the given address without credentials', async () => {
    const access = openAccess({ authType: 'none', clock, server: 'http://127.0.0.1:8001/', env: {} })
    expect(access.server).toBe('http://127.0.0.1:8001')
    expect((await access.credentials()).headers).toEqual({})
  })

  test('takes the address of the cluster when none is given', async () => {
    const access = openAccess({ authType: 'none', clock, env: { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' } })
    expect((await access.credentials()).tls.isUnverified).toBe(true)
  })

  test('does not show a password that stands in the address', () => {
    const message = refusal(() => openAccess({ authType: 'none', clock, server: 'https://admin:hunter2@api:6443', env: {} }))
    expect(message).toBe('api_server: not an address of an API server; expected a URL such as https://10.0.0.1:6443; found https://(redacted)@api:6443')
  })
})

describe('kubeConfig', () => {
  const config = (user: object, cluster: object = {}, more: object = {}): string =>
    JSON.stringify({
      'current-context': 'main',
      contexts: [{ name: 'main', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://api.test:6443', ...cluster } }],
      users: [{ name: 'u', user }],
      ...more,
    })
  const open = (more: Partial<AccessOptions> = {}): Access =>
    openAccess({ authType: 'kubeConfig', clock, homeFolder: folder, env: {}, kubeConfigFile: join(folder, 'config'), ...more })

  test.for([
    { name: 'a token', user: { token: 'secret' }, expected: 'Bearer secret' },
    { name: 'a token file, before a token', user: { token: 'other', tokenFile: 'my/token' }, expected: 'Bearer from-file' },
    { name: 'name and password', user: { username: 'admin', password: 'hunter2' }, expected: `Basic ${base64('admin:hunter2')}` },
    { name: 'nothing', user: {}, expected: undefined },
  ])('uses $name', async ({ user, expected }) => {
    file('my/token', 'from-file\n')
    file('config', config(user))
    const access = open()
    expect(access).toMatchObject({ server: 'https://api.test:6443', namespace: 'shop' })
    expect(await authorization(access)).toBe(expected)
  })

  test('uses certificates from data before those from files', async () => {
    file('ca.pem', 'from file')
    file(
      'config',
      config({ 'client-certificate-data': base64(PEM), 'client-key': 'key.pem' }, { 'certificate-authority': 'ca.pem', 'tls-server-name': 'kubernetes' }),
    )
    file('key.pem', 'the key')
    expect((await open().credentials()).tls).toEqual({ ca: 'from file', cert: PEM, key: 'the key', serverName: 'kubernetes', isUnverified: false })
    file('config', config({}, { 'certificate-authority': 'missing', 'certificate-authority-data': base64(PEM) }))
    expect((await open().credentials()).tls.ca).toBe(PEM)
    file('config', config({}, { 'insecure-skip-tls-verify': true }))
    expect((await open().credentials()).tls.isUnverified).toBe(true)
  })

  test('acts as somebody else when told to', async () => {
    file('config', config({ token: 'secret', as: 'jane', 'as-groups': ['devs', 'ops'] }))
    expect((await open().credentials()).headers).toEqual({ authorization: 'Bearer secret', 'Impersonate-User': 'jane', 'Impersonate-Group': ['devs', 'ops'] })
  })

  test('merges the files of KUBECONFIG, of which the first wins, each with its own folder', async () => {
    const first = file('a/config', config({ tokenFile: 'token' }, {}, { clusters: [], contexts: [] }))
    file('a/token', 'from a')
    const second = file('b/config', config({ tokenFile: 'token' }, { server: 'https://second.test' }, { 'current-context': 'other' }))
    const access = open({ kubeConfigFile: '', env: { KUBECONFIG: `${first}:${folder}/missing:${second}` } })
    expect(access.server).toBe('https://second.test')
    expect(await authorization(access)).toBe('Bearer from a')
  })

  test('looks into the home folder last, and takes the context it is told', () => {
    const contexts = [{ name: 'second', context: { cluster: 'c', user: '' } }]
    file('.kube/config', config({}, {}, { contexts }))
    expect(open({ kubeConfigFile: '', context: 'second' }).server).toBe('https://api.test:6443')
  })

  test.for([
    {
      name: 'no file',
      text: undefined,
      message: 'FOLDER/config: no such file; expected a kubeconfig file; set KUBECONFIG or kubeconfig, or use auth_type: serviceAccount inside of a cluster',
    },
    { name: 'no YAML, without showing it', text: 'a: b\ntoken: "secret\n', message: 'FOLDER/config:3: not YAML; expected a kubeconfig file' },
    { name: 'a text', text: 'hello', message: 'FOLDER/config: not a kubeconfig file; expected a mapping with clusters, users and contexts' },
    { name: 'an empty file', text: '', message: 'FOLDER/config: no current context; expected current-context to be one of (none); set context' },
    {
      name: 'an unknown context',
      text: config({}, {}, { 'current-context': 'dev' }),
      message: 'FOLDER/config: context: no such entry in contexts; expected one of main; found dev',
    },
    {
      name: 'an unknown user',
      text: config({}, {}, { users: [] }),
      message: 'FOLDER/config: contexts[main].context.user: no such entry in users; expected one of (none); found u',
    },
    {
      name: 'a list that is none',
      text: config({}, {}, { clusters: 'c' }),
      message: 'FOLDER/config: clusters: not a list; expected a list of mappings with name and cluster',
    },
    {
      name: 'a bad server',
      text: config({}, { server: 'api.test' }),
      message: /clusters\[c\]\.cluster\.server: not an address of an API server; .*; found api\.test$/,
    },
    { name: 'a proxy', text: config({}, { 'proxy-url': 'http://proxy:3128' }), message: /cluster\.proxy-url: not supported; run kubectl proxy/ },
    {
      name: 'an old auth provider',
      text: config({ 'auth-provider': { name: 'gcp' } }),
      message: /auth-provider: not supported, as Kubernetes removed it in 1\.26; use an exec/,
    },
    {
      name: 'a number as token',
      text: config({ token: 123_456 }),
      message: 'FOLDER/config: users[u].user.token: not a text; expected a text; found a number; put it into quotes',
    },
    {
      name: 'data that is no PEM',
      text: config({}, { 'certificate-authority-data': base64('x') }),
      message: /certificate-authority-data: not base64 of PEM text$/,
    },
    {
      name: 'a missing file',
      text: config({ tokenFile: 'gone' }),
      message: 'FOLDER/gone: no such file; expected a token for FOLDER/config: users[u].user.tokenFile',
    },
    {
      name: 'a certificate without key',
      text: config({ 'client-certificate-data': base64(PEM) }),
      message: /client-certificate and client-key must be given together/,
    },
    {
      name: 'both no check and an authority',
      text: config({}, { 'insecure-skip-tls-verify': true, 'certificate-authority-data': base64(PEM) }),
      message: /given together with an authority/,
    },
    { name: 'extra impersonation', text: config({ as: 'a', 'as-user-extra': { a: ['b'] } }), message: /as-user-extra: not supported/ },
    {
      name: 'an exec plugin of an old version',
      text: config({ exec: { command: 'x', apiVersion: 'client.authentication.k8s.io/v1alpha1' } }),
      message: /exec\.apiVersion: not supported; expected client\.authentication\.k8s\.io\/v1 or .*v1beta1; found .*v1alpha1$/,
    },
    {
      name: 'an exec plugin that needs a terminal',
      text: config({ exec: { command: 'x', apiVersion: 'client.authentication.k8s.io/v1', interactiveMode: 'Always' } }),
      message: /interactiveMode: needs a terminal/,
    },
    { name: 'an exec plugin without a command', text: config({ exec: { apiVersion: 'client.authentication.k8s.io/v1' } }), message: /exec\.command: missing/ },
  ])('says what is wrong: $name', ({ text, message }) => {
    if (text !== undefined) file('config', text)
    const found = refusal(() => open())
    if (typeof message === 'string') expect(found).toBe(message)
    else expect(found).toMatch(message)
  })

  describe('with a plugin', () => {
    const V1 = 'client.authentication.k8s.io/v1'

    /** A kubeconfig whose plugin writes a line into `runs` each time, then what `script` says. */
    function withPlugin(script: string, more: object = {}): Access {
      const plugin = file('bin/plugin', `#!/bin/sh\necho run >> ${folder}/runs\n${script}\n`)
      chmodSync(plugin, 0o755)
      file('config', config({ exec: { apiVersion: V1, command: './bin/plugin', ...more } }, { 'certificate-authority-data': base64(PEM) }))
      return open({ env: { PATH: process.env['PATH'] } })
    }

    const credential = (status: object, apiVersion = V1): string => `echo '${JSON.stringify({ apiVersion, kind: 'ExecCredential', status })}'`

    test('runs it once and keeps what it gives until that expires', async () => {
      const access = withPlugin(credential({ token: 'given', expirationTimestamp: new Date(clock.now() + 3_600_000).toISOString() }))
      expect(await Promise.all([authorization(access), authorization(access)])).toEqual(['Bearer given', 'Bearer given'])
      clock.advance(3_589_000)
      await authorization(access)
      const runs = (): number => readFileSync(join(folder, 'runs'), 'utf8').trim().split('\n').length
      expect(runs()).toBe(1)
      clock.advance(1000)
      await authorization(access)
      expect(runs()).toBe(2)
      access.expire()
      await authorization(access)
      expect(runs()).toBe(2)
      clock.advance(5000)
      await authorization(access)
      expect(runs()).toBe(3)
    })

    test('tells it about the cluster, its arguments and variables', async () => {
      const script = `echo "{\\"apiVersion\\":\\"${V1}\\",\\"kind\\":\\"ExecCredential\\",\\"status\\":{\\"token\\":\\"$1-$COLOR-$(echo $KUBERNETES_EXEC_INFO | base64 -w0)\\"}}"`
      const access = withPlugin(script, { args: ['one'], env: [{ name: 'COLOR', value: 'blue' }], provideClusterInfo: true })
      const [argument, color, info] = String(await authorization(access))
        .replace('Bearer ', '')
        .split('-') as [string, string, string]
      expect([argument, color]).toEqual(['one', 'blue'])
      expect(JSON.parse(Buffer.from(info, 'base64').toString())).toEqual({
        apiVersion: V1,
        kind: 'ExecCredential',
        spec: { interactive: false, cluster: { server: 'https://api.test:6443', 'certificate-authority-data': base64(PEM) } },
      })
    })

    test('uses the certificate it gives', async () => {
      const access = withPlugin(credential({ clientCertificateData: 'cert', clientKeyData: 'key' }))
      expect(await access.credentials()).toMatchObject({ headers: {}, tls: { ca: PEM, cert: 'cert', key: 'key' } })
    })

    test.for([
      { name: 'fails', script: 'echo "not logged in" >&2; exit 3', message: /bin\/plugin ended with 3, saying: not logged in; run login first$/ },
      { name: 'gives no JSON', script: 'echo secret', message: /gave no credential; expected an ExecCredential of .*; found something that is not JSON$/ },
      { name: 'gives nothing to use', script: credential({}), message: /found neither a token nor a client certificate$/ },
      {
        name: 'speaks another version',
        script: credential({ token: 'x' }, 'client.authentication.k8s.io/v1beta1'),
        message: /found ExecCredential of .*v1beta1$/,
      },
      { name: 'gives half a certificate', script: credential({ clientCertificateData: 'x' }), message: /without the other$/ },
    ])('says when it $name', async ({ script, message }) => {
      await expect(withPlugin(script, { installHint: 'run login first' }).credentials()).rejects.toThrow(message)
    })

    test('says when it is not there', async () => {
      file('config', config({ exec: { apiVersion: V1, command: 'no-such-plugin', installHint: 'get it from the shop' } }))
      await expect(open().credentials()).rejects.toThrow(/exec\.command: no such program; found no-such-plugin; get it from the shop$/)
    })
  })
})
