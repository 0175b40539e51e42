import { defineReceiver } from '../../component/factory.ts'
import { type PrometheusConfig, prometheusConfig } from './config.ts'
import { usesOf } from './discovery.ts'
import { PrometheusReceiver } from './receiver.ts'

/** Scrapes what Prometheus would scrape. */
export const prometheusReceiver = defineReceiver<PrometheusConfig>({
  type: 'prometheus',
  description: 'Scrapes metrics in Prometheus text format and OpenMetrics, such as those of Envoy and of Istio agents.',
  stability: { metrics: 'alpha' },
  runs: 'main',
  config: prometheusConfig,
  uses: usesOf,
  create: (settings, config, next) => new PrometheusReceiver(settings, config, next),
})
