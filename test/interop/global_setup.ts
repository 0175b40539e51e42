/** Runs once before the interop tests: obtains the peers and hands their paths to every test file. */
import type { TestProject } from 'vitest/node'
import { obtainPeers, type Peers } from './peers.ts'

declare module 'vitest' {
  interface ProvidedContext {
    peers: Peers
  }
}

export default async function setup(project: TestProject): Promise<void> {
  const started = performance.now()
  const peers = await obtainPeers()
  for (const [name, peer] of Object.entries(peers)) console.log(`peer ${name}: ${'path' in peer ? peer.path : `missing: ${peer.missing}`}`)
  console.log(`peers ready after ${((performance.now() - started) / 1000).toFixed(1)} s`)
  project.provide('peers', peers)
}
