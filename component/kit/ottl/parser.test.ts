import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ConditionNode, printCondition, printStatement, type StatementNode, type ValueNode } from './ast.ts'
import { OttlError } from './errors.ts'
import { parseCondition, parseStatement } from './parser.ts'

/** The tree without positions. */
function shape(tree: unknown): unknown {
  return JSON.parse(JSON.stringify(tree, (key, value: unknown) => (key === 'offset' ? undefined : typeof value === 'bigint' ? `int ${value}` : value)))
}

test.for([
  'set(span.attributes["http.route"], "/users/{id}") where span.kind == SPAN_KIND_SERVER and not IsMatch(span.name, "^a\\\\.b$")',
  'limit(attributes, 100, ["a", "b"])',
  'truncate_all(log.attributes, 4096, truncation_marker = "…")',
  'set(log.body, {"a": [1, 2.5, -3, nil, true], "b": {"c": 0x00ff}})',
  'set(attributes["x"], (1 + 2) * 3 - -attributes["y"] / 2)',
  'set(attributes["a"]["b"][0], Split(body, ",")[1])',
  'replace_pattern(name, "a", "b", SHA256, "x-%s")',
  'set(attributes["x"], 1) where (a == 1 or b == 2) and (c == 3 or (d == 4 and e == 5))',
  'set(attributes["x"], 1) where (a + b) * 2 >= c and not (true or false)',
])('prints what parses to the same tree: %s', (text) => {
  const tree = parseStatement(text)
  expect(shape(parseStatement(printStatement(tree)))).toEqual(shape(tree))
})

test.for([
  { text: 'a == 1 and b == 2 or c == 3', printed: 'a == 1 and b == 2 or c == 3' },
  { text: '((a) == ((1)))', printed: 'a == 1' },
  { text: 'not a == 1', printed: 'not a == 1' },
  { text: 'a == 1 + 2 * 3', printed: 'a == 1 + 2 * 3' },
  { text: '(a == 1 + 2) and (((true)))', printed: 'a == 1 + 2 and true' },
  { text: 'a == "\\u00e4\\x41\\101\\t\\""', printed: 'a == "äAA\\x09\\""' },
  { text: 'a == .5 or a == 5. or a == 1.5e3', printed: 'a == 0.5 or a == 5.0 or a == 1500.0' },
])('reads $text', ({ text, printed }) => {
  expect(printCondition(parseCondition(text))).toBe(printed)
})

describe('what is not OTTL is told with its place', () => {
  test.for<{ readonly text: string; readonly problem: string; readonly column: number; readonly hint?: string }>([
    { text: '', problem: 'unexpected end', column: 1 },
    { text: 'set(a, 1', problem: 'unexpected end', column: 9 },
    { text: 'set(a, 1) where', problem: 'unexpected end', column: 16 },
    { text: 'set(a, 1) when b == 1', problem: 'unexpected when', column: 11 },
    { text: "set(a, 'x')", problem: "unexpected '", column: 8, hint: 'put text into double quotes' },
    { text: 'set(a, "x)', problem: 'text without an end', column: 8 },
    { text: 'set(a, "\\d")', problem: 'unknown escape \\d', column: 9, hint: 'write \\\\d for a backslash, as in a pattern' },
    { text: 'set(a, 99999999999999999999)', problem: 'number too large', column: 8 },
    { text: 'set(a, 0x123)', problem: 'odd number of hex digits', column: 8 },
    {
      text: 'IsMatch(a, "b")',
      problem: 'IsMatch edits nothing',
      column: 1,
      hint: 'only converters, which give a value, begin with a capital; a condition stands behind where',
    },
    { text: 'set(a, lower(b))', problem: 'lower gives no value', column: 8 },
    { text: 'set(a, 1) where b', problem: 'a value where a condition must stand', column: 17, hint: 'compare it with a value, such as == true or != nil' },
    { text: 'set(a, 1) where b = 1', problem: 'unexpected =', column: 19, hint: 'write == to compare' },
    { text: 'set(a, 1) where b == 1 && c == 2', problem: 'unexpected &', column: 24, hint: 'write and' },
    { text: 'set(a, 1) where (b == 1) == 2', problem: 'a condition where a value must stand', column: 18 },
    { text: 'set(a, "x" + "y")', problem: '+ with what is no number', column: 8 },
    { text: 'set(a = 1, 2)', problem: 'argument without a name after one with a name', column: 12 },
    { text: 'set(a, (k, v) => k)', problem: 'unexpected ,', column: 10 },
    { text: 'set(spanEvent.name, 1)', problem: 'unexpected spanEvent', column: 5 },
    { text: `set(a, ${'['.repeat(70)}`, problem: 'nested too deeply', column: 71 },
    { text: `set(a, 1) where ${'not '.repeat(70)}true`, problem: 'nested too deeply', column: 277 },
  ])('$text', ({ text, problem, column, hint }) => {
    const error = errorOf(() => parseStatement(text))
    expect([error?.fault.problem, error?.column, error?.fault.hint]).toEqual([problem, column, hint])
  })
})

