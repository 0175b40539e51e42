import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AttributeSet } from '../../../model/attributes.ts'
import { type ConditionNode, printCondition, type ValueNode } from './ast.ts'
import { compileCondition, compileStatement } from './compile.ts'
import { CONTEXTS, type ContextName } from './contexts.ts'
import { EvaluationError, OttlError } from './errors.ts'
import type { Item } from './item.ts'
import { parseCondition, parseStatement } from './parser.ts'
import { holds, itemWith, plain, run } from './testing.ts'

describe('fields', () => {
  test('of a log are read and set', () => {
    const item = itemWith({}, AttributeSet.of({ user: AttributeSet.of({ id: 7n }) }))
    for (const statement of [
      'set(severity_number, SEVERITY_NUMBER_ERROR2)',
      'set(severity_text, "ERROR2") where severity_number == 18',
      'set(time_unix_nano, observed_time_unix_nano + 5)',
      'set(observed_time, Unix(1))',
      'set(attributes["id"], body["user"]["id"])',
      'set(body["user"]["name"], "eva")',
      'set(trace_id.string, "0102030405060708090A0B0C0D0E0F10")',
      'set(span_id, SpanID(0x0102030405060708))',
      'set(flags, 1)',
      'set(dropped_attributes_count, 2)',
      'set(event_name, "login")',
      'set(resource.attributes["env"], "prod")',
      'set(resource.schema_url, "https://example.com/1")',
      'set(scope.name, Concat([scope.name, "2"], ""))',
      'set(scope.attributes["x"], 1)',
      'set(cache["a"], 1)',
      'set(attributes["cached"], cache["a"])',
    ]) {
      run(statement, 'log', item)
    }
    expect(plain(item.log)).toMatchObject({
      severityNumber: 18,
      severityText: 'ERROR2',
      timeNs: 5n,
      observedNs: 1_000_000_000n,
      body: { user: { id: 7n, name: 'eva' } },
      attributes: { id: 7n, cached: 1n },
      traceId: '0102030405060708090a0b0c0d0e0f10',
      spanId: '0102030405060708',
      flags: 1,
      droppedAttributesCount: 2,
      eventName: 'login',
    })
    expect(plain(item.resource.resource)).toEqual({ attributes: { 'service.name': 'shop', env: 'prod' }, schemaUrl: 'https://example.com/1' })
    expect(plain(item.scope.scope)).toEqual({ name: 'lib2', version: '1.0', attributes: { x: 1n } })
  })

  test('of a span and its event are read and set', () => {
    const item = itemWith()
    for (const statement of [
      'set(kind, SPAN_KIND_CLIENT) where kind == SPAN_KIND_SERVER and kind.string == "Server"',
      'set(status.code, STATUS_CODE_ERROR)',
      'set(status.message, "late") where end_time - start_time >= Duration("2s")',
      'set(name, "x") where IsRootSpan()',
      'set(parent_span_id, SpanID(0x0000000000000000))',
      'set(end_time_unix_nano, start_time_unix_nano)',
      'set(trace_state, "a=b")',
    ]) {
      run(statement, 'span', item)
    }
    expect(plain(item.span)).toMatchObject({
      kind: 'client',
      status: 'error',
      statusMessage: 'late',
      name: 'x',
      parentSpanId: '',
      endTimeNs: 1_000_000_000n,
      traceState: 'a=b',
    })
    run('set(attributes["of"], span.name) where name == "retry" and time > span.start_time', 'spanevent', item)
    run('set(name, "again")', 'spanevent', item)
    expect(plain(item.event)).toMatchObject({ name: 'again', attributes: { of: 'x' } })
  })

  test('of a metric and its point are read and set', () => {
    const item = itemWith({ path: '/' })
    for (const statement of [
      'set(description, "Sum") where type == METRIC_DATA_TYPE_SUM and is_monotonic',
      'set(name, "calls")',
      'set(unit, "{calls}")',
      'set(aggregation_temporality, AGGREGATION_TEMPORALITY_DELTA)',
      'set(is_monotonic, false)',
      'set(metadata["a"], "b")',
    ]) {
      run(statement.replace('and is_monotonic', 'and is_monotonic == true'), 'metric', item)
    }
    expect(plain(item.metric)).toEqual({
      name: 'calls',
      description: 'Sum',
      unit: '{calls}',
      type: 'sum',
      temporality: 'delta',
      isMonotonic: false,
      metadata: [['a', 'b']],
    })
    for (const statement of ['set(value_double, Double(value_int) / 2)', 'set(attributes["metric"], metric.name)', 'set(time_unix_nano, 9)', 'set(flags, 1)']) {
      run(statement, 'datapoint', item)
    }
    expect(plain(item.point)).toMatchObject({ value: 2.5, attributes: { path: '/', metric: 'calls' }, timeNs: 9n, flags: 1 })
    expect(holds('count == nil and sum == nil and bucket_counts == nil and scale == nil and positive.offset == nil', 'datapoint', item)).toBe(true)
    expect(holds('HasAttrKeyOnDatapoint("metric") and HasAttrOnDatapoint("path", "/")', 'metric', item)).toBe(true)
  })

  test('of points of other types are read and set', () => {
    const item = itemWith()
    item.metric = { name: 'h', description: '', unit: '', type: 'histogram' }
    const base = { attributes: AttributeSet.empty, startTimeNs: 0n, timeNs: 0n, flags: 0, exemplars: [] }
    item.point = { ...base, count: 3n, sum: undefined, min: undefined, max: undefined, bounds: [1], bucketCounts: [1n, 2n] }
    run('set(bucket_counts, [4, 5])', 'datapoint', item)
    run('set(explicit_bounds, [2.5])', 'datapoint', item)
    run('set(count, count + 6)', 'datapoint', item)
    run('set(sum, sum + 1.5)', 'datapoint', item)
    expect(plain(item.point)).toMatchObject({ count: 9n, sum: 1.5, bounds: [2.5], bucketCounts: [4n, 5n] })
    item.metric = { name: 'e', description: '', unit: '', type: 'exponential_histogram' }
    const buckets = { offset: 1, counts: [1n] }
    item.point = { ...base, count: 3n, sum: 1, min: undefined, max: undefined, scale: 2, zeroCount: 1n, zeroThreshold: 0, positive: buckets, negative: buckets }
    run('set(scale, 3)', 'datapoint', item)
    run('set(zero_count, zero_count + 1)', 'datapoint', item)
    run('set(positive.offset, -1)', 'datapoint', item)
    run('set(negative.bucket_counts, [7])', 'datapoint', item)
    expect(plain(item.point)).toMatchObject({ scale: 3, zeroCount: 2n, positive: { offset: -1, counts: [1n] }, negative: { offset: 1, counts: [7n] } })
    expect(() => run('set(value_int, 1)', 'datapoint', item)).toThrow(EvaluationError)
  })

  test.for<{ readonly statement: string; readonly context: ContextName }>([
    { statement: 'set(severity_text, 5)', context: 'log' },
    { statement: 'set(severity_number, "5")', context: 'log' },
    { statement: 'set(severity_text, nil)', context: 'log' },
    { statement: 'set(attributes, "x")', context: 'log' },
    { statement: 'set(trace_id, SpanID(0x0102030405060708))', context: 'log' },
    { statement: 'set(trace_id.string, "xyz")', context: 'log' },
    { statement: 'set(body["a"], 1)', context: 'log' },
    { statement: 'set(attributes["l"][-1], 1)', context: 'log' },
    { statement: 'set(attributes["l"]["a"], 1)', context: 'log' },
    { statement: 'set(attributes["new"][100000], 1)', context: 'log' },
    { statement: 'set(attributes["a"], trace_id)', context: 'log' },
    { statement: 'set(kind, 17)', context: 'span' },
    { statement: 'set(kind.string, "server")', context: 'span' },
    { statement: 'set(status.code, -1)', context: 'span' },
    { statement: 'set(metric.aggregation_temporality, 3)', context: 'datapoint' },
    { statement: 'set(value_int, 1.5)', context: 'datapoint' },
  ])('refuse values of another type: $statement', ({ statement, context }) => {
    expect(() => run(statement, context, itemWith({ l: ['x'] }))).toThrow(EvaluationError)
  })
})

