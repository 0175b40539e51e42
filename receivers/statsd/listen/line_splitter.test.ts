import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LineSplitter } from './line_splitter.ts'
import type { ListenFault, PacketSink } from './listener.ts'

class Collected implements PacketSink {
  readonly lines: string[] = []
  readonly tooLongs: string[] = []
  readonly faults: ListenFault[] = []

  packet(bytes: Uint8Array): void {
    this.lines.push(
      ...new TextDecoder('latin1')
        .decode(bytes)
        .split('\n')
        .filter((line) => line !== ''),
    )
  }

  tooLong(start: Uint8Array): void {
    this.tooLongs.push(new TextDecoder('latin1').decode(start.subarray(0, 4)))
    this.lines.push('(too long)')
  }

  fault(fault: ListenFault): void {
    this.faults.push(fault)
  }
}

function split(pieces: readonly Uint8Array[], { lineBytesMax = 64, mayHaveFrames = false } = {}): Collected & { isOpen?: boolean } {
  const sink = new Collected()
  const splitter = new LineSplitter('1.2.3.4', { lineBytesMax, mayHaveFrames }, sink)
  for (const piece of pieces) if (!splitter.push(piece)) break
  splitter.end()
  return sink
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')
function frame(text: string): Uint8Array {
  const framed = Buffer.alloc(text.length + 4)
  framed.writeUInt32LE(text.length)
  framed.write(text, 4, 'latin1')
  return framed
}
/** Cuts bytes at some places. */
function cut(all: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map((place) => place % (all.length + 1)))].sort((a, b) => a - b)
  return [0, ...at].map((from, i) => all.subarray(from, at[i] ?? all.length))
}

describe('lines', () => {
  test.for([
    { name: 'one without an end', text: 'a:1|c', lines: ['a:1|c'] },
    { name: 'several', text: 'a:1|c\nb:2|c\n', lines: ['a:1|c', 'b:2|c'] },
    { name: 'empty ones', text: '\n\na:1|c\n\n', lines: ['a:1|c'] },
    { name: 'one that is too long', text: `a\n${'x'.repeat(70)}\nb`, lines: ['a', '(too long)', 'b'] },
    { name: 'one that is too long at the end', text: `a\n${'x'.repeat(70)}`, lines: ['a', '(too long)'] },
    { name: 'only one that is too long', text: `${'x'.repeat(1000)}\n`, lines: ['(too long)'] },
    { name: 'the longest', text: `${'x'.repeat(63)}\n${'y'.repeat(63)}\n`, lines: ['x'.repeat(63), 'y'.repeat(63)] },
    { name: 'one of two bytes', text: 'a\n', lines: ['a'] },
  ])('come out the same wherever the pieces end: $name', ({ text, lines }) => {
    fc.assert(
      fc.property(fc.array(fc.nat()), fc.boolean(), (places, mayHaveFrames) => {
        expect(split(cut(bytes(text), places), { mayHaveFrames }).lines).toEqual(lines)
      }),
      { numRuns: 50 },
    )
  })

  test('of any bytes are handed on, each once, whatever the pieces', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.array(fc.nat()), (all, places) => {
        const whole = new TextDecoder('latin1')
          .decode(all)
          .split('\n')
          .filter((line) => line !== '')
        expect(split(cut(all, places), { lineBytesMax: 1000 }).lines).toEqual(whole)
      }),
    )
  })
})

describe('frames', () => {
  test('are told from lines, and come out the same wherever the pieces end', () => {
    const all = Buffer.concat([frame('a:1|c\nb:2|c'), frame(''), frame('c:3|c'), frame('x'.repeat(300))])
    fc.assert(
      fc.property(fc.array(fc.nat()), (places) => {
        expect(split(cut(all, places), { mayHaveFrames: true, lineBytesMax: 256 }).lines).toEqual(['a:1|c', 'b:2|c', 'c:3|c', '(too long)'])
      }),
    )
  })

  test('of ten bytes do not begin a line', () => {
    expect(split([frame('abcd:10|ms')], { mayHaveFrames: true }).lines).toEqual(['abcd:10|ms'])
  })

  test('that are cut, or longer than they may be, are counted', () => {
    const sink = split([frame('a:1|c'), frame('b:2|c').subarray(0, 6)], { mayHaveFrames: true })
    expect([sink.lines, sink.faults]).toEqual([['a:1|c'], ['cut_frame']])
    const long = split([frame('a:1|c'), Uint8Array.of(0, 0, 0x20, 0, 1), frame('c:1|c')], { mayHaveFrames: true })
    expect([long.lines, long.faults]).toEqual([['a:1|c'], ['frame_too_long']])
  })

  test('never do harm, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), (pieces) => {
        const sink = split(pieces, { mayHaveFrames: true })
        const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
        expect(sink.lines.join('').length).toBeLessThanOrEqual(length + sink.tooLongs.length * 10)
      }),
    )
  })
})
