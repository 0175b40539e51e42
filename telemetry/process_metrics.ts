import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { InstrumentSpec } from '../component/telemetry.ts'
import type { OwnTelemetry } from './own_telemetry.ts'

const uptime: InstrumentSpec = { name: 'otelcol_process_uptime', description: 'Seconds since the process started.', unit: 's', type: 'counter' }
const cpu: InstrumentSpec = { name: 'otelcol_process_cpu_seconds', description: 'CPU time of all threads, user and system.', unit: 's', type: 'counter' }
const rss: InstrumentSpec = { name: 'otelcol_process_memory_rss', description: 'Resident memory of the process.', unit: 'By', type: 'gauge' }
const heap: InstrumentSpec = {
  name: 'otelcol_process_runtime_heap_alloc_bytes',
  description: "Bytes in use in the main thread's JavaScript heap.",
  unit: 'By',
  type: 'gauge',
}
const system: InstrumentSpec = {
  name: 'otelcol_process_runtime_total_sys_memory_bytes',
  description: "Bytes that the main thread's JavaScript heap and its array buffers have taken from the system.",
  unit: 'By',
  type: 'gauge',
}
const delay: InstrumentSpec = {
  name: 'meshscope_event_loop_delay_seconds',
  description: 'How late the event loop of the main thread ran, 99th percentile and maximum since the last look.',
  unit: 's',
  type: 'gauge',
  labels: { statistic: 'p99 or max' },
}

/** How often the loop is watched. The histogram holds the times between two looks, so this is taken off again. */
const LOOP_WATCH_MS = 20

/** The metrics about the process itself. */
export const PROCESS_METRICS: readonly InstrumentSpec[] = [uptime, cpu, rss, heap, system, delay]

/** Adds the metrics about the process itself; they are read when the page is asked for. Returns what ends that. */
export function observeProcess(telemetry: OwnTelemetry): () => void {
  const loop = monitorEventLoopDelay({ resolution: LOOP_WATCH_MS })
  loop.enable()
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - LOOP_WATCH_MS / 1000)
  const p99 = (): number => late(loop.percentile(99))
  const max = (): number => {
    const seconds = late(loop.max)
    loop.reset()
    return seconds
  }
  const ends = [
    telemetry.observe(uptime, {}, () => process.uptime()),
    telemetry.observe(cpu, {}, cpuSeconds),
    telemetry.observe(rss, {}, () => process.memoryUsage.rss()),
    telemetry.observe(heap, {}, () => getHeapStatistics().used_heap_size),
    telemetry.observe(system, {}, () => getHeapStatistics().total_heap_size + process.memoryUsage().arrayBuffers),
    telemetry.observe(delay, { statistic: 'p99' }, p99),
    telemetry.observe(delay, { statistic: 'max' }, max),
  ]
  return () => {
    for (const end of ends) end()
    loop.disable()
  }
}

function cpuSeconds(): number {
  const { user, system: kernel } = process.cpuUsage()
  return (user + kernel) / 1e6
}
