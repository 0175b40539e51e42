import type { AwsEmfConfig } from '../config.ts'
import { DEFAULT_LOG_STREAM, defaultLogGroup } from '../log_names.ts'
import { logGroupName, logStreamName } from './names.ts'

/** Where a document is filed. */
export interface LogTarget {
  readonly logGroup: string
  readonly logStream: string
}

/** A placeholder whose attribute is missing. */
export interface MissingPlaceholder {
  readonly placeholder: string
  /** The attributes that were looked for. */
  readonly attributes: readonly string[]
}

/** An attribute of a resource, else a label, as text; undefined when neither has it or it is empty. */
export type AttributeLookup = (key: string) => string | undefined

/** What stands for the Collector's placeholders: its attributes, and the names that semantic conventions and detectors have for them. */
const ATTRIBUTES: Readonly<Record<string, readonly string[]>> = {
  ClusterName: ['aws.ecs.cluster.name', 'aws.ecs.cluster.arn', 'k8s.cluster.name'],
  TaskId: ['aws.ecs.task.id', 'aws.ecs.task.arn'],
  NodeName: ['k8s.node.name'],
  PodName: ['pod', 'k8s.pod.name'],
  ServiceName: ['service.name'],
  ContainerInstanceId: ['aws.ecs.container.instance.id'],
  TaskDefinitionFamily: ['aws.ecs.task.family'],
  JobName: ['job', 'k8s.job.name'],
}

const PLACEHOLDER = /\{([^{}]*)\}/g

/** A pair of log group and stream that documents may be filed in; there is one object per pair as long as it is among the known. */
export interface LogPair {
  readonly target: LogTarget
  /** The last batch that used it. */
  usedIn: number
}

/**
 * Finds the log group and stream of a series. A placeholder is filled from the attribute of its own name, or those that stand
 * for it; where all are missing, with the configured default, which is told. The number of pairs is bounded: when there are
 * too many, the one that was used least recently makes room, and while all are in use by one batch, further ones are filed
 * where all placeholders have the default.
 */
export class LogTargets {
  readonly #group: string | undefined
  readonly #stream: string
  readonly #default: string
  readonly #pairsMax: number
  /** By group and stream, the least recently used first. */
  readonly #pairs = new Map<string, LogPair>()
  /** By namespace, when nothing else makes a difference. */
  readonly #fixed = new Map<string, LogPair>()
  /** Pairs that this batch has found and not used yet. */
  readonly #found = new Map<string, LogPair>()
  readonly #hasPlaceholders: boolean
  readonly #shared: LogTarget
  #batch = 0

  constructor(config: AwsEmfConfig) {
    this.#group = config.log_group_name
    this.#stream = config.log_stream_name ?? DEFAULT_LOG_STREAM
    this.#default = config.placeholder_default
    this.#pairsMax = config.log_streams_max
    this.#hasPlaceholders = `${this.#group} ${this.#stream}`.includes('{')
    this.#shared = this.#named(this.#default, (pattern) => pattern.replace(PLACEHOLDER, this.#default))
  }

  /** A batch begins: what the ones before it used may make room. */
  beginBatch(): void {
    this.#batch++
    this.#found.clear()
  }

  /** Where documents with this namespace and these attributes belong, and what was missing. */
  find(namespace: string, lookup: AttributeLookup): { readonly pair: LogPair; readonly missing: readonly MissingPlaceholder[] } {
    const missing: MissingPlaceholder[] = []
    if (this.#hasPlaceholders) return { pair: this.#pair(this.#named(namespace, (pattern) => this.#filled(pattern, lookup, missing))), missing }
    const known = this.#fixed.get(namespace)
    if (known !== undefined) return { pair: known, missing }
    const pair = this.#pair(this.#named(namespace, (pattern) => pattern))
    if (this.#fixed.size >= this.#pairsMax) this.#fixed.clear()
    this.#fixed.set(namespace, pair)
    return { pair, missing }
  }

  /** Where the documents of this batch are filed that belong to a pair: there, or with those for which there is no room. */
  use(pair: LogPair): { readonly target: LogTarget; readonly isCrowded: boolean } {
    if (pair.usedIn === this.#batch) return { target: pair.target, isCrowded: false }
    const key = pairKey(pair.target)
    const known = this.#pairs.get(key)
    if (known === undefined && !this.#makeRoom()) return { target: this.#shared, isCrowded: true }
    this.#pairs.delete(key)
    this.#pairs.set(key, pair)
    pair.usedIn = this.#batch
    return { target: pair.target, isCrowded: false }
  }

  #named(namespace: string, fill: (pattern: string) => string): LogTarget {
    const group = this.#group === undefined ? defaultLogGroup(namespace) : fill(this.#group)
    return { logGroup: logGroupName(group), logStream: logStreamName(fill(this.#stream)) }
  }

  #filled(pattern: string, lookup: AttributeLookup, missing: MissingPlaceholder[]): string {
    return pattern.replace(PLACEHOLDER, (_, name: string) => this.#value(name, lookup, missing))
  }

  /** The same object for all series of a pair, so that one look is enough for each batch. */
  #pair(target: LogTarget): LogPair {
    const key = pairKey(target)
    const known = this.#pairs.get(key) ?? this.#found.get(key)
    if (known !== undefined) return known
    const pair = { target, usedIn: -1 }
    this.#found.set(key, pair)
    return pair
  }

  #value(name: string, lookup: AttributeLookup, missing: MissingPlaceholder[]): string {
    const attributes = [name, ...(ATTRIBUTES[name] ?? [])]
    for (const key of attributes) {
      const value = lookup(key)
      // The last part of such a name is what `aws.ecs.cluster.name` or `aws.ecs.task.id` would be.
      if (value !== undefined) return key.endsWith('.arn') ? value.slice(value.lastIndexOf('/') + 1) : value
    }
    missing.push({ placeholder: name, attributes })
    return this.#default
  }

  /** False when the batch uses all pairs that there may be. */
  #makeRoom(): boolean {
    if (this.#pairs.size < this.#pairsMax) return true
    const [oldest] = this.#pairs
    if (oldest === undefined || oldest[1].usedIn === this.#batch) return false
    this.#pairs.delete(oldest[0])
    return true
  }
}

function pairKey({ logGroup, logStream }: LogTarget): string {
  return `${logGroup}:${logStream}`
}
