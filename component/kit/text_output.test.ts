import { expect, test } from 'vitest'
import { FakeClock } from '../../test/fakes/clock.ts'
import { TextOutput, type WriteBytes } from './text_output.ts'

type Done = Parameters<WriteBytes>[3]

/** Keeps what is to be written until the test answers. */
class HeldWrites {
  readonly waiting: { readonly text: string; readonly done: Done }[] = []

  readonly write: WriteBytes = (_fd, bytes, offset, done) => {
    this.waiting.push({ text: Buffer.from(bytes.subarray(offset)).toString(), done })
  }

  /** Answers the oldest write, and tells what it was. */
  answer(written: number | NodeJS.ErrnoException): string {
    const { text, done } = this.waiting.shift() as { readonly text: string; readonly done: Done }
    if (typeof written === 'number') done(null, written)
    else done(written, 0)
    return text
  }
}

function outputOver(held: HeldWrites, clock = new FakeClock()): TextOutput {
  return new TextOutput(1, clock, held.write)
}

test('writes one text after the other, in as many steps as the system takes', async () => {
  const held = new HeldWrites()
  const output = outputOver(held)
  const done: string[] = []
  output.write(Buffer.from('first'), () => void done.push('first'))
  output.write(Buffer.from('second'), () => void done.push('second'))
  expect([held.answer(2), held.answer(3), held.answer(6)]).toEqual(['first', 'rst', 'second'])
  await output.idle()
  expect(done).toEqual(['first', 'second'])
  expect(output.queuedBytes).toBe(0)
})

test('waits while a pipe is full', () => {
  const held = new HeldWrites()
  const clock = new FakeClock()
  outputOver(held, clock).write(Buffer.from('text'), () => undefined)
  held.answer(Object.assign(new Error('EAGAIN'), { code: 'EAGAIN' }))
  expect(held.waiting).toHaveLength(0)
  clock.advance(20)
  expect(held.waiting.map(({ text }) => text)).toEqual(['text'])
})

test('tells of errors, goes on after them, and gives up what waits when it is closed', () => {
  const held = new HeldWrites()
  const output = outputOver(held)
  const outcomes: (string | undefined)[] = []
  for (const text of ['a', 'b', 'c']) output.write(Buffer.from(text), (error) => void outcomes.push(error?.message))
  held.answer(Object.assign(new Error('EPIPE'), { code: 'EPIPE' }))
  expect(outcomes).toEqual(['EPIPE'])
  output.close()
  expect(outcomes).toEqual(['EPIPE', 'the output is closed', 'the output is closed'])
  held.answer(1)
  expect(outcomes).toHaveLength(3)
  output.write(Buffer.from('d'), (error) => void outcomes.push(error?.message))
  expect(outcomes.at(-1)).toBe('the output is closed')
})