describe('what is not supported is told before any data', () => {
  test.for<{ readonly statement: string; readonly context?: ContextName; readonly message: string; readonly hint?: string; readonly expected?: RegExp }>([
    {
      statement: 'sett(body, 1)',
      message: 'unknown function sett at column 1',
      hint: 'did you mean set(target, value)?',
      expected: /^one of set, delete_key, /,
    },
    { statement: 'set(body, ParseXML(body))', message: 'unknown function ParseXML at column 11', expected: /ParseJSON/ },
    { statement: 'set(bdy, 1)', message: 'unknown field bdy of log at column 5', hint: 'did you mean log.body?', expected: /^one of time_unix_nano, / },
    { statement: 'set(span.name, 1)', message: 'span cannot be reached from the context log at column 5', expected: /begins with log, scope or resource$/ },
    { statement: 'set(resource.attributes["a"].b, 1)', message: 'unknown field attributes.b of resource at column 5' },
    { statement: 'set(severity_text["a"], 1)', message: 'severity_text has no keys at column 19' },
    { statement: 'set(attributes[true], 1)', message: 'bool as a key at column 16' },
    { statement: 'set("a", 1)', message: 'not a path at column 5' },
    { statement: 'set(type, 1)', context: 'metric', message: 'type cannot be set at column 5' },
    { statement: 'set(body)', message: 'set lacks value at column 1', expected: /^set\(target, value\)$/ },
    { statement: 'set(body, 1, 2)', message: 'too many arguments at column 14' },
    { statement: 'set(body, valu = 1)', message: 'no parameter valu at column 11' },
    { statement: 'limit(attributes, "x", [])', message: 'limit of limit is string at column 19', expected: /^int$/ },
    { statement: 'limit(attributes, body, [])', message: 'limit of limit is not a literal at column 19' },
    { statement: 'limit(attributes, -1, [])', message: 'limit of limit is -1 at column 19' },
    { statement: 'limit(attributes, 1, ["a", "b"])', message: 'limit of limit is 1, less than the 2 priority keys at column 19' },
    { statement: 'keep_keys(attributes, "a")', message: 'keys of keep_keys is not a list at column 23' },
    { statement: 'keep_keys(attributes, [1])', message: 'keys of keep_keys is int at column 23' },
    { statement: 'merge_maps(attributes, {}, "replace")', message: 'strategy of merge_maps is "replace" at column 28', expected: /insert, update or upsert/ },
    {
      statement: 'replace_pattern(body, "(", "")',
      message: 'regex_pattern of replace_pattern is not a regular expression (RE2): missing closing ) at column 23',
    },
    {
      statement: 'replace_pattern(body, "a", "", SHA256, "%d")',
      message: 'replacement_format of replace_pattern is not a format with one %s and no other %: %d at column 40',
    },
    { statement: 'replace_match(body, "[", "")', message: 'pattern of replace_match is not a glob: [ without a class of characters at column 21' },
    { statement: 'set(body, SEVERITY_NUMBER_WARNING)', message: 'unknown enum SEVERITY_NUMBER_WARNING at column 11' },
    { statement: 'set(body, 1) where IsRootSpan()', message: 'IsRootSpan in the context log at column 20', expected: /^the context span$/ },
    { statement: 'set(body, ToLowerCase(5))', message: 'target of ToLowerCase is int at column 23', expected: /^string$/ },
    { statement: 'set(body, Time(body, "%Q"))', message: 'format of Time is not a format of strptime: %Q is not supported at column 22' },
    { statement: 'set(body, Time(body, "%Y", "Europe/Berlin"))', message: 'location of Time is "Europe/Berlin" at column 28' },
    { statement: 'set(body, Int("x"))', message: 'target of Int is wrong: a string is not an integer at column 15' },
    { statement: 'set(body, Duration("5"))', message: 'duration of Duration is 5 at column 20', expected: /duration such as 1m30s/ },
  ])('$statement', ({ statement, context = 'log', message, hint, expected }) => {
    const error = errorOf(() => compileStatement(parseStatement(statement), statement, { context: CONTEXTS[context], needsContextNames: false }))
    expect(error?.message).toBe(message)
    if (hint !== undefined) expect(error?.fault.hint).toBe(hint)
    if (expected !== undefined) expect(error?.fault.expected).toMatch(expected)
  })

  test('a path without its context, where the context is inferred', () => {
    const error = errorOf(() => compileStatement(parseStatement('set(attributes["a"], 1)'), '', { context: CONTEXTS.log, needsContextNames: true }))
    expect(error?.message).toBe('attributes without its context at column 5')
    expect(error?.fault.hint).toBe('write log.attributes, scope.attributes or resource.attributes')
  })
})

