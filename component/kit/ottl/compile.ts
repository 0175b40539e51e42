import { didYouMean } from '../../../lib/did_you_mean.ts'
import { AttributeSet } from '../../../model/attributes.ts'
import type { CallNode, CompareOperator, ConditionNode, Key, MathOperator, PathNode, StatementNode, ValueNode } from './ast.ts'
import { CONTEXTS, type Context, contextNamed } from './contexts.ts'
import { EvaluationError, OttlError } from './errors.ts'
import { expectBool, expectMap, valueAt, withValueAt } from './expect.ts'
import type { Field, Touch } from './fields.ts'
import { type ArgumentCompiler, Arguments } from './functions/arguments.ts'
import { type Converter, type Edit, type Editor, type Evaluate, signature, type Target } from './functions/function.ts'
import { FUNCTIONS } from './functions.ts'
import type { Item } from './item.ts'
import { attributeValue, compareValues, Duration, isList, type OttlValue, Time, typeName } from './values.ts'

/** What a statement or condition depends on and changes. */
export interface Touches {
  readonly reads: ReadonlySet<Touch>
  readonly writes: ReadonlySet<Touch>
}

/** A statement that is ready to run on items of its context. */
export interface Statement extends Touches {
  readonly text: string
  readonly editor: string
  /** True when running it twice is the same as running it once. */
  readonly isIdempotent: boolean
  /** Edits the item if its condition holds; throws `EvaluationError` when it cannot. */
  readonly run: Edit
}

/** A condition that is ready to be tested on items of its context. */
export interface Condition extends Touches {
  readonly text: string
  /** Throws `EvaluationError` when it cannot tell. */
  readonly test: (item: Item) => boolean
}

/** How to read paths. */
export interface CompileOptions {
  readonly context: Context
  /** True when each path has to begin with the name of its context, as where the context is inferred. */
  readonly needsContextNames: boolean
}

/** Makes a statement ready to run. Throws `OttlError` for what is not supported. */
export function compileStatement(node: StatementNode, text: string, options: CompileOptions): Statement {
  const compiler = new Compiler(options)
  const { edit, spec } = compiler.edit(node.editor)
  const test = node.where === undefined ? undefined : compiler.test(node.where)
  const { reads, writes } = compiler
  const run: Edit =
    test === undefined
      ? edit
      : (item) => {
          if (test(item)) edit(item)
        }
  const isIdempotent = spec.isIdempotent && [...writes].every((touch) => !compiler.readsBesideTarget.has(touch))
  return { text, editor: spec.name, isIdempotent, run, reads, writes }
}

/** Makes a condition ready to be tested. Throws `OttlError` for what is not supported. */
export function compileCondition(node: ConditionNode, text: string, options: CompileOptions): Condition {
  const compiler = new Compiler(options)
  const test = compiler.test(node)
  return { text, test, reads: compiler.reads, writes: compiler.writes }
}

class Compiler implements ArgumentCompiler {
  readonly reads = new Set<Touch>()
  readonly writes = new Set<Touch>()
  /** What is read by others than the editor that changes it. */
  readonly readsBesideTarget = new Set<Touch>()
  readonly #context: Context
  readonly #needsContextNames: boolean

  constructor({ context, needsContextNames }: CompileOptions) {
    this.#context = context
    this.#needsContextNames = needsContextNames
  }

  edit(call: CallNode): { readonly edit: Edit; readonly spec: Editor } {
    const spec = this.#function(call.name, call.offset, 'editor')
    if (spec.reads !== undefined) this.reads.add(spec.reads)
    if (spec.writes !== undefined) this.writes.add(spec.writes)
    return { edit: spec.create(Arguments.of(spec, call, this)), spec }
  }

  test(node: ConditionNode): (item: Item) => boolean {
    const test = this.#test(node)
    return typeof test === 'boolean' ? () => test : test
  }

