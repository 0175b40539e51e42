import type { ArgumentNode, CallNode, CompareOperator, ConditionNode, Key, MathOperator, PathNode, PathSegment, StatementNode, ValueNode } from './ast.ts'
import { OttlError } from './errors.ts'
import { type Token, tokenize } from './lexer.ts'

/** Deepest nesting of parentheses, lists, maps and calls. */
const DEPTH_MAX = 64

/** Parses one statement: an editor's call, and perhaps `where` with a condition. Throws `OttlError`. */
export function parseStatement(text: string): StatementNode {
  return new Parser(tokenize(text)).statement()
}

/** Parses one condition. Throws `OttlError`. */
export function parseCondition(text: string): ConditionNode {
  return new Parser(tokenize(text)).wholeCondition()
}

/** What stands between parentheses is known to be a value or a condition only when it has been read. */
type Expression = { readonly value: ValueNode } | { readonly condition: ConditionNode }

const COMPARE: ReadonlySet<string> = new Set<CompareOperator>(['==', '!=', '<', '<=', '>', '>='])
const OPERANDS: ReadonlySet<ValueNode['kind']> = new Set<ValueNode['kind']>(['int', 'float', 'path', 'call', 'math', 'negative'])

class Parser {
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  statement(): StatementNode {
    const first = this.#token
    if (first.kind !== 'name' || this.#peek(1).text !== '(') {
      throw new OttlError({ problem: unexpected(first), offset: first.offset, expected: 'a function that edits, such as set(…)' })
    }
    if (!/^[a-z]/.test(first.text)) {
      const hint = 'only converters, which give a value, begin with a capital; a condition stands behind where'
      throw new OttlError({ problem: `${first.text} edits nothing`, offset: first.offset, expected: 'a function that edits, such as set(…)', hint })
    }
    const editor = this.#call()
    if (editor.keys.length > 0) throw new OttlError({ problem: `${editor.name} gives no value`, offset: editor.keys[0]?.offset ?? 0 })
    if (!this.#skipName('where')) {
      this.#end(['where', 'the end'])
      return { editor, where: undefined }
    }
    return { editor, where: this.wholeCondition() }
  }

  wholeCondition(): ConditionNode {
    const condition = this.#asCondition(this.#or())
    this.#end(['and', 'or', 'the end'])
    return condition
  }