function errorOf(make: () => unknown): OttlError | undefined {
  try {
    make()
    return undefined
  } catch (error) {
    if (error instanceof OttlError) return error
    throw error
  }
}

test.for([
  { statement: 'set(resource.attributes["a"], 1)', reads: '', writes: 'resource', isIdempotent: true },
  { statement: 'set(attributes["a"], resource.attributes["b"])', reads: 'resource', writes: 'log', isIdempotent: true },
  { statement: 'set(attributes["a"], attributes["b"])', reads: 'log', writes: 'log', isIdempotent: false },
  { statement: 'delete_key(resource.attributes, "a") where log.body == "x"', reads: 'log resource', writes: 'resource', isIdempotent: true },
  { statement: 'replace_pattern(attributes["a"], "b", "bb")', reads: 'log', writes: 'log', isIdempotent: false },
  { statement: 'set(time, Now())', reads: 'clock', writes: 'log', isIdempotent: true },
])('says what it touches: $statement', ({ statement, reads, writes, isIdempotent }) => {
  const compiled = compileStatement(parseStatement(statement), statement, { context: CONTEXTS.log, needsContextNames: false })
  expect([[...compiled.reads].sort().join(' '), [...compiled.writes].sort().join(' '), compiled.isIdempotent]).toEqual([reads, writes, isIdempotent])
})

