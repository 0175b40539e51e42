import { readFileSync } from 'node:fs'

/** The version in the package.json that this program came with; the same relative place in the source tree and in `dist/`. */
export function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}
