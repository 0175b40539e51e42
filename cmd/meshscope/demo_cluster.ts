import { resolve as absolutePath } from 'node:path'
import { systemClock } from '../../lib/clock.ts'
import type { Mesh } from './simulate/bookinfo.ts'
import { FakeKubeApi } from './simulate/kube_api/server.ts'
import { SimulatedCluster } from './simulate/kube_cluster.ts'
import { KubeWriter } from './simulate/kube_writer.ts'

/** The simulated mesh in a cluster that the daemon watches. */
export interface DemoCluster {
  /** The daemon's settings for it. */
  readonly overrides: readonly string[]
  /** Removes what was made. */
  close(): Promise<void>
}

/**
 * Puts the mesh into the cluster of an API server or kubeconfig, or without one into a small API server of our own.
 * Undefined when it cannot be had; the reason has been printed then.
 */
export async function openDemoCluster(kube: string | undefined, mesh: Mesh): Promise<DemoCluster | undefined> {
  const api = kube === undefined ? new FakeKubeApi() : undefined
  const warn = (message: string): void => void process.stderr.write(`meshscope demo: ${message}\n`)
  let cluster: SimulatedCluster | undefined
  const close = async (): Promise<void> => {
    await cluster?.remove()
    cluster?.close()
    await api?.stop()
  }
  try {
    const target = kube ?? (await api?.start()) ?? ''
    cluster = new SimulatedCluster({ writer: KubeWriter.open(target, systemClock), mesh, clock: systemClock, warn })
    await cluster.create()
    return { overrides: accessOverrides(target), close }
  } catch (error) {
    warn(error instanceof Error ? error.message : String(error))
    await close()
    return undefined
  }
}

function accessOverrides(target: string): string[] {
  const settings = /^https?:/.test(target) ? { api_server: target } : { auth_type: 'kubeConfig', kubeconfig: absolutePath(target), api_server: '""' }
  return Object.entries(settings).flatMap(([key, value]) => ['--set', `extensions.k8s_metadata.${key}=${value}`])
}
