import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LineDecoder } from './line_decoder.ts'
import { type PageFormat, PageParser, type PageSink, type ParsedExemplar } from './page_parser.ts'
import { parseSeries } from './series_text.ts'

interface Read {
  readonly series: string
  readonly value: number
  readonly timeMs?: number
  readonly exemplar?: ParsedExemplar
}

function collect() {
  const samples: Read[] = []
  const metadata: string[][] = []
  const faults: string[] = []
  const sink: PageSink = {
    metadata: (keyword, name, text) => void metadata.push([keyword, name, text]),
    sample: ({ series, value, timeMs, exemplar }) =>
      void samples.push({ series, value, ...(Number.isNaN(timeMs) ? {} : { timeMs }), ...(exemplar === undefined ? {} : { exemplar }) }),
    malformed: (fault, line) => void faults.push(`${fault}: ${line}`),
  }
  return { samples, metadata, faults, sink }
}

function read(text: string, format: PageFormat = 'text') {
  const found = collect()
  const parser = new PageParser(found.sink, format)
  parser.push(text)
  return { ...found, hasEnded: parser.hasEnded }
}

describe('a sample in text format', () => {
  test.for<readonly [string, Read]>([
    ['up 1', { series: 'up', value: 1 }],
    ['up\t1 ', { series: 'up', value: 1 }],
    ['  up   1   1700000000000', { series: 'up', value: 1, timeMs: 1_700_000_000_000 }],
    ['up{} 0', { series: 'up{}', value: 0 }],
    ['up {a="1"} 2', { series: 'up {a="1"}', value: 2 }],
    ['a:b_c{x="}",y="a b # {c"} +Inf', { series: 'a:b_c{x="}",y="a b # {c"}', value: Number.POSITIVE_INFINITY }],
    ['x -1.5e-3 -5', { series: 'x', value: -0.0015, timeMs: -5 }],
    ['x NaN', { series: 'x', value: Number.NaN }],
    ['x 123456789012345678', { series: 'x', value: 123_456_789_012_345_680 }],
    ['{"my.name","a.b"="c"} 1', { series: '{"my.name","a.b"="c"}', value: 1 }],
  ])('is read: %s', ([line, sample]) => {
    expect(read(`${line}\n`)).toMatchObject({ samples: [sample], faults: [] })
    expect(read(line).samples).toEqual([sample])
  })

  test.for([
    ['x', 'value: x'],
    ['x ', 'value: x '],
    ['x 0x10', 'value: x 0x10'],
    ['x 1_000', 'value: x 1_000'],
    ['x one', 'value: x one'],
    ['x 1 2 3', 'value: x 1 2 3'],
    ['x 1 1.5', 'timestamp: x 1 1.5'],
    ['x{a="1" 2', 'labels: x{a="1" 2'],
  ])('is refused, and the next one read: %s', ([line, fault]) => {
    expect(read(`${line}\nok 1\n`)).toMatchObject({ samples: [{ series: 'ok', value: 1 }], faults: [fault] })
  })
})

describe('a sample in OpenMetrics', () => {
  test.for<readonly [string, Read]>([
    ['x_total 5 1700000000.123', { series: 'x_total', value: 5, timeMs: 1_700_000_000_123 }],
    [
      'x_bucket{le="0.1",a=" # {"} 8 # {trace_id="ab"} 0.067 1520879607.789',
      { series: 'x_bucket{le="0.1",a=" # {"}', value: 8, exemplar: { labels: new Map([['trace_id', 'ab']]), value: 0.067, timeMs: 1_520_879_607_789 } },
    ],
    ['x_total 5 # {} 1', { series: 'x_total', value: 5, exemplar: { labels: new Map(), value: 1, timeMs: undefined } }],
  ])('is read: %s', ([line, sample]) => {
    expect(read(`${line}\n# EOF\n`, 'openmetrics')).toMatchObject({ samples: [sample], faults: [], hasEnded: true })
  })

  test.for([
    ['x 1 # {a="b"} y', 'exemplar: x 1 # {a="b"} y'],
    ['x 1 # {a=b} 1', 'exemplar: x 1 # {a=b} 1'],
    ['x 1 now', 'timestamp: x 1 now'],
  ])('is refused: %s', ([line, fault]) => {
    expect(read(line as string, 'openmetrics').faults).toEqual([fault])
  })

  test('is nothing any more behind the end', () => {
    expect(read('a 1\n# EOF\nb 2\n', 'openmetrics').samples).toEqual([{ series: 'a', value: 1 }])
  })
})

