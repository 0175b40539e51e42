import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { KnownLines, SLACK_BYTES } from './known_lines.ts'
import { LineParser } from './parse/line_parser.ts'
import type { Sample, SampleSink } from './sample.ts'

/** Remembers every line that can be, with an entry of its own, and says which ones were found. */
class Setup implements SampleSink {
  readonly lines: KnownLines
  source = 0
  #view = new DataView(new ArrayBuffer(SLACK_BYTES))
  #entries = 0
  #found: string[] = []

  constructor(bytesMax = 1 << 20) {
    this.lines = new KnownLines(bytesMax)
  }

  /** Takes a packet; `entry=value*weight` of the lines that were found. */
  packet(text: string): string[] {
    this.#found = []
    // What stands behind the packet is of an earlier one.
    const bytes = Uint8Array.from(Buffer.from(`${text}\n7:8|c\na:1|c|#k:v\n`))
    this.#view = new DataView(bytes.buffer)
    new LineParser('lenient').parsePacket(bytes, 0, Buffer.byteLength(text), this)
    return this.#found
  }

  known(start: number, end: number): number {
    const line = this.lines.find(this.#view, start, end)
    if (line === 0) return -1
    this.#found.push(`${this.lines.entryOf(line)}=${this.lines.value}*${this.lines.weightOf(line)}`)
    return this.lines.end
  }

  sample(sample: Sample): void {
    const entry = ++this.#entries
    if (sample.isPlain && sample.timestampS === 0) this.lines.remember(sample, this.#view, { source: this.source, entry })
  }

  event(): void {}
  serviceCheck(): void {}
  rejected(): void {}
  accepted(): void {}
}

test.for([
  { name: 'a line with another number', known: 'a.b:1|c', line: 'a.b:25|c', found: ['1=25*1'] },
  { name: 'a number with a point', known: 'a:1|ms', line: 'a:0.125|ms', found: ['1=0.125*1'] },
  { name: 'a point at the end, one at the start', known: 'a:1|ms', line: 'a:5.|ms\na:.5|ms', found: ['1=5*1', '1=0.5*1'] },
  { name: 'fifteen digits', known: 'a:1|c', line: 'a:123456789012345|c\na:0.12345678901234|c', found: ['1=123456789012345*1', '1=0.12345678901234*1'] },
  { name: 'a rate', known: 'a:1|c|@0.1|#k:v', line: 'a:3|c|@0.1|#k:v', found: ['1=3*10'] },
  { name: 'a gauge with a rate, which means nothing', known: 'a:1|g|@0.1', line: 'a:3|g|@0.1', found: ['1=3*1'] },
  { name: 'a container id', known: 'a:1|c|#k:v|c:ci-1', line: 'a:2|c|#k:v|c:ci-1', found: ['1=2*1'] },
  {
    name: 'the lines of a packet, in any order',
    known: 'a:1|c\nb:1|c\nlong.name:1|ms|#k:v',
    line: 'long.name:2|ms|#k:v\nb:3|c\n\na:4|c\n',
    found: ['3=2*1', '2=3*1', '1=4*1'],
  },
  { name: 'a line after one that is not known', known: 'a:1|c\nb:1|c', line: 'a:2|c\nx:1|c\nb:3|c', found: ['1=2*1', '2=3*1'] },
])('finds $name', ({ known, line, found }) => {
  const setup = new Setup()
  expect(setup.packet(known)).toEqual([])
  expect(setup.packet(line)).toEqual(found)
})

test.for([
  { name: 'a sign', known: 'a:1|g', line: 'a:-1|g\na:+1|g' },
  { name: 'an exponent', known: 'a:1|c', line: 'a:1e2|c' },
  { name: 'sixteen digits', known: 'a:1|c', line: 'a:1234567890123456|c' },
  { name: 'two points', known: 'a:1|c', line: 'a:1.2.3|c' },
  { name: 'no digit', known: 'a:1|c', line: 'a:|c\na:.|c' },
  { name: 'several numbers', known: 'a:1|c', line: 'a:1:2|c' },
  { name: 'another head', known: 'a.b.c:1|c', line: 'a.b.d:1|c\na.b:1|c\na.b.c.d:1|c\n:1|c\n.b.c:1|c' },
  { name: 'another tail', known: 'a:1|c|#k:v', line: 'a:1|c|#k:w\na:1|c\na:1|c|#k:vw\na:1|c|#k:\na:1|ms|#k:v' },
  { name: 'a CR', known: 'a:1|c', line: 'a:1|c\r' },
  { name: 'a head without more', known: 'a:1|c', line: 'a:' },
  { name: 'a line that goes on behind the packet', known: 'a\n7:8|c\na:1|c', line: 'a\na:1|' },
  { name: 'no plain line before', known: 'a:1|c|#flag\nb:x|s\nc:1|c|T1656581400', line: 'a:1|c|#flag\nb:x|s\nc:1|c|T1656581400' },
])('does not find $name', ({ known, line }) => {
  const setup = new Setup()
  setup.packet(known)
  expect(setup.packet(line)).toEqual([])
})

test('lines that are alike are told apart by their source', () => {
  const setup = new Setup()
  for (const source of [1, -5]) {
    setup.source = source
    setup.lines.lookFor(source, source)
    setup.packet('a:1|c')
  }
  expect(setup.packet('a:2|c')).toEqual(['2=2*1'])
  setup.lines.lookFor(1, -7)
  expect(setup.packet('a:2|c')).toEqual(['1=2*1'])
  setup.lines.lookFor(3, -5)
  expect(setup.packet('a:2|c')).toEqual(['2=2*1'])
  setup.lines.lookFor(3, 4)
  expect(setup.packet('a:2|c')).toEqual([])
})

test('lines that share their tail, or seem to, keep their own', () => {
  const setup = new Setup()
  const tails = ['c', 'c|@0.5', 'c|#k:v', 'c|#k:vw', 'ms|@0.25|#k:v', 'g|@0.5']
  const lines = tails.flatMap((tail) => ['a', 'bb', 'ccc', 'dddd', 'eeeee'].map((name) => `${name}:1|${tail}`))
  setup.packet(lines.join('\n'))
  const weights = [1, 2, 1, 1, 4, 1]
  expect(setup.packet(lines.join('\n'))).toEqual(lines.map((_, i) => `${i + 1}=1*${weights[Math.floor(i / 5)]}`))
})

test('nothing is found after a renewal', () => {
  const setup = new Setup()
  setup.packet('a:1|c\nb:1|c')
  setup.lines.renew()
  expect(setup.lines.size).toBe(0)
  expect(setup.packet('a:2|c\nb:2|c')).toEqual([])
  expect(setup.packet('b:3|c\na:3|c')).toEqual(['4=3*1', '3=3*1'])
})

test('a line whose parts are too long is not remembered', () => {
  const setup = new Setup()
  for (const line of [`${'n'.repeat(2000)}:1|c`, `a:1|c|#k:${'v'.repeat(2000)}`]) {
    setup.packet(line)
    expect(setup.packet(line)).toEqual([])
  }
  expect(setup.lines.size).toBe(0)
  const line = `${'n'.repeat(1000)}:1|c|#k:${'v'.repeat(1000)}`
  setup.packet(line)
  expect(setup.packet(line)).toEqual(['5=1*1'])
})

test('many lines are found in every order', () => {
  const setup = new Setup(1 << 22)
  const lines = Array.from({ length: 20_000 }, (_, i) => `app.requests.count${i % 5000}:1|c|#env:prod,service:s${Math.floor(i / 5000)}`)
  setup.packet(lines.join('\n'))
  // One whose place in the table is taken by too many others may be missing.
  for (const order of [lines, lines.toReversed(), lines]) expect(setup.packet(order.join('\n')).length).toBeGreaterThan(19_980)
})

test('lines of another kind do not keep it from knowing those that come later', () => {
  const setup = new Setup()
  setup.packet('a:1|c\n'.repeat(2))
  for (let i = 0; i < 50; i++) setup.packet('x:1|c|T1656581400\n'.repeat(30))
  expect(setup.packet('b:1|c\n'.repeat(100)).length).toBeGreaterThan(80)
  expect(setup.packet('a:2|c\nb:2|c\nb:x|s\na:2|c')).toHaveLength(3)
})

test('memory has a limit, and lines that do not come any more make room', () => {
  const setup = new Setup(1 << 13)
  const lines = (name: string, count: number): string => Array.from({ length: count }, (_, i) => `${name}.${i}:1|c`).join('\n')
  setup.packet(lines('old', 500))
  const { size } = setup.lines
  expect(size).toBeGreaterThan(100)
  expect(size).toBeLessThan(500)
  expect(setup.packet(lines('old', 500)).length).toBeGreaterThan(size - 20)
  for (let i = 0; i < 200; i++) setup.packet(lines('new', 100))
  expect(setup.packet(lines('new', 100))).toHaveLength(100)
  expect(setup.packet(lines('old', 100))).toHaveLength(0)
})

test('finds nothing but what was remembered, and never throws', () => {
  const piece = fc.constantFrom('a', 'bc.d', ':', ':', '1', '23', '.', '|c', '|ms', '|#k:v', '|@0.5', '\n', '\n', '\0', 'é')
  const withoutNumber = (line: string): string => line.replace(/:[\d.]+\|/, ':|')
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 40 }), { maxLength: 4 }), (packets) => {
      const setup = new Setup()
      const seen = new Set<string>()
      for (const pieces of packets) {
        let known = 0
        const lines = pieces.join('').split('\n')
        for (const line of lines) {
          if (seen.has(withoutNumber(line))) known++
          seen.add(withoutNumber(line))
        }
        expect(setup.packet(lines.join('\n')).length).toBeLessThanOrEqual(known)
      }
    }),
    { numRuns: 1000 },
  )
})
