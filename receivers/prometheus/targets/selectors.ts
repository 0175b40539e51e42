/** What label selectors look at. */
export type SelectedLabels = Readonly<Record<string, string>>

const SET = /^([^\s!=,()]+)\s+(in|notin)\s*\(([^()]*)\)$/
const COMPARISON = /^([^\s!=,()]+)\s*(==|=|!=)\s*([^\s!=,()]*)$/
const EXISTENCE = /^(!?)\s*([^\s!=,()]+)$/

/**
 * Reads a label selector (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors): `a=b`, `a!=b`,
 * `a in (b,c)`, `a notin (b)`, `a` and `!a`, separated by commas. Throws an `Error` that says what is wrong with it.
 */
export function parseLabelSelector(text: string): (labels: SelectedLabels) => boolean {
  const terms = termsOf(text).map(labelTerm)
  return (labels) => terms.every((term) => term((key) => (Object.hasOwn(labels, key) ? labels[key] : undefined)))
}

type Term = (valueOf: (key: string) => string | undefined) => boolean

function labelTerm(text: string): Term {
  const set = SET.exec(text)
  if (set !== null) {
    const [, key = '', operator, list = ''] = set
    const values = new Set(list.split(',').map((value) => value.trim()))
    return (valueOf) => {
      const value = valueOf(key)
      return operator === 'in' ? value !== undefined && values.has(value) : value === undefined || !values.has(value)
    }
  }
  const comparison = COMPARISON.exec(text)
  if (comparison !== null) {
    const [, key = '', operator, wanted] = comparison
    return (valueOf) => (valueOf(key) === wanted) === (operator !== '!=')
  }
  const existence = EXISTENCE.exec(text)
  if (existence === null) throw new Error(`not a label selector: ${text}`)
  const [, not, key = ''] = existence
  return (valueOf) => (valueOf(key) === undefined) === (not === '!')
}

/** Splits at commas outside of parentheses. */
function termsOf(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((term) => term.trim())
    .filter((term) => term !== '')
}

/** Fields of pods by which they can be selected. */
export const POD_FIELDS = ['metadata.name', 'metadata.namespace', 'spec.nodeName', 'status.phase'] as const
export type PodField = (typeof POD_FIELDS)[number]

/** Reads a field selector: `spec.nodeName=a,status.phase!=Pending`. Throws an `Error` that says what is wrong with it. */
export function parseFieldSelector(text: string): (fields: Readonly<Record<PodField, string>>) => boolean {
  const terms = termsOf(text).map((term) => {
    const comparison = COMPARISON.exec(term)
    if (comparison === null) throw new Error(`not a field selector: ${term}`)
    const [, field = '', operator, wanted] = comparison
    const key = POD_FIELDS.find((one) => one === field)
    if (key === undefined) throw new Error(`field ${field} is not supported; those that are: ${POD_FIELDS.join(', ')}`)
    return { key, wanted, isEqual: operator !== '!=' }
  })
  return (fields) => terms.every(({ key, wanted, isEqual }) => (fields[key] === wanted) === isEqual)
}