test('metadata is read, other comments are not', () => {
  const { metadata, faults } = read('# HELP a One\\ntwo \\\\ "q".\n# TYPE a counter\n# a comment\n#TYPE b\n# TYPE\n# UNIT a_seconds seconds\n')
  expect(metadata).toEqual([
    ['HELP', 'a', 'One\ntwo \\ "q".'],
    ['TYPE', 'a', 'counter'],
    ['UNIT', 'a_seconds', 'seconds'],
  ])
  expect(faults).toEqual(['metadata: # TYPE'])
})

describe('a series', () => {
  test.for<readonly [string, string, Readonly<Record<string, string>>]>([
    ['a{b="c",d="e",}', 'a', { b: 'c', d: 'e' }],
    ['a{ b = "c" , d="" }', 'a', { b: 'c' }],
    ['a{b="x\\"y\\\\z\\nw\\q"}', 'a', { b: 'x"y\\z\nw\\q' }],
    ['{"a.b",c="d"}', 'a.b', { c: 'd' }],
    ['a{"b.c"="d"}', 'a', { 'b.c': 'd' }],
  ])('has a name and labels: %s', ([text, name, labels]) => {
    const found = parseSeries(text)
    expect(typeof found === 'string' ? found : { name: found.name, labels: Object.fromEntries(found.labels) }).toEqual({ name, labels })
  })

  test.for([
    ['1a', 'name'],
    ['a-b{c="d"}', 'name'],
    ['{a="b"}', 'name'],
    ['a{b}', 'labels'],
    ['a{1b="c"}', 'labels'],
    ['a{b="c" d="e"}', 'labels'],
    ['a{b="c"}x', 'labels'],
    ['a{b="c",b="d"}', 'duplicate_label'],
    ['a{b="",b="d"}', 'duplicate_label'],
  ])('is refused: %s', ([text, fault]) => {
    expect(parseSeries(text as string)).toBe(fault)
  })
})

const anyName = fc.stringMatching(/^[a-z_:][a-z0-9_:]{0,8}$/)
const anyLabels = fc.uniqueArray(fc.tuple(fc.stringMatching(/^[a-z_][a-z0-9_]{0,6}$/), fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 })), {
  selector: ([name]) => name,
  maxLength: 5,
})
const anyTime = fc.option(fc.integer({ min: -(2 ** 40), max: 2 ** 50 }), { nil: undefined })
const anySample = fc.record({ name: anyName, labels: anyLabels, value: fc.double(), timeMs: anyTime })

function printed({ name, labels, value, timeMs }: { name: string; labels: [string, string][]; value: number; timeMs: number | undefined }): string {
  const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
  const inside = labels.map(([key, text]) => `${key}="${escaped(text)}"`).join(',')
  const number = Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
  return `${name}{${inside}} ${Object.is(value, -0) ? '-0' : number}${timeMs === undefined ? '' : ` ${timeMs}`}`
}

describe('any page', () => {
  test('that is printed is read as it was', () => {
    fc.assert(
      fc.property(fc.array(anySample, { maxLength: 10 }), (samples) => {
        const found = read(samples.map((sample) => `${printed(sample)}\n`).join(''))
        expect(found.faults).toEqual([])
        expect(
          found.samples.map(({ series, value, timeMs }) => {
            const parsed = parseSeries(series)
            return typeof parsed === 'string' ? parsed : { name: parsed.name, labels: [...parsed.labels], value, timeMs }
          }),
        ).toEqual(samples)
      }),
    )
  })

  test('of any bytes in any pieces never throws, and tells the same as in one piece', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary-ascii', maxLength: 6 }),
      fc.constantFrom('é', '😀', '\u2028', '{', '}', '"', '\\', ' # {', '\n', '# TYPE a ', ' 1', 'a{b="c"} '),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), fc.constantFrom<PageFormat>('text', 'openmetrics'), fc.nat(), (pieces, format, cut) => {
        const bytes = Buffer.from(pieces.join(''))
        const whole = collect()
        new PageParser(whole.sink, format).push(bytes.toString())
        const parts = collect()
        const [lines, parser] = [new LineDecoder(), new PageParser(parts.sink, format)]
        const at = cut % (bytes.length + 1)
        for (const part of [bytes.subarray(0, at), bytes.subarray(at)]) parser.push(lines.push(part))
        parser.push(lines.end())
        expect([parts.samples, parts.metadata, parts.faults]).toEqual([whole.samples, whole.metadata, whole.faults])
        for (const { series } of whole.samples) parseSeries(series)
      }),
    )
  })
})
