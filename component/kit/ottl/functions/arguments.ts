import { re2Pattern } from '../../../../lib/re2.ts'
import type { AttributeSet } from '../../../../model/attributes.ts'
import type { CallNode, ValueNode } from '../ast.ts'
import { EvaluationError, OttlError } from '../errors.ts'
import { expectBool, expectInt, expectMap, expectText } from '../expect.ts'
import type { Item } from '../item.ts'
import { type OttlValue, textOf } from '../values.ts'
import { type Converter, type Editor, type Evaluate, signature, type Target } from './function.ts'

/** What a function needs of the compiler. */
export interface ArgumentCompiler {
  value(node: ValueNode): Evaluate
  /** The value of a literal; undefined for what is known with the data only. */
  constant(node: ValueNode): OttlValue | undefined
  /** `node` as something that can be set; throws `OttlError` for all but paths. */
  target(node: ValueNode, options: { readonly reads: boolean }): Target
  converter(name: string, offset: number): Converter
}

/** A map that an editor changes. */
export interface MapTarget {
  readonly get: (item: Item) => AttributeSet
  readonly set: (item: Item, value: AttributeSet) => void
}

type Argument = { readonly node: ValueNode } | { readonly evaluate: Evaluate }

/**
 * The arguments of one call, by the names of the parameters. What is a literal is checked at once (`OttlError`), everything else when it
 * is evaluated (`EvaluationError`).
 */
export class Arguments {
  readonly #compiler: ArgumentCompiler
  readonly #given: ReadonlyMap<string, Argument>
  readonly #offset: number
  readonly #name: string

  private constructor(compiler: ArgumentCompiler, given: ReadonlyMap<string, Argument>, call: { readonly name: string; readonly offset: number }) {
    this.#compiler = compiler
    this.#given = given
    this.#name = call.name
    this.#offset = call.offset
  }

  /** The arguments of a call in a statement. Throws `OttlError` when they are too few, too many or have unknown names. */
  static of(spec: Converter | Editor, call: CallNode, compiler: ArgumentCompiler): Arguments {
    const names = spec.parameters.map((parameter) => parameter.replace(/\?$/, ''))
    const given = new Map<string, Argument>()
    const expected = signature(spec)
    for (const [i, { name, value, offset }] of call.arguments.entries()) {
      const parameter = name === undefined ? names[i] : names.find((known) => plain(known) === plain(name))
      if (parameter === undefined) throw new OttlError({ problem: name === undefined ? 'too many arguments' : `no parameter ${name}`, offset, expected })
      if (given.has(parameter)) throw new OttlError({ problem: `${parameter} given twice`, offset, expected })
      given.set(parameter, { node: value })
    }
    const missing = spec.parameters.find((parameter) => !parameter.endsWith('?') && !given.has(parameter))
    if (missing !== undefined) throw new OttlError({ problem: `${spec.name} lacks ${missing}`, offset: call.offset, expected })
    return new Arguments(compiler, given, call)
  }

  has(name: string): boolean {
    return this.#given.has(name)
  }

  value(name: string): Evaluate {
    const argument = this.#argument(name)
    return 'evaluate' in argument ? argument.evaluate : this.#compiler.value(argument.node)
  }

  /** An argument that has to be of one type; `expect` throws `EvaluationError` for others. */
  typed<T>(name: string, expect: (value: OttlValue) => T): (item: Item) => T {
    const argument = this.#argument(name)
    const constant = 'node' in argument ? this.#compiler.constant(argument.node) : undefined
    if (constant === undefined) {
      const evaluate = this.value(name)
      return (item) => expect(evaluate(item))
    }
    const value = this.#atOnce(name, () => expect(constant))
    return () => value
  }

  text(name: string): (item: Item) => string {
    return this.typed(name, expectText)
  }

  int(name: string): (item: Item) => bigint {
    return this.typed(name, expectInt)
  }

  map(name: string): (item: Item) => AttributeSet {
    return this.typed(name, expectMap)
  }

  /** Any value as text; undefined for nil. */
  textLike(name: string): (item: Item) => string | undefined {
    return this.typed(name, textOf)
  }

  /** What must be written into the statement itself. */
  literal<T>(name: string, expect: (value: OttlValue) => T): T {
    const node = this.#node(name)
    const constant = this.#compiler.constant(node)
    if (constant === undefined) throw this.fault(name, 'not a literal', 'a value in the statement itself')
    return this.#atOnce(name, () => expect(constant))
  }

  literalText(name: string, fallback: string): string {
    return this.has(name) ? this.literal(name, expectText) : fallback
  }

  literalBool(name: string, fallback: boolean): boolean {
    return this.has(name) ? this.literal(name, expectBool) : fallback
  }

