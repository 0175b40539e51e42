import type { MemoryLimiterConfig } from './config.ts'

const MIB = 1024 * 1024

/** Bytes of resident memory: from `soft` on data is refused, from `hard` on memory is short. */
export interface MemoryLimits {
  readonly soft: number
  readonly hard: number
}

/** The limits that a config means for a process that may use `availableBytes`. */
export function limitsOf(config: MemoryLimiterConfig, availableBytes: number): MemoryLimits {
  if (config.limit_mib > 0) {
    const hard = config.limit_mib * MIB
    return { hard, soft: hard - (config.spike_limit_mib > 0 ? config.spike_limit_mib * MIB : hard / 5) }
  }
  const hard = (availableBytes * config.limit_percentage) / 100
  return { hard, soft: hard - (config.spike_limit_percentage > 0 ? (availableBytes * config.spike_limit_percentage) / 100 : hard / 5) }
}
