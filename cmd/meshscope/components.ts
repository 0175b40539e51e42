import type { Registry } from '../../component/spec.ts'
import { meshMetricsConnector } from '../../connectors/mesh_metrics/factory.ts'
import { healthCheckExtension } from '../../extensions/health_check/factory.ts'

/** Every component that is built in. To add one: write its folder, and its factory here. */
export const registry: Registry = {
  factories: [meshMetricsConnector, healthCheckExtension],
}
