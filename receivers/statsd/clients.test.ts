import { expect, test } from 'vitest'
import { Clients, mergeClients } from './clients.ts'

function count(clients: Clients, address: string, lines: number): void {
  const client = clients.of(address)
  client.packets++
  client.lines += lines
  client.lastSeenMs = lines
}

test('counts by address, and those without room together', () => {
  const clients = new Clients(2)
  for (const [address, lines] of [
    ['a', 1],
    ['b', 5],
    ['c', 2],
    ['d', 3],
    ['b', 5],
    ['', 1],
  ] as const)
    count(clients, address, lines)
  expect(clients.top(10).map(({ address, lines }) => [address, lines])).toEqual([
    ['b', 10],
    ['a', 1],
    ['(others)', 6],
  ])
})

test('shows the first ones and adds up the rest', () => {
  const clients = new Clients()
  for (const [address, lines] of [
    ['', 7],
    ['b', 5],
    ['c', 2],
  ] as const)
    count(clients, address, lines)
  expect(clients.top(1).map(({ address, lines, packets }) => [address, lines, packets])).toEqual([
    ['(unix)', 7, 1],
    ['(others)', 7, 2],
  ])
})

test('adds up what workers say', () => {
  const [one, other] = [new Clients(), new Clients()]
  count(one, 'a', 1)
  count(other, 'a', 2)
  count(other, 'b', 9)
  expect(mergeClients([one.top(5), other.top(5)], 5)).toEqual([
    { address: 'b', packets: 1, lines: 9, rejected: 0, bytes: 0, lastSeenMs: 9 },
    { address: 'a', packets: 2, lines: 3, rejected: 0, bytes: 0, lastSeenMs: 2 },
  ])
  expect(mergeClients([one.top(5), other.top(0)], 1).map(({ address, lines }) => [address, lines])).toEqual([
    ['a', 1],
    ['(others)', 11],
  ])
})
