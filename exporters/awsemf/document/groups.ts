import { type Distribution, DistributionSum } from './distribution.ts'
import type { LabelSet } from './label_set.ts'
import type { LogTarget } from './log_targets.ts'
import type { MetricName } from './metric_name.ts'

/** What one metric says at one time: a number, or what many observations have come to. */
export type Reading = number | Distribution

/** A metric with its reading, and the dimension sets that it is extracted with. */
interface Entry {
  readonly metric: MetricName
  /** The JSON of an array of sets; empty for a value that only is a field of the log. */
  readonly dimensions: string
  readonly reading: Reading
  readonly points: number
}

/** Entries of a group are a list, because nearly all groups have very few. */
export interface ListedEntry extends Entry {
  next: ListedEntry | undefined
}

/** Readings of several series that become one. */
class Merged implements ListedEntry {
  next: ListedEntry | undefined
  readonly metric: MetricName
  readonly dimensions: string
  points = 0
  /** The sum of what is counted, while nothing else came. */
  #total: number | undefined
  #all: DistributionSum | undefined

  constructor(metric: MetricName, dimensions: string) {
    this.metric = metric
    this.dimensions = dimensions
  }

  get reading(): Reading {
    return this.#all?.finish() ?? this.#total ?? 0
  }

  add(reading: Reading, points: number): void {
    this.points += points
    if (this.#all === undefined && typeof reading === 'number' && this.metric.isAdditive) {
      this.#total = (this.#total ?? 0) + reading
      return
    }
    if (this.#all === undefined) {
      this.#all = new DistributionSum()
      if (this.#total !== undefined) this.#all.add(this.#total)
    }
    this.#all.add(reading)
  }
}

/** What goes into documents with the same labels, of the same time. */
export class Group {
  readonly labels: LabelSet
  readonly timestampMs: number
  readonly target: LogTarget
  first: ListedEntry | undefined
  #last: ListedEntry | undefined
  /** By the metric's definition and its dimensions, which series share. */
  #merged: Map<string, Map<string, Merged>> | undefined

  constructor(labels: LabelSet, timestampMs: number, target: LogTarget) {
    this.labels = labels
    this.timestampMs = timestampMs
    this.target = target
  }

  /** Points of all entries. */
  get points(): number {
    let points = 0
    for (let entry = this.first; entry !== undefined; entry = entry.next) points += entry.points
    return points
  }

  /** Adds a reading for `points` points. */
  add(metric: MetricName, dimensions: string, reading: Reading, points: number): void {
    this.#push({ metric, dimensions, reading, points, next: undefined })
  }

  /** Adds a reading, here for `points` points, to what the metric has already: of what is counted the sum, else all observations. */
  merge(metric: MetricName, dimensions: string, reading: Reading, points: number): void {
    this.#merged ??= new Map()
    let ofMetric = this.#merged.get(metric.definition)
    if (ofMetric === undefined) {
      ofMetric = new Map()
      this.#merged.set(metric.definition, ofMetric)
    }
    let merged = ofMetric.get(dimensions)
    if (merged === undefined) {
      merged = new Merged(metric, dimensions)
      ofMetric.set(dimensions, merged)
      this.#push(merged)
    }
    merged.add(reading, points)
  }

  #push(entry: ListedEntry): void {
    if (this.#last === undefined) this.first = entry
    else this.#last.next = entry
    this.#last = entry
  }
}
