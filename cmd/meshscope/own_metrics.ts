import { randomUUID } from 'node:crypto'
import type { Logger } from '../../component/component.ts'
import type { GraphSpec } from '../../component/spec.ts'
import { MetricsServer } from '../../telemetry/metrics_server.ts'
import type { OwnTelemetry } from '../../telemetry/own_telemetry.ts'

/** The daemon's own metrics page, as `service.telemetry` wants it; follows the config. */
export class OwnMetrics {
  readonly #telemetry: OwnTelemetry
  readonly #log: Logger
  readonly #identity: Readonly<Record<string, string>>
  #open: { readonly server: MetricsServer; readonly settings: string } | undefined

  constructor(telemetry: OwnTelemetry, options: { readonly log: Logger; readonly version: string }) {
    this.#telemetry = telemetry
    this.#log = options.log
    this.#identity = { 'service.name': 'meshscope', 'service.version': options.version, 'service.instance.id': randomUUID() }
  }

  /** Opens the page, or opens it anew when its settings have changed. Rejects when the address cannot be had. */
  async apply({ service }: GraphSpec): Promise<void> {
    const { metrics, resource } = service.telemetry
    const settings = JSON.stringify({ metrics, resource })
    if (this.#open?.settings === settings) return
    await this.shutdown()
    if (metrics.level === 'none') return
    const server = new MetricsServer(this.#telemetry, { address: metrics.address, resource: { ...this.#identity, ...resource }, log: this.#log })
    const port = await server.start()
    this.#open = { server, settings }
    this.#log.info({ address: metrics.address, port }, 'own metrics are served')
  }

  async shutdown(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    await open?.server.shutdown()
  }
}
