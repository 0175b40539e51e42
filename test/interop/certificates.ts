import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TlsFiles } from './envoy.ts'

/** A certificate authority in a folder, made with OpenSSL; valid for a day. */
export interface Authority {
  /** A certificate whose only identity is `spiffe://cluster.local/ns/default/sa/ACCOUNT`, as in a mesh; with `host`, that name as well. */
  issue(account: string, host?: string): TlsFiles
}

export function createAuthority(openssl: string, folder: string): Authority {
  const path = (name: string): string => join(folder, name)
  const run = (...args: readonly string[]): void => {
    const { status, stderr, error } = spawnSync(openssl, args, { encoding: 'utf8', timeout: 30_000 })
    if (status !== 0) throw new Error(`openssl ${args[0]} ended with ${status}: ${error?.message ?? stderr}`)
  }
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  run('req', '-x509', ...newKey, '-keyout', path('ca.key'), '-out', path('ca.pem'), '-subj', '/CN=mesh', '-days', '1')
  return {
    issue: (account, host) => {
      const files = { cert: path(`${account}.pem`), key: path(`${account}.key`), authority: path('ca.pem') }
      writeFileSync(path(`${account}.ext`), `subjectAltName=critical,URI:${spiffeId(account)}${host === undefined ? '' : `,DNS:${host}`}\n`)
      run('req', ...newKey, '-keyout', files.key, '-out', path(`${account}.csr`), '-subj', '/')
      const authority = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-CAcreateserial', '-days', '1']
      run('x509', '-req', '-in', path(`${account}.csr`), ...authority, '-extfile', path(`${account}.ext`), '-out', files.cert)
      return files
    },
  }
}

export function spiffeId(account: string): string {
  return `spiffe://cluster.local/ns/default/sa/${account}`
}
