import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import type { ConfigSchema, FieldPlace, Schema } from '../component/config_schema.ts'
import { parseDuration } from '../lib/duration.ts'
import { parseEndpoint } from '../lib/endpoint.ts'
import { type ConfigNode, formatPath, keyOrigin, type NodePath, nodeAt, type Origin, valueOrigin } from './node.ts'
import type { ProblemList } from './problem.ts'
import { fitsKind, isObjectSchema, valueOf, withDefaults } from './values.ts'
import { describeFault, describeSchema, type Fault } from './wording.ts'

const ajv = new Ajv2020({
  strict: true,
  allErrors: true,
  verbose: true,
  keywords: ['secret'],
  formats: {
    duration: (text: string) => parseDuration(text) !== undefined,
    endpoint: isEndpoint,
    regex: isRegex,
    path: (text: string) => text !== '' && !text.includes('\0'),
  },
})
const compiled = new WeakMap<Schema, ValidateFunction>()

/** One piece of config to check: where it hangs in the whole, and what it should be. */
export interface Subject {
  readonly root: ConfigNode
  /** Path of the piece below `root`. */
  readonly path: NodePath
  readonly config: ConfigSchema<any>
}

/**
 * Checks one piece of config against its schema and its own checks across fields.
 *
 * Returns the value with defaults filled in, or undefined after adding every problem found; warnings are added, too, and do no harm. An absent or null piece is
 * an empty object.
 */
export function checkSchema({ root, path, config }: Subject, problems: ProblemList): unknown {
  const node = nodeAt(root, path)
  const value = (node === undefined ? undefined : valueOf(node, config.schema)) ?? {}
  const validate = validatorOf(config.schema)
  if (!validate(value)) {
    for (const error of relevant(validate.errors ?? [])) addFault({ root, path, error, value }, problems)
    return undefined
  }
  const checked = withDefaults(config.schema, value)
  const found = config.check?.(checked) ?? []
  for (const problem of found) {
    const full = [...path, ...problem.path]
    const said = {
      origin: originOf(valueOrigin(root, full), problem.place),
      path: formatPath(full),
      problem: problem.problem,
      expected: problem.expected,
      found: withVia(problem.found, root, full),
      hint: problem.hint,
    }
    if (problem.isWarning === true) problems.warn(said)
    else problems.add(said)
  }
  return found.every(({ isWarning }) => isWarning === true) ? checked : undefined
}

/** A place in a file that a setting names comes right after the source of the setting. */
function originOf(setting: Origin, place: FieldPlace | undefined): Origin {
  if (place === undefined) return setting
  const { file, line, column } = place
  return { source: file, order: setting.order + 0.5, line, column }
}

function validatorOf(schema: Schema): ValidateFunction {
  let validate = compiled.get(schema)
  if (validate === undefined) {
    validate = ajv.compile(anyOfForOneOf(schema) as object)
    compiled.set(schema, validate)
  }
  return validate
}

/** Ajv's `oneOf` also fails when two branches fit, which is never a mistake of the user's. */
function anyOfForOneOf(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(anyOfForOneOf)
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key === 'oneOf' && Array.isArray(value) ? 'anyOf' : key, anyOfForOneOf(value)]))
}

/** Ajv's errors without what follows from others: of a choice of schemas only the branch that was meant is reported. */
function relevant(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  const choices = errors.filter((error) => error.keyword === 'anyOf')
  const wrongTypes = new Set(errors.filter((error) => error.keyword === 'type').map((error) => error.instancePath))
  let kept = errors.filter((error) => error.keyword !== 'enum' || !wrongTypes.has(error.instancePath))
  for (const choice of choices) {
    const branches = choice.schema as readonly Schema[]
    const meant = branches.findIndex((branch) => fitsKind(oneOfForAnyOf(branch), choice.data))
    kept = kept.filter((error) => {
      if (!error.schemaPath.startsWith(`${choice.schemaPath}/`) || !error.instancePath.startsWith(choice.instancePath)) return true
      return error.schemaPath.startsWith(`${choice.schemaPath}/${meant}/`)
    })
    if (meant >= 0) kept = kept.filter((error) => error !== choice)
  }
  return kept
}

function oneOfForAnyOf(branch: Schema): Schema {
  return 'anyOf' in branch ? { oneOf: branch.anyOf as readonly Schema[] } : branch
}

interface Failure {
  readonly root: ConfigNode
  readonly path: NodePath
  readonly error: ErrorObject
  /** The whole value that was checked. */
  readonly value: unknown
}

function addFault({ root, path, error, value }: Failure, problems: ProblemList): void {
  const schema = error.parentSchema as Schema & { readonly anyOf?: readonly Schema[] }
  const inner = instancePath(error.instancePath, value)
  const full = [...path, ...inner]
  if (error.keyword === 'additionalProperties' && isObjectSchema(schema)) {
    const key = String(error.params['additionalProperty'])
    const unknown = [...full, key]
    problems.add({
      origin: keyOrigin(root, unknown),
      path: formatPath(unknown),
      ...describeFault({ kind: 'unknown_key', key, known: Object.keys(schema.properties) }),
    })
  } else if (error.keyword === 'required' && isObjectSchema(schema)) {
    const key = String(error.params['missingProperty'])
    const missing = schema.properties[key]
    const expected = missing === undefined ? undefined : `${describeSchema(missing)}${missing.description === undefined ? '' : ` (${missing.description})`}`
    problems.add({ origin: keyOrigin(root, full), path: formatPath([...full, key]), problem: 'missing setting', expected })
  } else {
    const fault: Fault = {
      kind: 'value',
      keyword: error.keyword,
      schema: error.keyword === 'anyOf' ? { oneOf: schema.anyOf ?? [] } : schema,
      value: error.data,
    }
    const { found, ...wording } = describeFault(fault)
    problems.add({ origin: valueOrigin(root, full), path: formatPath(full), ...wording, found: withVia(found, root, full) })
  }
}

/** Says which variable or file a value came from, since the place in the config shows only its `${…}`. */
function withVia(found: string | undefined, root: ConfigNode, path: NodePath): string | undefined {
  const via = nodeAt(root, path)?.origin.via
  return found === undefined || via === undefined ? found : `${found}, from ${via}`
}

/** A JSON pointer as a path; steps into lists become numbers. */
function instancePath(pointer: string, value: unknown): NodePath {
  let inside = value
  return pointer
    .split('/')
    .slice(1)
    .map((step) => {
      const key = step.replaceAll('~1', '/').replaceAll('~0', '~')
      const isIndex = Array.isArray(inside)
      inside = (inside as Readonly<Record<string, unknown>>)[key]
      return isIndex ? Number(key) : key
    })
}

function isEndpoint(text: string): boolean {
  return parseEndpoint(text) !== undefined
}

function isRegex(text: string): boolean {
  try {
    return new RegExp(text, 'u').source !== ''
  } catch {
    return false
  }
}
