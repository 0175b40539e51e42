import { durationMs } from '../../../lib/duration.ts'
import type { FieldProblem, FromSchema } from '../../config_schema.ts'

/**
 * The settings that every pushing exporter has, under the Collector's names and with its defaults; to be spread into the
 * `properties` of a `configSchema`. An exporter with another default replaces that key.
 */
export const QUEUE_PROPERTIES = {
  timeout: {
    type: 'string',
    format: 'duration',
    default: '5s',
    description: 'Longest time that one attempt to send may take; 0s = no limit.',
  },
  retry_on_failure: {
    type: 'object',
    additionalProperties: false,
    default: {},
    description: 'What happens to a request that could not be sent and may succeed later.',
    properties: {
      enabled: { type: 'boolean', default: true, description: 'Whether it is sent again; otherwise it is dropped and counted after the first attempt.' },
      initial_interval: { type: 'string', format: 'duration', default: '5s', description: 'How long to wait after the first failure.' },
      randomization_factor: {
        type: 'number',
        minimum: 0,
        maximum: 1,
        default: 0.5,
        description: 'How much a wait is varied by chance: 0.5 = between half of it and half as much again.',
      },
      multiplier: { type: 'number', minimum: 1, default: 1.5, description: 'By what a wait is longer than the one before.' },
      max_interval: {
        type: 'string',
        format: 'duration',
        default: '30s',
        description: 'Longest wait, before it is varied. A wait that the server asks for may be longer.',
      },
      max_elapsed_time: {
        type: 'string',
        format: 'duration',
        default: '300s',
        description: 'How long a request is tried before it is dropped and counted, also when the queue is on disk; 0s = for ever.',
      },
    },
  },
  sending_queue: {
    type: 'object',
    additionalProperties: false,
    default: {},
    description: 'The queue between the pipelines and the sending, one for each signal.',
    properties: {
      enabled: { type: 'boolean', default: true, description: 'Whether there is a queue; otherwise a pipeline waits until its data is sent or given up.' },
      num_consumers: { type: 'integer', minimum: 1, maximum: 1000, default: 10, description: 'How many requests are sent at the same time.' },
      queue_size: { type: 'integer', minimum: 1, default: 1000, description: 'How much the queue holds, what is being sent included, in units of `sizer`.' },
      sizer: {
        type: 'string',
        enum: ['requests', 'items', 'bytes'],
        default: 'requests',
        description: 'What `queue_size` counts: requests, log records (points, spans), or bytes.',
      },
      block_on_overflow: {
        type: 'boolean',
        default: false,
        description: 'Whether a pipeline waits for room in a full queue; otherwise its data is refused and counted.',
      },
      wait_for_result: {
        type: 'boolean',
        default: false,
        description: 'Whether a pipeline waits until its data is sent or given up. Not together with `storage`.',
      },
      storage: {
        type: 'string',
        minLength: 1,
        description: 'Id of the storage extension that keeps the queue on disk, such as `file_storage`; without it the queue is in memory.',
      },
      batch: {
        type: 'object',
        additionalProperties: false,
        description: 'Joins small requests to larger ones before they are sent; absent = each is sent as it comes.',
        properties: {
          flush_timeout: { type: 'string', format: 'duration', default: '200ms', description: 'Longest time that a request waits for others.' },
          min_size: { type: 'integer', minimum: 0, default: 8192, description: 'A batch is sent when it has grown to this, in units of `sizer`.' },
          max_size: {
            type: 'integer',
            minimum: 0,
            default: 0,
            description: 'A batch does not grow beyond this, and a larger request is split where its encoding allows; 0 = no limit.',
          },
          sizer: { type: 'string', enum: ['items', 'bytes'], default: 'items', description: 'What `min_size` and `max_size` count.' },
        },
      },
    },
  },
} as const

/** The settings of `QUEUE_PROPERTIES` with their defaults filled in. */
export type QueueConfig = FromSchema<{ readonly type: 'object'; readonly additionalProperties: false; readonly properties: typeof QUEUE_PROPERTIES }>

/** `QueueConfig` as the queue works with it: times in milliseconds. */
export interface QueueOptions {
  /** 0 = no limit. */
  readonly timeoutMs: number
  /** Undefined = no second attempt. */
  readonly retry: RetryOptions | undefined
  /** Undefined = no queue. */
  readonly queue: QueueLimits | undefined
}

export interface RetryOptions {
  readonly initialMs: number
  readonly randomizationFactor: number
  readonly multiplier: number
  readonly maxMs: number
  /** 0 = for ever. */
  readonly elapsedMsMax: number
}