function errorOf(run: () => unknown): OttlError | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    if (error instanceof OttlError) return error
    throw error
  }
}

test('throws nothing but its own error, on any text', { timeout: 60_000 }, () => {
  const pieces = fc.constantFrom(
    'set',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    ',',
    '.',
    '"a"',
    '"',
    '\\',
    '1',
    '2.5',
    '0xff',
    'where',
    'and',
    'or',
    'not',
    '==',
    '-',
    '*',
    'A',
    ' ',
  )
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')),
  )
  fc.assert(
    fc.property(text, (input) => {
      for (const parse of [parseStatement, parseCondition]) errorOf(() => parse(input))
    }),
    { numRuns: 300 },
  )
})

const offset = 0
const text = fc.string().map((content): ValueNode => ({ kind: 'string', value: content, offset }))
const { value, condition } = fc.letrec<{ value: ValueNode; operand: ValueNode; condition: ConditionNode; path: ValueNode; call: ValueNode }>((tie) => ({
  path: fc
    .array(
      fc.record({
        name: fc.constantFrom('a', 'resource', 'attributes', 'x_1'),
        keys: fc.array(fc.oneof({ depthSize: 'small' }, text, tie('call')), { maxLength: 2 }),
        offset: fc.constant(offset),
      }),
      {
        minLength: 1,
        maxLength: 3,
      },
    )
    .map((segments): ValueNode => ({ kind: 'path', segments, offset })),
  call: fc
    .tuple(fc.constantFrom('Int', 'ToUpperCase', 'SHA256'), fc.array(tie('value'), { maxLength: 3 }))
    .map(
      ([name, values]): ValueNode => ({ kind: 'call', name, arguments: values.map((item) => ({ name: undefined, value: item, offset })), keys: [], offset }),
    ),
  operand: fc.oneof(
    { depthSize: 'small' },
    fc.bigInt(0n, 2n ** 63n - 1n).map((number): ValueNode => ({ kind: 'int', value: number, offset })),
    fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map((number): ValueNode => ({ kind: 'float', value: number, offset })),
    tie('path'),
    fc
      .tuple(fc.constantFrom('+', '-', '*', '/'), tie('operand'), tie('operand'))
      .map(([operator, left, right]): ValueNode => ({ kind: 'math', operator, left, right, offset })),
    tie('operand').map((operand): ValueNode => ({ kind: 'negative', operand, offset })),
    tie('call'),
  ),
  value: fc.oneof(
    { depthSize: 'small' },
    text,
    fc.constant<ValueNode>({ kind: 'nil', offset }),
    fc.boolean().map((flag): ValueNode => ({ kind: 'bool', value: flag, offset })),
    fc.uint8Array({ minLength: 1, maxLength: 4 }).map((bytes): ValueNode => ({ kind: 'bytes', value: bytes, offset })),
    fc.constant<ValueNode>({ kind: 'symbol', name: 'SPAN_KIND_SERVER', offset }),
    tie('operand'),
    fc.array(tie('value'), { maxLength: 3 }).map((items): ValueNode => ({ kind: 'list', items, offset })),
    fc.array(fc.record({ key: fc.string(), value: tie('value') }), { maxLength: 3 }).map((entries): ValueNode => ({ kind: 'map', entries, offset })),
  ),
  condition: fc.oneof(
    { depthSize: 'small' },
    fc
      .tuple(fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('value'), tie('value'))
      .map(([operator, left, right]): ConditionNode => ({ kind: 'compare', operator, left, right, offset })),
    tie('condition').map((operand): ConditionNode => ({ kind: 'not', operand, offset })),
    fc
      .tuple(fc.constantFrom('and', 'or'), fc.array(tie('condition'), { minLength: 2, maxLength: 3 }))
      .map(([kind, operands]): ConditionNode => ({ kind, operands, offset })),
    tie('call').map((call): ConditionNode => ({ kind: 'test', value: call, offset })),
  ),
}))

test('what is printed parses to the same tree', { timeout: 60_000 }, () => {
  const statement = fc.record({
    editor: fc
      .array(value, { maxLength: 3 })
      .map((values) => ({ kind: 'call' as const, name: 'set', arguments: values.map((item) => ({ name: undefined, value: item, offset })), keys: [], offset })),
    where: fc.option(condition, { nil: undefined }),
  })
  fc.assert(
    fc.property(statement, (tree: StatementNode) => {
      expect(shape(parseStatement(printStatement(tree)))).toEqual(shape(tree))
    }),
    { numRuns: 300 },
  )
})
