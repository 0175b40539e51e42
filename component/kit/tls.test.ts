import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { FakeClock } from '../../test/fakes/clock.ts'
import { FakeLogger } from '../../test/fakes/settings.ts'
import { createAuthority } from '../../test/interop/certificates.ts'
import { checkTlsServer, ServerTls, type TlsServerConfig } from './tls.ts'

const DEFAULTS = { min_version: '1.2', max_version: '1.3', cipher_suites: [], curve_preferences: [], reload_interval: '1m' } as const
const folder = mkdtempSync(join(tmpdir(), 'tls-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('checkTlsServer', () => {
  test.for<{ name: string; tls: TlsServerConfig | undefined }>([
    { name: 'no block', tls: undefined },
    { name: 'files', tls: { ...DEFAULTS, cert_file: 'a', key_file: 'b', client_ca_file: 'c' } },
    { name: 'texts and a cipher suite', tls: { ...DEFAULTS, cert_pem: 'a', key_pem: 'b', cipher_suites: ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256'] } },
  ])('accepts $name', ({ tls }) => {
    expect(checkTlsServer(tls, ['tls'])).toEqual([])
  })

  test.for<{ name: string; tls: TlsServerConfig; path: string; problem: string }>([
    { name: 'no certificate', tls: { ...DEFAULTS, key_file: 'b' }, path: 'tls', problem: 'no cert_file' },
    { name: 'no key', tls: { ...DEFAULTS, cert_file: 'b' }, path: 'tls', problem: 'no key_file' },
    {
      name: 'a file and a text',
      tls: { ...DEFAULTS, cert_file: 'a', cert_pem: 'b', key_file: 'c' },
      path: 'tls.cert_pem',
      problem: 'given together with cert_file',
    },
    {
      name: 'versions the wrong way round',
      tls: { ...DEFAULTS, cert_file: 'a', key_file: 'b', min_version: '1.3', max_version: '1.2' },
      path: 'tls.min_version',
      problem: 'above max_version',
    },
    {
      name: 'an unknown cipher suite',
      tls: { ...DEFAULTS, cert_file: 'a', key_file: 'b', cipher_suites: ['AES'] },
      path: 'tls.cipher_suites.0',
      problem: 'unknown cipher suite',
    },
  ])('refuses $name', ({ tls, path, problem }) => {
    expect(checkTlsServer(tls, ['tls']).map((found) => [found.path.join('.'), found.problem])).toEqual([[path, problem]])
  })
})

describe('ServerTls', () => {
  test('says which file cannot be read', () => {
    const create = () => new ServerTls({ ...DEFAULTS, cert_file: join(folder, 'none.pem'), key_file: 'x' }, { clock: new FakeClock(), log: new FakeLogger() })
    expect(create).toThrow(`cannot read tls.cert_file ${join(folder, 'none.pem')}: no such file`)
  })

  test('says that a file holds no certificate', () => {
    writeFileSync(join(folder, 'text.pem'), 'hello')
    const config = { ...DEFAULTS, cert_file: join(folder, 'text.pem'), key_file: join(folder, 'text.pem') }
    expect(() => new ServerTls(config, { clock: new FakeClock(), log: new FakeLogger() })).toThrow(
      /cannot use tls\.cert_file .*text\.pem and tls\.key_file .*: .*; expected a PEM certificate/,
    )
  })

  test.skipIf(spawnSync('openssl', ['version']).status !== 0)('tells of new files, and keeps the old ones when the new do not fit together', () => {
    const authority = createAuthority('openssl', folder)
    const first = authority.issue('first')
    const second = authority.issue('second')
    const files = { cert_file: join(folder, 'server.pem'), key_file: join(folder, 'server.key') }
    copyFileSync(first.cert, files.cert_file)
    copyFileSync(first.key, files.key_file)
    const clock = new FakeClock()
    const log = new FakeLogger()
    const tls = new ServerTls(
      { ...DEFAULTS, ...files, curve_preferences: ['X25519', 'P256'], cipher_suites: ['TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'] },
      { clock, log },
    )
    const applied: unknown[] = []
    const unwatch = tls.watch((options) => applied.push(options.cert))
    clock.advance(60_000)
    expect(applied).toEqual([])
    copyFileSync(second.cert, files.cert_file)
    clock.advance(60_000)
    expect([applied, log.lines.at(-1)?.message]).toEqual([[], 'certificates not reloaded, the old ones stay in use'])
    copyFileSync(second.key, files.key_file)
    clock.advance(60_000)
    expect(applied).toEqual([readFileSync(second.cert, 'utf8')])
    expect(tls.options.cert).toBe(applied[0])
    unwatch()
    expect(clock.pendingTimers).toBe(0)
  })
})