// A second reading of the language, as simple as can be: values are tagged pairs, and nothing is prepared before it is evaluated.
type Simple = { readonly type: 'int' | 'double' | 'text' | 'flag' | 'nil'; readonly value: bigint | number | string | boolean | null }

function interpretValue(node: ValueNode, item: Item): Simple {
  switch (node.kind) {
    case 'int':
      return { type: 'int', value: node.value }
    case 'float':
      return { type: 'double', value: node.value }
    case 'string':
      return { type: 'text', value: node.value }
    case 'bool':
      return { type: 'flag', value: node.value }
    case 'nil':
      return { type: 'nil', value: null }
    case 'path': {
      const key = node.segments[0]?.keys[0]
      const value = key?.kind === 'string' ? (item.log.attributes.get(key.value) ?? null) : null
      if (value === null) return { type: 'nil', value }
      if (typeof value === 'bigint') return { type: 'int', value }
      if (typeof value === 'number') return { type: 'double', value }
      return typeof value === 'string' ? { type: 'text', value } : { type: 'flag', value: value as boolean }
    }
    case 'negative': {
      const operand = interpretValue(node.operand, item)
      if (operand.type === 'int') return { type: 'int', value: BigInt.asIntN(64, -(operand.value as bigint)) }
      if (operand.type === 'double') return { type: 'double', value: -(operand.value as number) }
      throw new EvaluationError('sign')
    }
    case 'math':
      return interpretMath(node.operator, interpretValue(node.left, item), interpretValue(node.right, item))
    default:
      throw new Error(`not generated: ${node.kind}`)
  }
}

function interpretMath(operator: string, left: Simple, right: Simple): Simple {
  const isNumber = ({ type }: Simple): boolean => type === 'int' || type === 'double'
  if (!isNumber(left) || !isNumber(right)) throw new EvaluationError('math')
  if (operator === '/' && Number(right.value) === 0) throw new EvaluationError('by zero')
  if (left.type === 'int' && right.type === 'int') {
    const [a, b] = [left.value as bigint, right.value as bigint]
    const results: Readonly<Record<string, () => bigint>> = { '+': () => a + b, '-': () => a - b, '*': () => a * b, '/': () => a / b }
    return { type: 'int', value: BigInt.asIntN(64, results[operator]?.() ?? 0n) }
  }
  const [a, b] = [Number(left.value), Number(right.value)]
  const results: Readonly<Record<string, number>> = { '+': a + b, '-': a - b, '*': a * b, '/': a / b }
  return { type: 'double', value: results[operator] ?? 0 }
}

/** What a condition gives without any data; undefined when that depends on it. */
function known(node: ConditionNode): boolean | undefined {
  const isLiteral = (value: ValueNode): boolean =>
    ['int', 'float', 'string', 'bool', 'nil'].includes(value.kind) || (value.kind === 'negative' && isLiteral(value.operand))
  switch (node.kind) {
    case 'and':
    case 'or': {
      const outcomes = node.operands.map(known)
      if (outcomes.includes(node.kind === 'or')) return node.kind === 'or'
      return outcomes.includes(undefined) ? undefined : node.kind === 'and'
    }
    case 'not': {
      const operand = known(node.operand)
      return operand === undefined ? undefined : !operand
    }
    case 'compare':
      return isLiteral(node.left) && isLiteral(node.right) ? interpret(node, itemWith()) : undefined
    default:
      return interpret(node, itemWith())
  }
}

