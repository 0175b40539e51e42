import { randomUUID } from 'node:crypto'
import type { AwsEmfConfig } from './config.ts'

/** The log stream when the config names none: one for each process, as the Collector has it, so that processes do not share one. */
export const DEFAULT_LOG_STREAM = `otel-stream-${randomUUID()}`

/** The log group of a namespace when the config names none; namespaces may have characters that log groups must not. */
export function defaultLogGroup(namespace: string): string {
  return `/metrics/${namespace.replace(/[^A-Za-z0-9_\-/.#]/g, '_')}`
}

/** Group and stream when they are the same for every document; undefined when they depend on what a document holds. */
export function knownLogNames(config: AwsEmfConfig): { readonly logGroup: string; readonly logStream: string } | undefined {
  const { namespace, log_group_name: group, log_stream_name: logStream = DEFAULT_LOG_STREAM } = config
  const logGroup = group ?? (namespace === undefined ? undefined : defaultLogGroup(namespace))
  if (logGroup === undefined || logGroup.includes('{') || logStream.includes('{')) return undefined
  return { logGroup, logStream }
}
