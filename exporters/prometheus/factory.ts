import { defineExporter } from '../../component/factory.ts'
import { config } from './config.ts'
import { PrometheusExporter } from './exporter.ts'

/** The `prometheus` exporter: serves metrics for Prometheus to scrape. */
export const prometheusExporter = defineExporter({
  type: 'prometheus',
  description: 'Serves metrics for Prometheus to scrape, as text or OpenMetrics.',
  stability: { metrics: 'alpha' },
  config,
  listens: ({ endpoint }) => [{ network: 'tcp', address: endpoint, path: ['endpoint'] }],
  main: (settings, checked) => new PrometheusExporter(settings, checked),
})
