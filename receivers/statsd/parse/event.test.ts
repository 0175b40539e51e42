import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { isEvent, parseEvent } from './event.ts'
import { isServiceCheck, parseServiceCheck } from './service_check.ts'

const NOWHERE = { containerId: '', inode: '', externalData: '', cardinality: '' }

function event(line: string): ReturnType<typeof parseEvent> {
  const bytes = Buffer.from(line)
  return parseEvent(bytes, 0, bytes.length)
}

function check(line: string): ReturnType<typeof parseServiceCheck> {
  const bytes = Buffer.from(line)
  return parseServiceCheck(bytes, 0, bytes.length)
}

test('reads an event with every field', () => {
  const line =
    '_e{9,13}:Deploy é|two\\nlines ok|d:1656581400|h:web-1|k:deploys|p:low|s:ci|t:success|#env:prod,blue,url:http://x|c:ci-abc,in-77|e:it-false,cn-web|card:low'
  expect(event(line)).toEqual({
    title: 'Deploy é',
    text: 'two\nlines ok',
    timestampS: 1656581400,
    host: 'web-1',
    aggregationKey: 'deploys',
    priority: 'low',
    source: 'ci',
    alert: 'success',
    tags: [
      ['env', 'prod'],
      ['blue', undefined],
      ['url', 'http://x'],
    ],
    origin: { containerId: 'abc', inode: '', externalData: 'it-false,cn-web', cardinality: 'low' },
  })
})

test('passes over fields of an event that make no sense', () => {
  expect(event('_e{5,4}:title|text|p:urgent|t:test|d:abc|zzz||q:1|#')).toEqual({
    title: 'title',
    text: 'text',
    timestampS: 0,
    host: '',
    aggregationKey: '',
    priority: 'normal',
    source: '',
    alert: 'info',
    tags: [],
    origin: NOWHERE,
  })
})

test.for([
  '_e{0,4}:|text',
  '_e{5,5}:title|text',
  '_e{5,3}:title|text',
  '_e{5,4}title|text',
  '_e{5}:title|text',
  '_e{-5,4}:title|text',
  '_e{5,4:title|text',
  '_e',
  '_e{,}:|',
  '_e{99999999999999999999,1}:a|b',
  '_e{1,1}:a',
])('takes %s for no event', (line) => {
  expect(event(line)).toBeUndefined()
})

test('reads a service check with every field', () => {
  expect(check('_sc|Redis connection|2|d:1656581400|h:web-1|#env:prod|m:timed out\\nafter 3s, m\\:1|c:in-77')).toEqual({
    name: 'Redis connection',
    status: 'critical',
    timestampS: 1656581400,
    host: 'web-1',
    message: 'timed out\nafter 3s, m:1',
    tags: [['env', 'prod']],
    origin: { ...NOWHERE, inode: '77' },
  })
})

test.for(['_sc|a', '_sc|a|', '_sc|a|4', '_sc|a|00', '_sc||0', '_sc|a|x', '_sc'])('takes %s for no service check', (line) => {
  expect(check(line)).toBeUndefined()
})

test('never throws on any bytes, and says beforehand what it will find', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc
      .string({
        unit: fc.constantFrom('_e{', '_sc|', '0', '1', '5', ',', '}', ':', '|', 'd:', 'h:', '#', 'c:', 'in-', 'm:', 'text', 'é', '\\n'),
        maxLength: 20,
      })
      .map((text) => Buffer.from(text)),
  )
  fc.assert(
    fc.property(bytes, (line) => {
      expect(parseEvent(line, 0, line.length) !== undefined).toBe(isEvent(line, 0, line.length))
      expect(parseServiceCheck(line, 0, line.length) !== undefined).toBe(isServiceCheck(line, 0, line.length))
    }),
    { numRuns: 1000 },
  )
})

test('reads back any event that is printed', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 }).filter((one) => !one.includes('\\n'))
  fc.assert(
    fc.property(
      text.filter((one) => one !== ''),
      text,
      (title, body) => {
        const line = `_e{${Buffer.byteLength(title)},${Buffer.byteLength(body)}}:${title}|${body}|t:error`
        expect(event(line)).toMatchObject({ title, text: body, alert: 'error' })
      },
    ),
  )
})
