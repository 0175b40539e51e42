import { describe, inject } from 'vitest'
import type { PeerName } from './peers.ts'
import './global_setup.ts'

/**
 * A `describe` that needs real programs. When one is missing its tests are skipped under a title that says why, so
 * that the reason is in every report. Titles say which programs took part. `paths` has the programs asked for.
 */
export function suite<N extends PeerName>(title: string, needs: readonly N[], body: (paths: Readonly<Record<N, string>>) => void): void {
  const peers = inject('peers')
  const paths: Partial<Record<N, string>> = {}
  const reasons: string[] = []
  for (const name of needs) {
    const peer = peers[name]
    if ('path' in peer) paths[name] = peer.path
    else reasons.push(`${name}: ${peer.missing}`)
  }
  if (reasons.length > 0) describe.skip(`${title} [skipped, ${reasons.join('; ')}]`, () => body(paths as Record<N, string>))
  else describe(`${title} [with ${needs.join(', ')}]`, () => body(paths as Record<N, string>))
}
