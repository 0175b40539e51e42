import type { Dashboard } from '@grafana/schema'
import { cloudwatchDashboard } from './cloudwatch.ts'
import { edgeDashboard } from './edge.ts'
import { envoyDashboard } from './envoy.ts'
import { healthDashboard } from './health.ts'
import { meshDashboard } from './mesh.ts'
import { serviceDashboard } from './service.ts'
import { tcpDashboard } from './tcp.ts'
import { workloadDashboard } from './workload.ts'

/** Every dashboard, by the name of its file without `.json`. */
export function allDashboards(): Readonly<Record<string, Dashboard>> {
  return {
    mesh: meshDashboard(),
    service: serviceDashboard(),
    workload: workloadDashboard(),
    edge: edgeDashboard(),
    tcp: tcpDashboard(),
    envoy_statsd: envoyDashboard(),
    cloudwatch: cloudwatchDashboard(),
    collector_health: healthDashboard(),
  }
}