export interface QueueLimits {
  readonly consumers: number
  readonly size: number
  readonly sizer: 'requests' | 'items' | 'bytes'
  readonly isBlocking: boolean
  readonly waitsForResult: boolean
  readonly storage: string | undefined
  readonly batch: BatchOptions | undefined
}

export interface BatchOptions {
  readonly flushMs: number
  readonly sizeMin: number
  /** 0 = no limit. */
  readonly sizeMax: number
  readonly sizer: 'items' | 'bytes'
}

/** The checked settings in the units the queue works with. */
export function queueOptions({ timeout, retry_on_failure: retry, sending_queue: queue }: QueueConfig): QueueOptions {
  return {
    timeoutMs: durationMs(timeout),
    retry: retry.enabled
      ? {
          initialMs: durationMs(retry.initial_interval),
          randomizationFactor: retry.randomization_factor,
          multiplier: retry.multiplier,
          maxMs: durationMs(retry.max_interval),
          elapsedMsMax: durationMs(retry.max_elapsed_time),
        }
      : undefined,
    queue: queue.enabled
      ? {
          consumers: queue.num_consumers,
          size: queue.queue_size,
          sizer: queue.sizer,
          isBlocking: queue.block_on_overflow,
          waitsForResult: queue.wait_for_result,
          storage: queue.storage,
          batch:
            queue.batch === undefined
              ? undefined
              : { flushMs: durationMs(queue.batch.flush_timeout), sizeMin: queue.batch.min_size, sizeMax: queue.batch.max_size, sizer: queue.batch.sizer },
        }
      : undefined,
  }
}

/** What a schema cannot say about the settings of a queue; for the `check` of a `configSchema`. Never throws. */
export function checkQueue({ timeout, retry_on_failure: retry, sending_queue: queue }: QueueConfig): readonly FieldProblem[] {
  const problems: FieldProblem[] = []
  if (durationMs(timeout) < 0) problems.push(negative(['timeout'], timeout))
  if (retry.enabled) problems.push(...checkRetry(retry))
  if (queue.enabled) problems.push(...checkSendingQueue(queue))
  return problems
}

function checkRetry(retry: QueueConfig['retry_on_failure']): FieldProblem[] {
  const problems: FieldProblem[] = []
  for (const key of ['initial_interval', 'max_interval', 'max_elapsed_time'] as const) {
    if (durationMs(retry[key]) < 0) problems.push(negative(['retry_on_failure', key], retry[key]))
  }
  const elapsedMs = durationMs(retry.max_elapsed_time)
  if (problems.length > 0 || elapsedMs === 0) return problems
  for (const key of ['initial_interval', 'max_interval'] as const) {
    if (durationMs(retry[key]) <= elapsedMs) continue
    problems.push({
      path: ['retry_on_failure', 'max_elapsed_time'],
      problem: `shorter than ${key}`,
      expected: `0s, or at least ${retry[key]}`,
      found: retry.max_elapsed_time,
      hint: `raise max_elapsed_time or lower ${key}`,
    })
  }
  return problems
}

function checkSendingQueue(queue: QueueConfig['sending_queue']): FieldProblem[] {
  const problems: FieldProblem[] = []
  if (queue.wait_for_result && queue.storage !== undefined) {
    problems.push({
      path: ['sending_queue', 'wait_for_result'],
      problem: 'does not go with storage',
      expected: 'wait_for_result or storage',
      found: 'both',
      hint: 'remove wait_for_result: a stored request outlives whoever waits for it',
    })
  }
  const { batch } = queue
  if (batch === undefined) return problems
  if (durationMs(batch.flush_timeout) <= 0) {
    problems.push({
      path: ['sending_queue', 'batch', 'flush_timeout'],
      problem: 'too short',
      expected: 'a duration above 0',
      found: batch.flush_timeout,
      hint: 'the default is 200ms; remove batch to send at once',
    })
  }
  if (batch.max_size > 0 && batch.max_size < batch.min_size) {
    problems.push({
      path: ['sending_queue', 'batch', 'max_size'],
      problem: 'smaller than min_size',
      expected: `0, or at least ${batch.min_size}`,
      found: String(batch.max_size),
      hint: 'raise max_size or lower min_size',
    })
  }
  if (batch.sizer === queue.sizer && batch.min_size > queue.queue_size) {
    problems.push({
      path: ['sending_queue', 'batch', 'min_size'],
      problem: 'larger than queue_size',
      expected: `at most ${queue.queue_size}`,
      found: String(batch.min_size),
      hint: 'a batch waits in the queue while it grows; raise queue_size or lower min_size',
    })
  }
  return problems
}

function negative(path: readonly string[], found: string): FieldProblem {
  return { path, problem: 'negative', expected: 'a duration of 0s or more', found }
}
