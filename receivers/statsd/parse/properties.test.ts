import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../sample.ts'
import { DIALECT_RULES } from './dialect.ts'
import { readDogLine } from './dogstatsd.ts'
import { LineParser } from './line_parser.ts'
import { readEtsyLine, readExporterLine, readTelegrafLine } from './several.ts'
import { SampleSlots } from './slots.ts'
import { CollectingSink, type Seen } from './testing.ts'

const DIALECTS: readonly Dialect[] = ['lenient', 'strict', 'dogstatsd', 'etsy', 'statsd_exporter', 'telegraf']
const GRAMMARS = { dogstatsd: readDogLine, etsy: readEtsyLine, statsd_exporter: readExporterLine, telegraf: readTelegrafLine }

/** Lines put together from what lines are made of, so that most are nearly right. */
const PIECES = [
  'a',
  'b.c',
  'x_y-z',
  ':',
  ':',
  '1',
  '-2',
  '+3.5',
  '1e2',
  '.',
  '|',
  '|',
  'c',
  'g',
  'ms',
  'h',
  'd',
  's',
  '|@0.5',
  '|@1e-2',
  '|@2',
  '|#',
  'k:v',
  ',',
  '#',
  '|c:ci-1',
  '|c',
  'in-5',
  '|T1656581400',
  '|T',
  '|e:it-true',
  '|card:low',
  '|z:1',
  '=',
  ';',
  '[',
  ']',
  ' ',
  '\t',
  '\r',
  '\0',
  '_e{1,1}',
  '_sc|',
  'é',
  '9080||',
  'NaN',
]
const nearLine = fc.array(fc.constantFrom(...PIECES), { maxLength: 16 }).map((pieces) => Buffer.from(pieces.join('')))
const plainLine = fc
  .tuple(
    fc.constantFrom('a', 'a.b_c', '_x', 'a|80||b.rq', 'a=b', 'a;k=v', 'a[b]'),
    fc.constantFrom('1', '-2', '+3', '0.25', '1:2', '123456789012345', '0.30000000000000004', '9007199254740993', '5.', '.5', '-.5', '1.', '0'),
    fc.constantFrom('c', 'g', 'ms', 'h', 'd', 's'),
    fc.array(
      fc.constantFrom(
        '|@0.5',
        '|@1',
        '|@0',
        '|#k:v',
        '|#k:v,l:w|80||x',
        '|#k:x|80||',
        '|#flag,k:',
        '|#k:',
        '|#:v',
        '|##k:v',
        '|#k:v,',
        '|c:ci-1,in-2',
        '|c:',
        '|T5',
        '|T0',
        '|e:x,y',
        '|card:low',
        '|',
        '|z:1',
      ),
      { maxLength: 4 },
    ),
  )
  .map(([name, value, type, sections]) => Buffer.from(`${name}:${value}|${type}${sections.join('')}`))
const anyLine = fc.oneof(
  plainLine,
  nearLine,
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x0a))),
)

function parse(bytes: Buffer, dialect: Dialect): CollectingSink {
  const sink = new CollectingSink()
  new LineParser(dialect).parsePacket(bytes, 0, bytes.length, sink)
  return sink
}

