import { EVENT_TYPES, type EventType } from './glob_tree.ts'
import type { Mapping, MappingRule } from './mapping.ts'
import { MappingNaming } from './mapping_naming.ts'
import type { MappingFault } from './mapping_values.ts'

/** What became of one rule when a name was looked up. */
export interface RuleVerdict {
  readonly rule: MappingRule
  readonly isHit: boolean
  /** In a few words: `segment 2 is not "b"`. */
  readonly why: string
}

/** Says of every rule of a mapping why it did or did not name a sample, in the order in which they are tried: globs, then regular expressions. */
export function explainRules(mapping: Mapping, name: string, type: EventType): RuleVerdict[] {
  const hit = new MappingNaming(mapping).match(name, type)?.rule
  const inOrder = [...mapping.rules.filter(({ regexp }) => regexp === undefined), ...mapping.rules.filter(({ regexp }) => regexp !== undefined)]
  return inOrder.map((rule) => {
    if (rule === hit) return { rule, isHit: true, why: 'fits and goes first' }
    return { rule, isHit: false, why: whyNot(rule, hit, { mapping, name, type }) }
  })
}

interface Question {
  readonly mapping: Mapping
  readonly name: string
  readonly type: EventType
}

function whyNot(rule: MappingRule, hit: MappingRule | undefined, { mapping, name, type }: Question): string {
  if (rule.regexp !== undefined && !rule.regexp.regexp.test(name)) return 'the expression finds nothing in the name'
  const misfit = rule.regexp === undefined ? globMisfit(rule.match, name) : undefined
  if (misfit !== undefined) return misfit
  if (rule.type !== undefined && rule.type !== type) return `is for ${rule.type}s, and the sample is ${article(type)}`
  if (hit !== undefined && rule.regexp !== undefined && hit.regexp === undefined)
    return `fits too, but globs go before regular expressions, and rule ${hit.number} fits`
  if (hit !== undefined && hit.number < rule.number && (mapping.isOrdered || rule.regexp !== undefined)) return `fits too, but rule ${hit.number} comes earlier`
  if (hit !== undefined && !mapping.isOrdered && rule.regexp === undefined)
    return `fits too, but rule ${hit.number} goes first: with glob_disable_ordering a literal goes before *`
  return 'fits, but is never reached: an earlier rule has the same match or begins with it'
}

/** Why a glob does not fit a name; undefined when it does. */
function globMisfit(match: string, name: string): string | undefined {
  const globs = match.split('.')
  const fields = name.split('.')
  if (globs.length !== fields.length) return `has ${counted(globs.length)}, and the name has ${counted(fields.length)}`
  const at = globs.findIndex((glob, index) => glob !== '*' && glob !== fields[index])
  return at < 0 ? undefined : `segment ${at + 1} is ${JSON.stringify(fields[at])}, not ${JSON.stringify(globs[at])}`
}

function counted(segments: number): string {
  return `${segments} segment${segments === 1 ? '' : 's'}`
}

function article(type: EventType): string {
  return type === 'observer' ? 'an observer (timer, histogram or distribution)' : `a ${type}`
}

/** A rule that no name can reach. */
export interface UnreachableRule {
  readonly rule: MappingRule
  /** The rule that takes what it would fit; undefined when nothing does and it is still not reached. */
  readonly by: MappingRule | undefined
}

/**
 * Rules that never name anything because others take what they fit. Globs are tried with a name made for them; of regular
 * expressions only those behind the same or an all-embracing one are found.
 */
export function unreachableRules(mapping: Mapping): UnreachableRule[] {
  const globs = new MappingNaming({ ...mapping, rules: mapping.rules.filter(({ regexp }) => regexp === undefined) })
  const found: UnreachableRule[] = []
  const before: MappingRule[] = []
  for (const rule of mapping.rules) {
    const types = rule.type === undefined ? EVENT_TYPES : [rule.type]
    if (rule.regexp !== undefined) {
      const by = before.find((earlier) => (earlier.type === undefined || earlier.type === rule.type) && takesAllOf(earlier, rule))
      if (by !== undefined) found.push({ rule, by })
      before.push(rule)
      continue
    }
    // No rule has a segment with a control character in it, so only a * of a rule can take these.
    const name = rule.match.replaceAll('*', '\u0001')
    const hits = types.map((type) => globs.match(name, type)?.rule)
    if (!hits.includes(rule)) found.push({ rule, by: hits.find((hit) => hit !== undefined) })
  }
  return found
}

/** The same as warnings of a mapping's check. */
export function unreachedFaults(mapping: Mapping): MappingFault[] {
  return unreachableRules(mapping).map(({ rule, by }) => ({
    path: ['mappings', rule.number - 1, 'match'],
    problem: 'rule is never reached',
    found: JSON.stringify(rule.match),
    hint:
      by === undefined
        ? 'an earlier rule has the same match or begins with it, and as in statsd_exporter that hides this one; put the shorter one first'
        : `rule ${by.number}${by.line === undefined ? '' : ` in line ${by.line}`} takes all that it fits; put the narrower rule first`,
  }))
}

const CATCH_ALL: ReadonlySet<string> = new Set(['', '.', '.*', '.+', '^', '^.*$', '^.+$', '^.*', '^.+', '.*$', '.+$', '(.*)', '(.+)', '^(.*)$', '^(.+)$'])

function takesAllOf(earlier: MappingRule, later: MappingRule): boolean {
  return earlier.match === later.match || CATCH_ALL.has(earlier.match)
}
