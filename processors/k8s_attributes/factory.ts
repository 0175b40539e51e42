import { defineProcessor } from '../../component/factory.ts'
import { config } from './config.ts'
import { usesOf } from './needs.ts'
import { LogAttributes, MetricAttributes, SpanAttributes } from './processor.ts'

/** The `k8s_attributes` processor: puts on resources what Kubernetes knows of the pods that they come from. */
export const k8sAttributesProcessor = defineProcessor({
  type: 'k8s_attributes',
  aliases: ['k8sattributes'],
  description: 'Adds the pod, workload, node, labels and annotations of the sender to resources.',
  stability: { logs: 'alpha', metrics: 'alpha', traces: 'alpha' },
  runs: 'ingest',
  config,
  uses: usesOf,
  create: {
    logs: (settings, checked, next) => new LogAttributes(settings, checked, next),
    metrics: (settings, checked, next) => new MetricAttributes(settings, checked, next),
    traces: (settings, checked, next) => new SpanAttributes(settings, checked, next),
  },
})
