import { createHash } from 'node:crypto'
import { expandTemplate, re2Pattern } from '../../../lib/re2.ts'

/** Labels while rules work on them; a label that is not there counts as empty. */
export type Labels = Map<string, string>

export const RELABEL_ACTIONS = [
  'replace',
  'keep',
  'drop',
  'keepequal',
  'dropequal',
  'hashmod',
  'labelmap',
  'labeldrop',
  'labelkeep',
  'lowercase',
  'uppercase',
] as const
export type RelabelAction = (typeof RELABEL_ACTIONS)[number]

/** A rule as Prometheus has it (https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config). */
export interface RelabelRule {
  readonly action: RelabelAction
  readonly sourceLabels: readonly string[]
  readonly separator: string
  /** RE2; has to match all of the text. */
  readonly regex: string
  readonly targetLabel: string
  readonly replacement: string
  readonly modulus: number
}

/** A rule ready to run: changes `labels`; false when what has these labels is to be dropped. */
export type Relabeler = (labels: Labels) => boolean

/** A regular expression of a rule: it matches a text as a whole, and `.` matches line feeds. Throws a `SyntaxError`. */
export function anchoredPattern(regex: string): RegExp {
  return re2Pattern(`^(?s:${regex})$`)
}

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** Rules one after the other, up to the first that drops. Throws a `SyntaxError` for a regular expression that is none. */
export function relabeler(rules: readonly RelabelRule[]): Relabeler {
  const steps = rules.map(stepOf)
  return (labels) => steps.every((step) => step(labels))
}

function stepOf(rule: RelabelRule): Relabeler {
  const pattern = anchoredPattern(rule.regex)
  const valueOf = joinedLabels(rule)
  const target = rule.targetLabel
  switch (rule.action) {
    case 'replace':
      return replaceStep(rule, pattern)
    case 'keep':
      return (labels) => pattern.test(valueOf(labels))
    case 'drop':
      return (labels) => !pattern.test(valueOf(labels))
    case 'keepequal':
      return (labels) => (labels.get(target) ?? '') === valueOf(labels)
    case 'dropequal':
      return (labels) => (labels.get(target) ?? '') !== valueOf(labels)
    case 'hashmod':
      return setting(target, (labels) => hashModulo(valueOf(labels), rule.modulus))
    case 'lowercase':
      return setting(target, (labels) => valueOf(labels).toLowerCase())
    case 'uppercase':
      return setting(target, (labels) => valueOf(labels).toUpperCase())
    case 'labelmap':
      return labelMapStep(rule, pattern)
    case 'labeldrop':
      return removing((name) => pattern.test(name))
    case 'labelkeep':
      return removing((name) => !pattern.test(name))
    default:
      return rule.action satisfies never
  }
}

function joinedLabels({ sourceLabels, separator }: RelabelRule): (labels: Labels) => string {
  const [only] = sourceLabels
  if (only === undefined) return () => ''
  if (sourceLabels.length === 1) return (labels) => labels.get(only) ?? ''
  return (labels) => sourceLabels.map((name) => labels.get(name) ?? '').join(separator)
}

function replaceStep(rule: RelabelRule, pattern: RegExp): Relabeler {
  const valueOf = joinedLabels(rule)
  return (labels) => {
    const match = pattern.exec(valueOf(labels))
    if (match === null) return true
    const name = expandTemplate(rule.targetLabel, match, match.groups)
    if (LABEL_NAME.test(name)) put(labels, name, expandTemplate(rule.replacement, match, match.groups))
    return true
  }
}

function labelMapStep(rule: RelabelRule, pattern: RegExp): Relabeler {
  return (labels) => {
    for (const [name, value] of new Map(labels)) {
      const match = pattern.exec(name)
      if (match !== null) put(labels, expandTemplate(rule.replacement, match, match.groups), value)
    }
    return true
  }
}

function setting(target: string, valueOf: (labels: Labels) => string): Relabeler {
  return (labels) => {
    put(labels, target, valueOf(labels))
    return true
  }
}

function removing(isRemoved: (name: string) => boolean): Relabeler {
  return (labels) => {
    for (const name of labels.keys()) if (isRemoved(name)) labels.delete(name)
    return true
  }
}

function put(labels: Labels, name: string, value: string): void {
  if (value === '') labels.delete(name)
  else labels.set(name, value)
}

/** As Prometheus does it, so that shards of both agree: the last eight bytes of the MD5 as a big-endian number. */
function hashModulo(text: string, modulus: number): string {
  return String(createHash('md5').update(text).digest().readBigUInt64BE(8) % BigInt(modulus))
}
