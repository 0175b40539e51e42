import { expect, test } from 'vitest'
import { LinkHub } from './links.ts'

function hub(fails = false) {
  const calls: string[] = []
  const errors: string[] = []
  const links = new LinkHub(
    (key) =>
      key === 'absent'
        ? undefined
        : {
            receive: (message: unknown, { life }) => {
              if (fails) throw new Error('bad message')
              calls.push(`${key} ${String(message)} ${life}`)
            },
            gone: ({ life }) => void calls.push(`${key} gone ${life}`),
          },
    (key, error) => errors.push(`${key}: ${(error as Error).message}`),
  )
  return { links, calls, errors }
}

test('main halves get messages in order, and hear once that a sender has ended', () => {
  const { links, calls } = hub()
  links.deliver('a', 1, { worker: 0, life: 1 })
  links.deliver('a', 2, { worker: 0, life: 1 })
  links.deliver('b', 3, { worker: 0, life: 1 })
  links.deliver('a', 4, { worker: 0, life: 2 })
  links.gone('b', { worker: 0, life: 1 })
  links.allGone({ worker: 0, life: 1 })
  links.allGone({ worker: 0, life: 1 })
  expect(calls).toEqual(['a 1 1', 'a 2 1', 'b 3 1', 'a 4 2', 'b gone 1', 'a gone 1'])
})

test('a main half that is not there, or fails, harms nobody', () => {
  const { links, calls, errors } = hub(true)
  links.deliver('absent', 1, { worker: 0, life: 1 })
  links.deliver('a', 1, { worker: 0, life: 1 })
  links.allGone({ worker: 0, life: 1 })
  expect(errors).toEqual(['a: bad message'])
  expect(calls).toEqual(['a gone 1'])
})
