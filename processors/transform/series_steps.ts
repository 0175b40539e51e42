import type { Touches } from '../../component/kit/ottl/compile.ts'
import type { Touch } from '../../component/kit/ottl/fields.ts'
import type { StatementGroup } from '../../component/kit/ottl/groups.ts'
import { needsOnlyLasting } from '../../component/kit/ottl/series_touch.ts'

/** What a step changes, the outermost first. */
const LEVELS = ['resource', 'scope', 'metric', 'attributes'] as const
export type Level = (typeof LEVELS)[number]

const LEVEL_OF: Readonly<Partial<Record<StatementGroup['context'], Level>>> = {
  resource: 'resource',
  scope: 'scope',
  metric: 'metric',
  datapoint: 'attributes',
}

/** Statements that change one level of series and are run once for each object on that level. */
export interface Step {
  readonly level: Level
  readonly group: StatementGroup
}

/**
 * The groups as steps over series in columns; undefined when they need the points as objects.
 *
 * A statement of a group may also change what is outside its context, such as the resource in a list about points, and is then run for
 * each point. It becomes a step of its own when that comes to the same: when running it twice is running it once, and neither it
 * nor a statement before it can tell whether it has been run before.
 */
export function seriesSteps(groups: readonly StatementGroup[]): Step[] | undefined {
  const steps: Step[] = []
  for (const group of groups) {
    const level = LEVEL_OF[group.context]
    if (level === undefined || !needsOnlyLasting([...group.conditions, ...group.statements])) return undefined
    const inner = group.statements.filter((statement) => isWithin(statement.writes, [level, 'cache']))
    for (const [i, statement] of group.statements.entries()) {
      if (inner.includes(statement)) continue
      const outer = outerLevel(group, i)
      if (outer === undefined) return undefined
      steps.push({ level: outer, group: { ...group, statements: [statement] } })
    }
    if (inner.length > 0) steps.push({ level, group: { ...group, statements: inner } })
  }
  return steps
}

/** The one outer level that statement `i` changes, if it can be run there once. */
function outerLevel({ conditions, statements }: StatementGroup, i: number): Level | undefined {
  const statement = statements[i]
  const [touch, ...more] = statement?.writes ?? []
  const level = LEVELS.find((name) => name === touch)
  if (statement === undefined || level === undefined || more.length > 0 || !statement.isIdempotent) return undefined
  const reach: readonly Touch[] = LEVELS.slice(0, LEVELS.indexOf(level) + 1)
  const others = statements.filter((other) => other !== statement)
  const fits =
    [statement, ...conditions].every(({ reads }) => isWithin(reads, reach)) &&
    // Nothing that comes before it sees what it changes, and nothing else changes what it sees.
    statements.slice(0, i).every(({ reads }) => !reads.has(level)) &&
    [...readsOf([statement], level), ...readsOf(conditions)].every((read) => others.every(({ writes }) => !writes.has(read))) &&
    conditions.every(({ reads }) => !reads.has(level))
  return fits ? level : undefined
}

function isWithin(touches: ReadonlySet<Touch>, allowed: readonly Touch[]): boolean {
  return [...touches].every((touch) => allowed.includes(touch))
}

function readsOf(parts: readonly Touches[], except?: Touch): Touch[] {
  return parts.flatMap(({ reads }) => [...reads].filter((touch) => touch !== except))
}