  /** The parts of a list that is written into the statement; each may be a path or a call. */
  list(name: string): readonly ValueNode[] {
    const node = this.#node(name)
    if (node.kind !== 'list') throw this.fault(name, 'not a list', 'a list such as ["a", "b"]')
    return node.items
  }

  values(name: string): readonly Evaluate[] {
    return this.list(name).map((node) => this.#compiler.value(node))
  }

  /** A list of texts, as a set. */
  textSet(name: string): (item: Item) => ReadonlySet<string> {
    const nodes = this.list(name)
    const constants = nodes.map((node) => this.#compiler.constant(node))
    if (constants.every((constant) => constant !== undefined)) {
      const set = new Set(this.#atOnce(name, () => constants.map(expectText)))
      return () => set
    }
    const values = this.values(name)
    return (item) => new Set(values.map((value) => expectText(value(item))))
  }

  /** What an editor changes. `reads` tells whether it looks at the old value. */
  target(name: string, reads = true): Target {
    return this.#compiler.target(this.#node(name), { reads })
  }

  mapTarget(name: string): MapTarget {
    const { get, set } = this.target(name)
    return { get: (item) => expectMap(get(item)), set }
  }

  /** A regular expression of Go. One that is no literal is compiled again only when it changes. */
  pattern(name: string, flags = ''): (item: Item) => RegExp {
    return this.#compiled(name, (text) => re2Pattern(text, flags), 'a regular expression (RE2)')
  }

  /** Text that `compile` makes something of; it throws a `SyntaxError` for text that is none. */
  compiled<T>(name: string, compile: (text: string) => T, expected: string): (item: Item) => T {
    return this.#compiled(name, compile, expected)
  }

  #compiled<T>(name: string, compile: (text: string) => T, expected: string): (item: Item) => T {
    const node = this.#node(name)
    const constant = this.#compiler.constant(node)
    if (constant !== undefined) {
      const text = this.#atOnce(name, () => expectText(constant))
      try {
        const compiled = compile(text)
        return () => compiled
      } catch (error) {
        if (error instanceof SyntaxError) throw this.fault(name, `not ${expected}: ${error.message}`, expected)
        throw error
      }
    }
    const text = this.text(name)
    let last: { readonly text: string; readonly compiled: T } | undefined
    return (item) => {
      const now = text(item)
      if (last?.text !== now) last = { text: now, compiled: compiledNow(now, compile, expected) }
      return last.compiled
    }
  }

  /** The converter that an argument names, as a function from text to text. */
  textFunction(name: string): (text: string, item: Item) => string {
    const node = this.#node(name)
    if (node.kind !== 'symbol') throw this.fault(name, 'not the name of a converter', 'the name of a converter, such as SHA256')
    const spec = this.#compiler.converter(node.name, node.offset)
    const [first] = spec.parameters
    if (first === undefined || spec.parameters.length !== 1) throw this.fault(name, `${node.name} does not turn one text into another`, 'such as SHA256')
    let input = ''
    const given = new Map<string, Argument>([[first, { evaluate: () => input }]])
    const evaluate = spec.create(new Arguments(this.#compiler, given, node))
    return (text, item) => {
      input = text
      return expectText(evaluate(item))
    }
  }

  /** A fault at the place of an argument. */
  fault(name: string, problem: string, expected: string): OttlError {
    const argument = this.#given.get(name)
    const offset = argument !== undefined && 'node' in argument ? argument.node.offset : this.#offset
    return new OttlError({ problem: `${name} of ${this.#name} is ${problem}`, offset, expected })
  }

  #atOnce<T>(name: string, read: () => T): T {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error
      const [, expected = 'another type', found = ''] = /^expected (.*), found (.*)$/.exec(error.message) ?? []
      throw this.fault(name, found === '' ? `wrong: ${error.message}` : found, expected)
    }
  }

  #argument(name: string): Argument {
    const argument = this.#given.get(name)
    if (argument === undefined) throw new Error(`BUG: ${this.#name} reads its argument ${name}, which is not there`)
    return argument
  }

  #node(name: string): ValueNode {
    const argument = this.#argument(name)
    if ('node' in argument) return argument.node
    throw new OttlError({ problem: `${this.#name} cannot be used here`, offset: this.#offset })
  }
}

function compiledNow<T>(text: string, compile: (text: string) => T, expected: string): T {
  try {
    return compile(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw new EvaluationError(`not ${expected}: ${error.message}`, { cause: error })
    throw error
  }
}

/** `truncationMarker` and `truncation_marker` are the same. */
function plain(name: string): string {
  return name.replaceAll('_', '').toLowerCase()
}