  /** A test, or its outcome where that is known: of the operands beside one that decides, none is looked at, as in the Collector. */
  #test(node: ConditionNode): ((item: Item) => boolean) | boolean {
    switch (node.kind) {
      case 'or':
      case 'and': {
        const decides = node.kind === 'or'
        const tests = node.operands.map((operand) => this.#test(operand))
        if (tests.includes(decides)) return decides
        const open = tests.filter((test) => typeof test !== 'boolean')
        if (open.length === 0) return !decides
        return decides ? (item) => open.some((test) => test(item)) : (item) => open.every((test) => test(item))
      }
      case 'not': {
        const test = this.#test(node.operand)
        return typeof test === 'boolean' ? !test : (item) => !test(item)
      }
      case 'compare':
        return this.#comparison(node.operator, node.left, node.right)
      default: {
        if (node.value.kind === 'bool') return node.value.value
        const value = this.value(node.value)
        return (item) => expectBool(value(item))
      }
    }
  }

  #comparison(operator: CompareOperator, left: ValueNode, right: ValueNode): ((item: Item) => boolean) | boolean {
    const leftValue = this.value(left)
    const [leftConstant, constant] = [this.constant(left), this.constant(right)]
    if (leftConstant !== undefined && constant !== undefined) return compareValues(leftConstant, constant, operator)
    if (constant !== undefined) return (item) => compareValues(leftValue(item), constant, operator)
    const rightValue = this.value(right)
    return (item) => compareValues(leftValue(item), rightValue(item), operator)
  }

  value(node: ValueNode): Evaluate {
    const constant = this.constant(node)
    if (constant !== undefined) return () => constant
    switch (node.kind) {
      case 'path':
        return this.#read(node)
      case 'call':
        return this.#call(node)
      case 'list': {
        const items = node.items.map((item) => this.value(item))
        return (item) => items.map((value) => value(item))
      }
      case 'map': {
        const entries = node.entries.map(({ key, value }) => ({ key, value: this.value(value) }))
        return (item) =>
          mapOf(
            entries.map(({ key }) => key),
            entries.map(({ value }) => value(item)),
          )
      }
      case 'negative': {
        const operand = this.value(node.operand)
        return (item) => negated(operand(item))
      }
      case 'math': {
        const [left, right] = [this.value(node.left), this.value(node.right)]
        const { operator } = node
        return (item) => arithmetic(operator, left(item), right(item))
      }
      default:
        throw new Error(`BUG: ${node.kind} is a literal`)
    }
  }

  constant(node: ValueNode): OttlValue | undefined {
    switch (node.kind) {
      case 'nil':
        return null
      case 'string':
      case 'int':
      case 'float':
      case 'bool':
      case 'bytes':
        return node.value
      case 'symbol':
        return this.#enum(node.name, node.offset)
      case 'negative': {
        const operand = this.constant(node.operand)
        return operand === undefined ? undefined : negated(operand)
      }
      case 'list': {
        const items = node.items.map((item) => this.constant(item))
        return items.every((item) => item !== undefined) ? items : undefined
      }
      case 'map': {
        const values = node.entries.map(({ value }) => this.constant(value))
        const keys = node.entries.map(({ key }) => key)
        return values.every((value) => value !== undefined) ? mapOf(keys, values) : undefined
      }
      default:
        return undefined
    }
  }

  target(node: ValueNode, { reads }: { readonly reads: boolean }): Target {
    if (node.kind !== 'path') throw new OttlError({ problem: 'not a path', offset: node.offset, expected: 'the path of a field that can be set' })
    const { field, keys, name } = this.#field(node)
    const { set } = field
    if (set === undefined) throw new OttlError({ problem: `${name} cannot be set`, offset: node.offset })
    this.writes.add(field.touch)
    if (reads) this.reads.add(field.touch)
    if (keys.length === 0) return { get: field.get, set }
    const keysOf = this.#keys(keys)
    const isBody = name === 'body'
    return {
      get: (item) => valueAt(field.get(item), keysOf(item)),
      set: (item, value) => {
        const old = field.get(item)
        if (isBody && !(old instanceof AttributeSet) && !isList(old)) throw new EvaluationError(`a body that is ${typeName(old)} cannot be indexed`)
        set(item, withValueAt(attributeValue(old), keysOf(item), value))
      },
    }
  }

  converter(name: string, offset: number): Converter {
    return this.#function(name, offset, 'converter')
  }

  #read(path: PathNode): Evaluate {
    const { field, keys } = this.#field(path)
    this.reads.add(field.touch)
    this.readsBesideTarget.add(field.touch)
    const { get } = field
    if (keys.length === 0) return get
    const [first, second] = keys
    if (field.type === 'map' && first?.kind === 'string' && second === undefined) {
      const key = first.value
      // Nearly all paths are of this form.
      return (item) => (get(item) as AttributeSet).get(key) ?? null
    }
    const keysOf = this.#keys(keys)
    return (item) => valueAt(get(item), keysOf(item))
  }

  #call(call: CallNode): Evaluate {
    const spec = this.converter(call.name, call.offset)
    if (spec.reads !== undefined) this.reads.add(spec.reads)
    const evaluate = spec.create(Arguments.of(spec, call, this))
    if (call.keys.length === 0) return evaluate
    const keysOf = this.#keys(call.keys)
    return (item) => {
      const value = valueAt(evaluate(item), keysOf(item))
      if (value === null) throw new EvaluationError('key not found in map')
      return value
    }
  }

  #keys(keys: readonly Key[]): (item: Item) => readonly OttlValue[] {
    const constants = keys.map((key) => this.constant(key))
    for (const [i, constant] of constants.entries()) {
      if (constant === undefined || typeof constant === 'string' || typeof constant === 'bigint') continue
      throw new OttlError({ problem: `${typeName(constant)} as a key`, offset: keys[i]?.offset ?? 0, expected: 'text or an integer' })
    }
    if (constants.every((constant) => constant !== undefined)) return () => constants
    const values = keys.map((key) => this.value(key))
    return (item) => values.map((value) => value(item))
  }

  #field(path: PathNode): { readonly field: Field; readonly keys: readonly Key[]; readonly name: string } {
    const { context, rest } = this.#contextOf(path)
    const name = rest.map((segment) => segment.name).join('.')
    const keyed = rest.find((segment, i) => segment.keys.length > 0 && i < rest.length - 1)
    const keys = rest.at(-1)?.keys ?? []
    if (name === 'cache' && context === this.#context) return { field: CACHE, keys, name }
    const field = Object.hasOwn(context.fields, name) ? context.fields[name] : undefined
    if (field === undefined || keyed !== undefined) throw unknownField(context, name, path.offset)
    if (keys.length > 0 && !field.isIndexed) {
      throw new OttlError({ problem: `${name} has no keys`, offset: keys[0]?.offset ?? path.offset, expected: `${name} without [ ]` })
    }
    return { field, keys, name }
  }

  /** Which context a path is of, and what follows its name. */
  #contextOf({ segments, offset }: PathNode): { readonly context: Context; readonly rest: PathNode['segments'] } {
    const [first] = segments
    const word = first?.name ?? ''
    const named = first?.keys.length === 0 && segments.length > 1 ? contextNamed(word) : undefined
    const reached = this.#context.reaches
    if (named !== undefined && reached.includes(named)) return { context: CONTEXTS[named], rest: segments.slice(1) }
    if (named !== undefined) {
      const expected = `a path that begins with ${listed(reached)}`
      throw new OttlError({ problem: `${word} cannot be reached from the context ${this.#context.name}`, offset, expected })
    }
    if (!this.#needsContextNames) return { context: this.#context, rest: segments }
    const candidates = reached.filter((name) => Object.hasOwn(CONTEXTS[name].fields, word) || word === 'cache')
    const hint = candidates.length === 0 ? undefined : `write ${listed(candidates.map((name) => `${name}.${word}`))}`
    throw new OttlError({
      problem: `${word} without its context`,
      offset,
      expected: `a path that begins with ${listed(reached)}`,
      ...(hint === undefined ? {} : { hint }),
    })
  }

  #enum(name: string, offset: number): bigint {
    const { enums, name: context } = this.#context
    const value = Object.hasOwn(enums, name) ? enums[name] : undefined
    if (value !== undefined) return value
    const meant = didYouMean(name, Object.keys(enums))
    throw new OttlError({
      problem: `unknown enum ${name}`,
      offset,
      expected: Object.keys(enums).length === 0 ? `no enum in the context ${context}` : `one of ${Object.keys(enums).join(', ')}`,
      ...(meant === undefined ? {} : { hint: `did you mean ${meant}?` }),
    })
  }

  #function<K extends 'editor' | 'converter'>(name: string, offset: number, kind: K): K extends 'editor' ? Editor : Converter {
    const spec = FUNCTIONS.get(name)
    if (spec?.kind === kind && spec.contexts?.includes(this.#context.name) !== false) return spec as K extends 'editor' ? Editor : Converter
    if (spec?.kind === kind) {
      throw new OttlError({ problem: `${name} in the context ${this.#context.name}`, offset, expected: `the context ${listed(spec.contexts ?? [])}` })
    }
    const known = [...FUNCTIONS.values()].filter((other) => other.kind === kind).map((other) => other.name)
    const meant = didYouMean(name, known)
    throw new OttlError({
      problem: `unknown function ${name}`,
      offset,
      expected: `one of ${known.join(', ')}`,
      ...(meant === undefined ? {} : { hint: `did you mean ${signature(FUNCTIONS.get(meant) as Editor)}?` }),
    })
  }
}

