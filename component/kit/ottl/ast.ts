/** The syntax tree of OTTL. `offset` is where a node begins in the text, in UTF-16 units from 0. */

export type CompareOperator = '==' | '!=' | '<' | '<=' | '>' | '>='
export type MathOperator = '+' | '-' | '*' | '/'

/** A key in brackets behind a path or a converter: text, a number, or what gives one of them. */
export type Key = ValueNode

export interface PathSegment {
  readonly name: string
  readonly keys: readonly Key[]
  readonly offset: number
}

export interface PathNode {
  readonly kind: 'path'
  readonly segments: readonly PathSegment[]
  readonly offset: number
}

export interface ArgumentNode {
  /** Of a named argument; undefined for one by position. */
  readonly name: string | undefined
  readonly value: ValueNode
  readonly offset: number
}

export interface CallNode {
  readonly kind: 'call'
  readonly name: string
  readonly arguments: readonly ArgumentNode[]
  readonly keys: readonly Key[]
  readonly offset: number
}

export type ValueNode =
  | { readonly kind: 'nil'; readonly offset: number }
  | { readonly kind: 'string'; readonly value: string; readonly offset: number }
  | { readonly kind: 'int'; readonly value: bigint; readonly offset: number }
  | { readonly kind: 'float'; readonly value: number; readonly offset: number }
  | { readonly kind: 'bool'; readonly value: boolean; readonly offset: number }
  | { readonly kind: 'bytes'; readonly value: Uint8Array; readonly offset: number }
  /** An enum such as `SPAN_KIND_SERVER`, or the name of a converter as an argument. */
  | { readonly kind: 'symbol'; readonly name: string; readonly offset: number }
  | { readonly kind: 'list'; readonly items: readonly ValueNode[]; readonly offset: number }
  | { readonly kind: 'map'; readonly entries: readonly { readonly key: string; readonly value: ValueNode }[]; readonly offset: number }
  | { readonly kind: 'math'; readonly operator: MathOperator; readonly left: ValueNode; readonly right: ValueNode; readonly offset: number }
  | { readonly kind: 'negative'; readonly operand: ValueNode; readonly offset: number }
  | PathNode
  | CallNode

export type ConditionNode =
  | { readonly kind: 'or' | 'and'; readonly operands: readonly ConditionNode[]; readonly offset: number }
  | { readonly kind: 'not'; readonly operand: ConditionNode; readonly offset: number }
  | { readonly kind: 'compare'; readonly operator: CompareOperator; readonly left: ValueNode; readonly right: ValueNode; readonly offset: number }
  /** `true`, `false`, or a converter that gives one of them. */
  | { readonly kind: 'test'; readonly value: ValueNode; readonly offset: number }

export interface StatementNode {
  readonly editor: CallNode
  readonly where: ConditionNode | undefined
}

/** The statement as text that parses to the same tree. */
export function printStatement({ editor, where }: StatementNode): string {
  return where === undefined ? printValue(editor) : `${printValue(editor)} where ${printCondition(where)}`
}

/** The condition as text that parses to the same tree. */
export function printCondition(node: ConditionNode): string {
  switch (node.kind) {
    case 'or':
    case 'and':
      return node.operands.map((operand) => (isLooser(operand, node.kind) ? `(${printCondition(operand)})` : printCondition(operand))).join(` ${node.kind} `)
    case 'not':
      return `not ${isLooser(node.operand, 'not') ? `(${printCondition(node.operand)})` : printCondition(node.operand)}`
    case 'compare':
      return `${printValue(node.left)} ${node.operator} ${printValue(node.right)}`
    default:
      return printValue(node.value)
  }
}

/** True when `operand` needs parentheses inside `outer`; the same operator inside itself does, to stay a tree of its own. */
function isLooser(operand: ConditionNode, outer: 'or' | 'and' | 'not'): boolean {
  if (operand.kind === 'or') return true
  if (operand.kind === 'and') return outer !== 'or'
  return operand.kind === 'not' && outer === 'not'
}

/** The value as text that parses to the same tree. */
export function printValue(node: ValueNode): string {
  switch (node.kind) {
    case 'nil':
      return 'nil'
    case 'string':
      return quote(node.value)
    case 'float':
      return printFloat(node.value)
    case 'int':
    case 'bool':
      return String(node.value)
    case 'bytes':
      return `0x${Buffer.from(node.value).toString('hex')}`
    case 'symbol':
      return node.name
    case 'list':
      return `[${node.items.map(printValue).join(', ')}]`
    case 'map':
      return `{${node.entries.map(({ key, value }) => `${quote(key)}: ${printValue(value)}`).join(', ')}}`
    case 'negative':
      return `-${operandText(node.operand, 3)}`
    case 'math': {
      const level = levelOf(node)
      return `${operandText(node.left, level)} ${node.operator} ${operandText(node.right, level + 1)}`
    }
    case 'call':
      return `${node.name}(${node.arguments.map(({ name, value }) => (name === undefined ? '' : `${name} = `) + printValue(value)).join(', ')})${printKeys(node.keys)}`
    default:
      return node.segments.map(({ name, keys }) => name + printKeys(keys)).join('.')
  }
}

function printKeys(keys: readonly Key[]): string {
  return keys.map((key) => `[${printValue(key)}]`).join('')
}

/** How tightly a value's operator binds: 1 is + and -, 2 is * and /, 3 is a sign. */
function levelOf(node: ValueNode): number {
  if (node.kind === 'math') return node.operator === '+' || node.operator === '-' ? 1 : 2
  return node.kind === 'negative' ? 3 : 4
}

function operandText(node: ValueNode, level: number): string {
  return levelOf(node) < level || (node.kind === 'negative' && level === 3) ? `(${printValue(node)})` : printValue(node)
}

function printFloat(value: number): string {
  const text = String(value)
  if (text.includes('.')) return text
  const exponent = text.indexOf('e')
  return exponent < 0 ? `${text}.0` : `${text.slice(0, exponent)}.0${text.slice(exponent)}`
}

function quote(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return `"${text.replaceAll(/["\\\u0000-\u001f]/g, (char) => (char === '"' || char === '\\' ? `\\${char}` : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`))}"`
}