function interpret(node: ConditionNode, item: Item): boolean {
  switch (node.kind) {
    case 'and':
      return node.operands.every((operand) => known(operand) !== false) && node.operands.every((operand) => interpret(operand, item))
    case 'or':
      return node.operands.some((operand) => known(operand) === true) || node.operands.some((operand) => interpret(operand, item))
    case 'not':
      return !interpret(node.operand, item)
    case 'compare': {
      const [left, right] = [interpretValue(node.left, item), interpretValue(node.right, item)]
      const areNumbers = [left, right].every(({ type }) => type === 'int' || type === 'double')
      if (left.type !== right.type && !areNumbers) return node.operator === '!='
      if (left.type === 'nil') return node.operator === '==' || node.operator === '<=' || node.operator === '>='
      const [a, b] = left.type === right.type ? [left.value ?? 0, right.value ?? 0] : [Number(left.value), Number(right.value)]
      const results: Readonly<Record<string, boolean>> = { '==': a === b, '!=': a !== b, '<': a < b, '<=': a <= b, '>': a > b, '>=': a >= b }
      return results[node.operator] ?? false
    }
    default:
      return node.value.kind === 'bool' && node.value.value
  }
}

const offset = 0
const { condition } = fc.letrec<{ operand: ValueNode; value: ValueNode; condition: ConditionNode }>((tie) => ({
  operand: fc.oneof(
    { depthSize: 'small' },
    fc.oneof(fc.bigInt(0n, 5n), fc.bigInt(0n, 2n ** 63n - 1n)).map((value): ValueNode => ({ kind: 'int', value, offset })),
    fc.double({ min: 0, max: 1e20, noNaN: true }).map((value): ValueNode => ({ kind: 'float', value, offset })),
    fc.constantFrom('int', 'double', 'text', 'flag', 'none').map(
      (key): ValueNode => ({
        kind: 'path',
        segments: [{ name: 'attributes', keys: [{ kind: 'string', value: key, offset }], offset }],
        offset,
      }),
    ),
    fc
      .tuple(fc.constantFrom('+', '-', '*', '/'), tie('operand'), tie('operand'))
      .map(([operator, left, right]): ValueNode => ({ kind: 'math', operator, left, right, offset })),
    tie('operand').map((operand): ValueNode => ({ kind: 'negative', operand, offset })),
  ),
  value: fc.oneof(
    tie('operand'),
    fc.constantFrom('', 'a', 'b').map((value): ValueNode => ({ kind: 'string', value, offset })),
    fc.boolean().map((value): ValueNode => ({ kind: 'bool', value, offset })),
    fc.constant<ValueNode>({ kind: 'nil', offset }),
  ),
  condition: fc.oneof(
    { depthSize: 'small' },
    fc
      .tuple(fc.constantFrom('==', '!=', '<', '<=', '>', '>='), tie('value'), tie('value'))
      .map(([operator, left, right]): ConditionNode => ({ kind: 'compare', operator, left, right, offset })),
    fc.boolean().map((value): ConditionNode => ({ kind: 'test', value: { kind: 'bool', value, offset }, offset })),
    tie('condition').map((operand): ConditionNode => ({ kind: 'not', operand, offset })),
    fc
      .tuple(fc.constantFrom('and', 'or'), fc.array(tie('condition'), { minLength: 2, maxLength: 3 }))
      .map(([kind, operands]): ConditionNode => ({ kind, operands, offset })),
  ),
}))

/** `true`, `false`, or that it cannot be told. */
function outcome(tell: () => boolean): boolean | 'error' {
  try {
    return tell()
  } catch (error) {
    if (error instanceof EvaluationError) return 'error'
    throw error
  }
}

test('compiled conditions hold where a naive interpreter says so', { timeout: 60_000 }, () => {
  const item = itemWith({ int: 3n, double: 2.5, text: 'a', flag: true })
  fc.assert(
    fc.property(condition, (tree) => {
      const text = printCondition(tree)
      const compiled = compileCondition(parseCondition(text), text, { context: CONTEXTS.log, needsContextNames: false })
      expect(outcome(() => compiled.test(item))).toBe(outcome(() => interpret(tree, item)))
    }),
    { numRuns: 500 },
  )
})
