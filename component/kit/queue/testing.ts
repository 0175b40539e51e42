import type { QueueConfig } from './config.ts'

type DeepPartial<T> = T extends object ? { readonly [K in keyof T]?: DeepPartial<T[K]> } : T

/** The defaults of `QUEUE_PROPERTIES`, with some settings replaced. */
export function queueConfigWith({ timeout, retry_on_failure: retry, sending_queue: queue }: DeepPartial<QueueConfig> = {}): QueueConfig {
  return {
    timeout: timeout ?? '5s',
    retry_on_failure: {
      enabled: true,
      initial_interval: '5s',
      randomization_factor: 0.5,
      multiplier: 1.5,
      max_interval: '30s',
      max_elapsed_time: '300s',
      ...retry,
    },
    sending_queue: { enabled: true, num_consumers: 10, queue_size: 1000, sizer: 'requests', block_on_overflow: false, wait_for_result: false, ...queue },
  } as QueueConfig
}
