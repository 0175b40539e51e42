import type { Settings } from '../../component/component.ts'
import type { Consumer } from '../../component/consumer.ts'
import type { StatementGroup } from '../../component/kit/ottl/groups.ts'
import { Item, type ResourceCell } from '../../component/kit/ottl/item.ts'
import { ResourceCells } from '../../component/kit/ottl/resource_cells.ts'
import { TimeSlices } from '../../lib/time_slices.ts'
import type { Resource, Scope } from '../../model/attributes.ts'
import type { DataPoints } from '../../model/data_points.ts'
import type { LogRecords } from '../../model/log_records.ts'
import type { Logs } from '../../model/logs.ts'
import type { Traces } from '../../model/traces.ts'
import { StatementRunner } from './runner.ts'
import type { TransformConfig } from './schema.ts'
import { groupsOf } from './statements.ts'

/** A group of a batch, of any signal. */
interface BatchGroup {
  resource: Resource
  scope: Scope
}

/** Items between two looks at the clock. */
const ITEMS_PER_LOOK = 64

/** One batch under way: walks over what a group of statements is about. */
class Pass<G extends BatchGroup> {
  readonly #groups: readonly G[]
  readonly #cells = new ResourceCells()
  readonly #cellOf: readonly ResourceCell[]
  readonly #item = new Item()
  readonly #slices = new TimeSlices()

  constructor(groups: readonly G[]) {
    this.#groups = groups
    this.#cellOf = groups.map(({ resource }) => this.#cells.of(resource))
  }

  /** Calls `visit` on the item for each resource, scope or, with `inside`, for what is inside the groups. */
  async run(context: StatementGroup['context'], visit: (item: Item) => void, inside: (group: G, item: Item) => Iterable<unknown>): Promise<void> {
    const item = this.#item
    if (context === 'resource') {
      for (const cell of this.#cells.all()) {
        item.resource = cell
        visit(item)
      }
      return
    }
    let items = 0
    for (const [i, group] of this.#groups.entries()) {
      item.resource = this.#cellOf[i] as ResourceCell
      item.scope = group
      if (context === 'scope') visit(item)
      else {
        for (const _ of inside(group, item)) {
          visit(item)
          if (++items % ITEMS_PER_LOOK === 0 && this.#slices.isOver) await this.#slices.next()
        }
      }
    }
  }

  /** Gives the groups the resources that they have come to. */
  finish(): void {
    for (const [i, group] of this.#groups.entries()) group.resource = (this.#cellOf[i] as ResourceCell).resource
  }
}

/** Runs all groups of statements over a batch. The item that `inside` sets is the one that the statements get. */
export async function transform<G extends BatchGroup>(
  runner: StatementRunner,
  groups: readonly G[],
  inside: (context: StatementGroup['context']) => (group: G, item: Item) => Iterable<unknown>,
): Promise<void> {
  const pass = new Pass(groups)
  try {
    for (const group of runner.groups) await pass.run(group.context, (item) => runner.run(group, item), inside(group.context))
    pass.finish()
  } finally {
    runner.flush()
  }
}

/** Changes log records. */
export class TransformLogs implements Consumer<Logs> {
  readonly mutatesData = true
  readonly #runner: StatementRunner
  readonly #next: Consumer<Logs>

  constructor(settings: Settings, config: TransformConfig, next: Consumer<Logs>) {
    this.#runner = new StatementRunner(settings, 'logs', groupsOf(config, 'logs'))
    this.#next = next
  }

  async consume(logs: Logs): Promise<void> {
    if (!('groups' in logs)) throw new Error('BUG: transform has met access logs, which must be made records before')
    // Records that are encoded already stay so where nobody looks at them.
    if (this.#runner.groups.length > 0) await transform<LogRecords['groups'][number]>(this.#runner, logs.groups, () => eachLog)
    await this.#next.consume(logs)
  }
}

function* eachLog({ records }: LogRecords['groups'][number], item: Item): Iterable<unknown> {
  for (const log of records) {
    item.log = log
    yield log
  }
}

/** Changes spans and their events. */
export class TransformTraces implements Consumer<Traces> {
  readonly mutatesData = true
  readonly #runner: StatementRunner
  readonly #next: Consumer<Traces>

  constructor(settings: Settings, config: TransformConfig, next: Consumer<Traces>) {
    this.#runner = new StatementRunner(settings, 'traces', groupsOf(config, 'traces'))
    this.#next = next
  }

  async consume(traces: Traces): Promise<void> {
    await transform<Traces['groups'][number]>(this.#runner, traces.groups, (context) => (context === 'span' ? eachSpan : eachEvent))
    await this.#next.consume(traces)
  }
}

function* eachSpan({ spans }: Traces['groups'][number], item: Item): Iterable<unknown> {
  for (const span of spans) {
    item.span = span
    yield span
  }
}

function* eachEvent({ spans }: Traces['groups'][number], item: Item): Iterable<unknown> {
  for (const span of spans) {
    item.span = span
    for (const event of span.events) {
      item.event = event
      yield event
    }
  }
}

/** Walks over the metrics or the points of a group. */
export function insideMetrics(context: StatementGroup['context']): (group: DataPoints['groups'][number], item: Item) => Iterable<unknown> {
  return context === 'metric' ? eachMetric : eachPoint
}

function* eachMetric({ metrics }: DataPoints['groups'][number], item: Item): Iterable<unknown> {
  for (const metric of metrics) {
    item.metric = metric
    item.points = metric.points
    yield metric
  }
}

function* eachPoint({ metrics }: DataPoints['groups'][number], item: Item): Iterable<unknown> {
  for (const metric of metrics) {
    item.metric = metric
    for (const point of metric.points) {
      item.point = point
      yield point
    }
  }
}