  #or(): Expression {
    return this.#joined('or', () => this.#joined('and', () => this.#not()))
  }

  #joined(operator: 'or' | 'and', next: () => Expression): Expression {
    const { offset } = this.#token
    const first = next()
    if (this.#token.text !== operator || this.#token.kind !== 'name') return first
    const operands = [this.#asCondition(first)]
    while (this.#skipName(operator)) operands.push(this.#asCondition(next()))
    return { condition: { kind: operator, operands, offset } }
  }

  #not(): Expression {
    const { offset } = this.#token
    if (!this.#skipName('not')) return this.#comparison()
    return this.#nested(() => ({ condition: { kind: 'not', operand: this.#asCondition(this.#not()), offset } }))
  }

  #comparison(): Expression {
    const { offset } = this.#token
    const left = this.#sum()
    const operator = this.#token
    if (operator.kind !== 'symbol' || !COMPARE.has(operator.text)) {
      if (operator.text === '=') throw new OttlError({ problem: 'unexpected =', offset: operator.offset, hint: 'write == to compare' })
      return left
    }
    this.#at++
    const right = this.#asValue(this.#sum())
    return { condition: { kind: 'compare', operator: operator.text as CompareOperator, left: this.#asValue(left), right, offset } }
  }

  #sum(): Expression {
    return this.#chain(['+', '-'], () => this.#chain(['*', '/'], () => this.#signed()))
  }

  #chain(operators: readonly string[], next: () => Expression): Expression {
    let left = next()
    for (;;) {
      const operator = this.#token
      if (operator.kind !== 'symbol' || !operators.includes(operator.text)) return left
      this.#at++
      const operand = this.#operand(left, operator)
      const right = this.#operand(next(), operator)
      left = { value: { kind: 'math', operator: operator.text as MathOperator, left: operand, right, offset: operand.offset } }
    }
  }

  #signed(): Expression {
    const sign = this.#token
    if (sign.kind !== 'symbol' || (sign.text !== '-' && sign.text !== '+')) return this.#primary()
    this.#at++
    const operand = this.#operand(this.#primary(), sign)
    return { value: sign.text === '+' ? operand : { kind: 'negative', operand, offset: sign.offset } }
  }

  #operand(expression: Expression, operator: Token): ValueNode {
    const value = this.#asValue(expression)
    if (OPERANDS.has(value.kind)) return value
    throw new OttlError({ problem: `${operator.text} with what is no number`, offset: value.offset, expected: 'a number, a path or a converter' })
  }

  #primary(): Expression {
    const token = this.#token
    if (token.text === '(' && token.kind === 'symbol') {
      return this.#nested(() => {
        this.#at++
        const inner = this.#or()
        this.#symbol(')')
        if (this.#token.text === '=>') throw lambda(this.#token)
        return inner
      })
    }
    return { value: this.#value() }
  }

  #value(): ValueNode {
    const token = this.#token
    const { offset } = token
    switch (token.kind) {
      case 'string':
      case 'int':
      case 'float':
      case 'bytes':
        this.#at++
        return { kind: token.kind, value: token.value, offset } as ValueNode
      case 'name':
        return this.#named(token.text, offset)
      case 'symbol':
        if (token.text === '[') return this.#nested(() => ({ kind: 'list', items: this.#items('[', ']', () => this.#argumentValue()), offset }))
        if (token.text === '{') return this.#nested(() => ({ kind: 'map', entries: this.#items('{', '}', () => this.#entry()), offset }))
        throw new OttlError({ problem: unexpected(token), offset, expected: 'a value' })
      default:
        throw new OttlError({ problem: unexpected(token), offset, expected: 'a value' })
    }
  }

  #named(name: string, offset: number): ValueNode {
    if (this.#peek(1).text === '(' && this.#peek(1).kind === 'symbol') {
      if (!/^[A-Z]/.test(name)) {
        const isKeyword = name === 'and' || name === 'or' || name === 'not' || name === 'where'
        const problem = isKeyword ? `unexpected ${name}` : `${name} gives no value`
        throw new OttlError({ problem, offset, expected: 'a value; converters begin with a capital' })
      }
      return this.#call()
    }
    if (name === 'nil' || name === 'true' || name === 'false') {
      this.#at++
      return name === 'nil' ? { kind: 'nil', offset } : { kind: 'bool', value: name === 'true', offset }
    }
    if (/^[A-Z]/.test(name)) {
      this.#at++
      return { kind: 'symbol', name, offset }
    }
    return this.#path()
  }

  #path(): PathNode {
    const { offset } = this.#token
    const segments: PathSegment[] = []
    do {
      const token = this.#token
      if (token.kind !== 'name' || !/^[a-z][a-z0-9_]*$/.test(token.text) || KEYWORDS.has(token.text)) {
        throw new OttlError({ problem: unexpected(token), offset: token.offset, expected: 'the name of a field' })
      }
      this.#at++
      segments.push({ name: token.text, keys: this.#keys(), offset: token.offset })
    } while (this.#skipSymbol('.'))
    return { kind: 'path', segments, offset }
  }

  #call(): CallNode {
    const { text: name, offset } = this.#token
    this.#at++
    const args = this.#nested(() => this.#items('(', ')', () => this.#argument()))
    const unnamed = args.findLast((arg) => arg.name === undefined)
    if (unnamed !== undefined && args.findIndex((arg) => arg.name !== undefined && arg.offset < unnamed.offset) >= 0) {
      throw new OttlError({ problem: 'argument without a name after one with a name', offset: unnamed.offset })
    }
    return { kind: 'call', name, arguments: args, keys: this.#keys(), offset }
  }

  #argument(): ArgumentNode {
    const { text, kind, offset } = this.#token
    if (kind !== 'name' || this.#peek(1).text !== '=') return { name: undefined, value: this.#argumentValue(), offset }
    if (!/^[a-z]/.test(text)) throw new OttlError({ problem: `unexpected ${text}`, offset, expected: 'the name of an argument' })
    this.#at += 2
    return { name: text, value: this.#argumentValue(), offset }
  }

  #argumentValue(): ValueNode {
    return this.#asValue(this.#or())
  }

  #entry(): { readonly key: string; readonly value: ValueNode } {
    const token = this.#token
    if (token.kind !== 'string') throw new OttlError({ problem: unexpected(token), offset: token.offset, expected: 'a key in double quotes' })
    this.#at++
    this.#symbol(':')
    return { key: token.value, value: this.#argumentValue() }
  }

  #keys(): readonly Key[] {
    const keys: Key[] = []
    while (this.#skipSymbol('[')) {
      keys.push(this.#nested(() => this.#argumentValue()))
      this.#symbol(']')
    }
    return keys
  }

  #items<T>(open: string, close: string, item: () => T): T[] {
    this.#symbol(open)
    const items: T[] = []
    if (this.#skipSymbol(close)) return items
    do items.push(item())
    while (this.#skipSymbol(','))
    this.#symbol(close, ',')
    return items
  }

  #asValue(expression: Expression): ValueNode {
    if ('value' in expression) return expression.value
    throw new OttlError({ problem: 'a condition where a value must stand', offset: expression.condition.offset, expected: 'a value' })
  }

  #asCondition(expression: Expression): ConditionNode {
    if ('condition' in expression) return expression.condition
    const { value } = expression
    if (value.kind === 'bool' || value.kind === 'call') return { kind: 'test', value, offset: value.offset }
    const hint = value.kind === 'path' ? 'compare it with a value, such as == true or != nil' : undefined
    throw new OttlError({
      problem: 'a value where a condition must stand',
      offset: value.offset,
      expected: 'a comparison',
      ...(hint === undefined ? {} : { hint }),
    })
  }

  #nested<T>(parse: () => T): T {
    if (++this.#depth > DEPTH_MAX) throw new OttlError({ problem: 'nested too deeply', offset: this.#token.offset, expected: `at most ${DEPTH_MAX} levels` })
    const parsed = parse()
    this.#depth--
    return parsed
  }

  get #token(): Token {
    return this.#peek(0)
  }

  #peek(ahead: number): Token {
    const token = this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]
    if (token === undefined) throw new Error('BUG: no token at the end')
    return token
  }

  #skipName(name: string): boolean {
    const isThere = this.#token.kind === 'name' && this.#token.text === name
    if (isThere) this.#at++
    return isThere
  }

  #skipSymbol(symbol: string): boolean {
    const isThere = this.#token.kind === 'symbol' && this.#token.text === symbol
    if (isThere) this.#at++
    return isThere
  }

  #symbol(symbol: string, alternative?: string): void {
    if (this.#skipSymbol(symbol)) return
    if (this.#token.text === '=>') throw lambda(this.#token)
    const expected = alternative === undefined ? symbol : `${alternative} or ${symbol}`
    throw new OttlError({ problem: unexpected(this.#token), offset: this.#token.offset, expected })
  }

  #end(expected: readonly string[]): void {
    const token = this.#token
    if (token.kind === 'end') return
    throw new OttlError({ problem: unexpected(token), offset: token.offset, expected: `${expected.slice(0, -1).join(', ')} or ${expected.at(-1)}` })
  }
}

const KEYWORDS: ReadonlySet<string> = new Set(['nil', 'true', 'false', 'not', 'and', 'or', 'where'])

function unexpected(token: Token): string {
  return token.kind === 'end' ? 'unexpected end' : `unexpected ${token.text}`
}

function lambda(token: Token): OttlError {
  return new OttlError({ problem: 'lambda expressions are not supported', offset: token.offset })
}