/** The scratch pad of an item. */
const CACHE: Field = {
  touch: 'cache',
  type: 'map',
  isIndexed: true,
  get: (item) => item.cache,
  set: (item, value) => void (item.cache = value === null ? AttributeSet.empty : expectMap(value)),
}

function unknownField({ name: context, fields }: Context, name: string, offset: number): OttlError {
  const known = [...Object.keys(fields), 'cache']
  const meant = didYouMean(name, known)
  return new OttlError({
    problem: `unknown field ${name} of ${context}`,
    offset,
    expected: `one of ${known.join(', ')}`,
    ...(meant === undefined ? {} : { hint: `did you mean ${context}.${meant}?` }),
  })
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

function mapOf(keys: readonly string[], values: readonly OttlValue[]): AttributeSet {
  return AttributeSet.of(Object.fromEntries(keys.map((key, i) => [key, attributeValue(values[i] ?? null)])))
}

function negated(value: OttlValue): OttlValue {
  if (typeof value === 'bigint') return BigInt.asIntN(64, -value)
  if (typeof value === 'number') return -value
  throw new EvaluationError(`- of a ${typeName(value)}`)
}

/** Integers stay integers of 64 bits; with a double among them both are doubles. Times and durations are added and subtracted only. */
function arithmetic(operator: MathOperator, left: OttlValue, right: OttlValue): OttlValue {
  if (typeof left === 'bigint' && typeof right === 'bigint') return BigInt.asIntN(64, integers(operator, left, right))
  if (isNumber(left) && isNumber(right)) return doubles(operator, Number(left), Number(right))
  if (operator === '+') {
    if (left instanceof Time && right instanceof Duration) return new Time(left.ns + right.ns)
    if (left instanceof Duration && right instanceof Time) return new Time(left.ns + right.ns)
    if (left instanceof Duration && right instanceof Duration) return new Duration(left.ns + right.ns)
  } else if (operator === '-') {
    if (left instanceof Time && right instanceof Time) return new Duration(left.ns - right.ns)
    if (left instanceof Time && right instanceof Duration) return new Time(left.ns - right.ns)
    if (left instanceof Duration && right instanceof Duration) return new Duration(left.ns - right.ns)
  }
  throw new EvaluationError(`${typeName(left)} ${operator} ${typeName(right)}`)
}

function isNumber(value: OttlValue): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function integers(operator: MathOperator, left: bigint, right: bigint): bigint {
  switch (operator) {
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return left * right
    default:
      if (right === 0n) throw new EvaluationError('division by 0')
      return left / right
  }
}

function doubles(operator: MathOperator, left: number, right: number): number {
  switch (operator) {
    case '+':
      return left + right
    case '-':
      return left - right
    case '*':
      return left * right
    default:
      if (right === 0) throw new EvaluationError('division by 0')
      return left / right
  }
}
