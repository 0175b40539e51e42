import type { KubeObject } from './object_store.ts'
import { StatusError } from './status.ts'

/** Whether an object is wanted. */
export type ObjectFilter = (object: KubeObject) => boolean

const FIELDS = ['metadata.name', 'metadata.namespace', 'spec.nodeName', 'status.podIP', 'status.phase'] as const

/**
 * Reads `fieldSelector` and `labelSelector` of a request: terms `a=b`, `a==b`, `a!=b`, for labels also `a` and `!a`,
 * separated by commas. Throws BadRequest for others.
 */
export function objectFilter(options: { readonly fieldSelector: string; readonly labelSelector: string }): ObjectFilter {
  const terms = [...termsOf(options.fieldSelector).map(fieldTerm), ...termsOf(options.labelSelector).map(labelTerm)]
  return (object) => terms.every((matches) => matches(object))
}

function termsOf(selector: string): string[] {
  return selector.split(',').filter((term) => term !== '')
}

function fieldTerm(term: string): ObjectFilter {
  const [, field, not, value] = /^([\w.]+)(!?)={1,2}(.*)$/.exec(term) ?? []
  if (field === undefined || !FIELDS.some((known) => known === field)) {
    throw new StatusError(400, 'BadRequest', `field label not supported: ${field ?? term}`)
  }
  return (object) => (textAt(object, field) === value) !== (not === '!')
}

function labelTerm(term: string): ObjectFilter {
  const [, key = '', not, value] = /^([\w./-]+)(!?)={1,2}(.*)$/.exec(term) ?? []
  if (key !== '') return ({ metadata }) => (metadata.labels?.[key] === value) !== (not === '!')
  const [, absent, bare] = /^(!?)([\w./-]+)$/.exec(term) ?? []
  if (bare === undefined) throw new StatusError(400, 'BadRequest', `unable to parse requirement: ${term}`)
  return ({ metadata }) => (metadata.labels?.[bare] !== undefined) !== (absent === '!')
}

function textAt(object: KubeObject, field: string): string {
  let value: unknown = object
  for (const part of field.split('.')) value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[part] : undefined
  return typeof value === 'string' ? value : ''
}
