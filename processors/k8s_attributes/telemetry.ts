import type { InstrumentSpec } from '../../component/telemetry.ts'

const processor = 'Id of the processor, such as `k8s_attributes`.'

export const resources: InstrumentSpec = {
  name: 'meshscope_k8s_attributes_resources',
  description: 'Resources of batches by what became of them (a batch of access logs has one). All of them are passed on.',
  unit: '{resources}',
  type: 'counter',
  labels: {
    processor,
    signal: '`logs`, `metrics` or `traces`.',
    source:
      'The association that led to the pod, else the first one that was tried, such as `connection` or `resource_attribute/k8s.pod.uid`; `none` if there was nothing to try.',
    outcome:
      '`associated`: its pod was found; `not_found`: none was; `filtered`: it was, and does not pass `filter`; `excluded`: it must be left out; `no_identifier`: nothing says whose it is; `passthrough`: it got its sender’s address.',
  },
}

export const builds: InstrumentSpec = {
  name: 'meshscope_k8s_attributes_builds',
  description:
    'Resources whose attributes were put together, because they were new or what is known of their pod may have changed. Much below the resources in normal operation.',
  unit: '{resources}',
  type: 'counter',
  labels: { processor, signal: '`logs`, `metrics` or `traces`.' },
}