describe.for(DIALECTS)('%s', (dialect) => {
  test('ends every line once, taken or refused, and refuses none it has taken samples of', () => {
    fc.assert(
      fc.property(fc.array(anyLine, { maxLength: 8 }), (lines) => {
        const bytes = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]))
        const sink = new CollectingSink()
        const count = new LineParser(dialect).parsePacket(bytes, 0, bytes.length, sink)
        expect(sink.ends).toBe(count)
        const full = lines.filter((line) => line.length > 0 && (dialect === 'strict' || line.toString('latin1') !== '\r'))
        expect(count).toBe(full.length)
        let samples = 0
        for (const one of sink.seen) {
          if (typeof one === 'object' && 'rejected' in one) expect(samples).toBe(0)
          if (one === 'accepted') expect(samples).toBeGreaterThan(0)
          if (one === 'accepted' || (typeof one === 'object' && 'rejected' in one)) samples = 0
          else if (typeof one !== 'object' || 'value' in one) samples++
        }
        for (const { value, weight = 1 } of sink.samples) expect(Number.isFinite(value) && weight >= 1 && Number.isFinite(weight)).toBe(true)
      }),
      { numRuns: 1500 },
    )
  })

  test('reads plain lines as its grammar does', () => {
    const parser = new LineParser(dialect)
    const rules = DIALECT_RULES[dialect]
    fc.assert(
      fc.property(fc.oneof(plainLine, nearLine), (line) => {
        fc.pre(line.length > 0 && line.at(-1) !== 0x0d && !line.toString().startsWith('_e{') && !line.toString().startsWith('_sc|'))
        const quick = new CollectingSink()
        parser.parseLine(line, 0, line.length, quick)
        const slots = new SampleSlots()
        slots.begin(line, 0, line.length)
        const slow = new CollectingSink()
        const verdict = GRAMMARS[rules.grammar]({ slots, rules, sink: slow })
        slow.seen.push(verdict === undefined ? 'accepted' : { rejected: verdict })
        expect(quick.seen).toEqual(slow.seen)
      }),
      { numRuns: 3000 },
    )
  })

  test('reads a line alike alone, among others, and anywhere in a buffer', () => {
    fc.assert(
      fc.property(fc.array(anyLine, { maxLength: 6 }), fc.nat(9), (lines, before) => {
        const alone: Seen[] = lines.flatMap((line) => parse(line, dialect).seen)
        const sink = new CollectingSink()
        const packet = Buffer.from(lines.map((line) => line.toString('latin1')).join('\n'), 'latin1')
        const bytes = Buffer.concat([Buffer.alloc(before, '|'), packet, Buffer.from('0:1|c')])
        new LineParser(dialect).parsePacket(bytes, before, before + packet.length, sink)
        expect(sink.seen).toEqual(alone)
      }),
      { numRuns: 500 },
    )
  })

  test('reads a stream alike in whatever chunks it comes', () => {
    fc.assert(
      fc.property(fc.array(anyLine, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 10 }), (lines, sizes) => {
        const whole = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]))
        const sink = new CollectingSink()
        const parser = new LineParser(dialect)
        let rest = Buffer.alloc(0)
        for (let at = 0, i = 0; at < whole.length; i++) {
          const size = sizes[i % sizes.length] as number
          rest = Buffer.concat([rest, whole.subarray(at, at + size)])
          at += size
          const end = rest.lastIndexOf(0x0a) + 1
          parser.parsePacket(rest, 0, end, sink)
          rest = rest.subarray(end)
        }
        expect(sink.seen).toEqual(parse(whole, dialect).seen)
      }),
      { numRuns: 300 },
    )
  })
})

interface Printed {
  readonly name: string
  readonly type: number
  readonly value: number
  readonly weight: number
  readonly tags: readonly (readonly [string, string | undefined])[]
  readonly container: string
  readonly timestampS: number
  readonly order: readonly number[]
}

const word = fc.stringMatching(/^[a-zA-Zé][a-zA-Z0-9_./é-]{0,12}$/)
const printed: fc.Arbitrary<Printed> = fc.record({
  name: word,
  type: fc.constantFrom(0, 1, 2, 3, 4),
  value: fc.double({ noNaN: true, noDefaultInfinity: true, min: 0, max: 1e300 }),
  weight: fc.constantFrom(1, 2, 4, 8, 1024),
  tags: fc.array(fc.tuple(word, fc.option(fc.stringMatching(/^[a-zA-Z0-9é_.:/= -]{0,10}[a-z0-9]$/), { nil: undefined })), { maxLength: 10 }),
  container: fc.constantFrom('', 'abc123'),
  timestampS: fc.constantFrom(0, 1656581400),
  order: fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 }),
})

function print({ name, type, value, weight, tags, container, timestampS, order }: Printed): string {
  const sections = [
    weight === 1 ? '' : `|@${1 / weight}`,
    tags.length === 0 ? '' : `|#${tags.map(([key, text]) => (text === undefined ? key : `${key}:${text}`)).join(',')}`,
    container === '' ? '' : `|c:ci-${container}`,
    timestampS === 0 ? '' : `|T${timestampS}`,
  ]
  return `${name}:${value}|${['c', 'g', 'ms', 'h', 'd'][type]}${order.map((i) => sections[i]).join('')}`
}

test.for<Dialect>(['lenient', 'strict', 'dogstatsd'])('%s reads back whatever is printed', (dialect) => {
  fc.assert(
    fc.property(printed, (one) => {
      const { name, type, value, weight, tags, container, timestampS } = one
      expect(parse(Buffer.from(print(one)), dialect).seen).toEqual([
        {
          name,
          type,
          value,
          ...(weight !== 1 && type !== 1 && { weight }),
          ...(tags.length > 0 && { tags }),
          ...(container !== '' && { container }),
          ...(timestampS !== 0 && { timestampS }),
        },
        'accepted',
      ])
    }),
    { numRuns: 1000 },
  )
})
