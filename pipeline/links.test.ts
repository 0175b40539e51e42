import { expect, test } from 'vitest'
import type { IngestPeer } from '../component/link.ts'
import { type IngestThread, type LinkEnds, LinkHub } from './links.ts'

function hub(fails = false) {
  const calls: string[] = []
  const errors: string[] = []
  const peers: IngestPeer[] = []
  const links = new LinkHub(
    (key) =>
      key === 'absent'
        ? undefined
        : {
            receive: (message: unknown, peer) => {
              if (fails) throw new Error('bad message')
              calls.push(`${key} ${String(message)} ${peer.life}`)
              peers.push(peer)
            },
            gone: ({ life }) => void calls.push(`${key} gone ${life}`),
          },
    (key, error) => errors.push(`${key}: ${(error as Error).message}`),
  )
  return { links, calls, errors, peers }
}

const ends = (main: string, half = `${main}/logs`): LinkEnds => ({ main, half })

function thread(life: number): IngestThread & { readonly posted: string[] } {
  const posted: string[] = []
  return { worker: 0, life, posted, post: (half, message) => void posted.push(`${half} ${String(message)}`) }
}

test('main halves get messages in order, and hear once that a sender has ended', () => {
  const { links, calls } = hub()
  links.deliver(ends('a'), 1, thread(1))
  links.deliver(ends('a'), 2, thread(1))
  links.deliver(ends('b'), 3, thread(1))
  links.deliver(ends('a'), 4, thread(2))
  links.gone(ends('b'), { worker: 0, life: 1 })
  links.gone(ends('b'), { worker: 0, life: 1 })
  links.allGone({ worker: 0, life: 1 })
  links.allGone({ worker: 0, life: 1 })
  expect(calls).toEqual(['a 1 1', 'a 2 1', 'b 3 1', 'a 4 2', 'b gone 1', 'a gone 1'])
})

test('a main half with several ingest halves in a worker hears of the end of the last one', () => {
  const { links, calls } = hub()
  for (const half of ['a/logs', 'a/metrics']) links.deliver(ends('a', half), half, thread(1))
  links.gone(ends('a', 'a/logs'), { worker: 0, life: 1 })
  expect(calls).toEqual(['a a/logs 1', 'a a/metrics 1'])
  links.gone(ends('a', 'a/metrics'), { worker: 0, life: 1 })
  expect(calls).toEqual(['a a/logs 1', 'a a/metrics 1', 'a gone 1'])
})

test('what a main half sends reaches the ingest half that wrote, until that is gone', () => {
  const { links, peers } = hub()
  const [first, second] = [thread(1), thread(2)]
  links.deliver(ends('a', 'a/logs'), 1, first)
  links.deliver(ends('a', 'a/metrics'), 2, first)
  links.deliver(ends('a', 'a/logs'), 3, second)
  for (const peer of peers) peer.send('x')
  links.gone(ends('a', 'a/logs'), first)
  for (const peer of peers) peer.send('y')
  links.allGone(first)
  for (const peer of peers) peer.send('z')
  expect(first.posted).toEqual(['a/logs x', 'a/metrics x', 'a/metrics y'])
  expect(second.posted).toEqual(['a/logs x', 'a/logs y', 'a/logs z'])
})

test('an ingest half that comes again has another peer', () => {
  const { links, peers } = hub()
  const to = thread(1)
  links.deliver(ends('a'), 1, to)
  links.deliver(ends('a'), 2, to)
  expect(peers[1]).toBe(peers[0])
  links.gone(ends('a'), to)
  links.deliver(ends('a'), 3, to)
  peers[0]?.send('old')
  peers[2]?.send('new')
  expect(to.posted).toEqual(['a/logs new'])
})

test('a main half that is not there, or fails, harms nobody', () => {
  const { links, calls, errors } = hub(true)
  links.deliver(ends('absent'), 1, thread(1))
  links.deliver(ends('a'), 1, thread(1))
  links.allGone({ worker: 0, life: 1 })
  expect(errors).toEqual(['a: bad message'])
  expect(calls).toEqual(['a gone 1'])
})
