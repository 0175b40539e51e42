import { expect, test } from 'vitest'
import { type ByteMessage, ByteReceiver, ByteSender, type ReceivedBytes } from './byte_link.ts'

const ORIGIN = { worker: 0, life: 1 }

/** Both sides joined by a function call, as without ingest workers. */
function joined(outstandingBytesMax: number): { readonly sender: ByteSender; readonly receiver: ByteReceiver; readonly received: ReceivedBytes[] } {
  const receiver = new ByteReceiver()
  const received: ReceivedBytes[] = []
  const send = (message: ByteMessage): void => {
    const bytes = receiver.receive(message, ORIGIN)
    if (bytes !== undefined) received.push(bytes)
  }
  return { sender: new ByteSender({ worker: 0, send }, outstandingBytesMax), receiver, received }
}

test('never has more than the limit under way, and goes on when some is done', () => {
  const { sender, received } = joined(10)
  expect([sender.send(new Uint8Array(6), 2), sender.send(new Uint8Array(5), 1), sender.send(new Uint8Array(4), 1)]).toEqual([true, false, true])
  expect(sender.isFull).toBe(true)
  received[0]?.done()
  expect(sender.isFull).toBe(false)
  expect(sender.send(new Uint8Array(6), 3)).toBe(true)
  expect(received.map(({ bytes, items }) => [bytes.length, items])).toEqual([
    [6, 2],
    [4, 1],
    [6, 3],
  ])
})

test('lets one message through that is larger than the limit by itself', () => {
  const { sender } = joined(10)
  expect([sender.send(new Uint8Array(50), 1), sender.send(new Uint8Array(1), 1)]).toEqual([true, false])
})

test('can finish what a gone ingest half has sent', () => {
  const { sender, receiver, received } = joined(10)
  sender.send(new Uint8Array(10), 1)
  receiver.gone(ORIGIN)
  received[0]?.done()
  expect(sender.isFull).toBe(false)
})
