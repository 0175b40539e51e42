import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ProtobufWriter } from '../lib/protobuf/writer.ts'
import { decodeNode } from './node.ts'
import { decodeStruct, objectOf, textOf } from './struct.ts'

/** A Value in bytes. */
function value(write: (writer: ProtobufWriter) => void): Uint8Array {
  const writer = new ProtobufWriter()
  write(writer)
  return writer.finish()
}

function struct(fields: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const writer = new ProtobufWriter()
  for (const [key, bytes] of fields) writer.message(1, () => void writer.string(1, key).bytes(2, bytes))
  return writer.finish()
}

const text = (content: string): Uint8Array => value((writer) => void writer.string(3, content))

test('reads every kind of value', () => {
  const list = value(
    (writer) =>
      void writer.bytes(1, text('a')).bytes(
        1,
        value((item) => void item.double(2, 2)),
      ),
  )
  const bytes = struct([
    ['text', text('x')],
    ['number', value((writer) => void writer.double(2, 15021))],
    ['yes', value((writer) => void writer.bool(4, true))],
    ['null', value((writer) => void writer.varint(1, 0))],
    ['object', value((writer) => void writer.bytes(5, struct([['app', text('reviews')]])))],
    ['list', value((writer) => void writer.bytes(6, list))],
    ['text', text('last one counts')],
  ])
  const decoded = decodeStruct(bytes)
  expect({ ...decoded, object: { ...objectOf(decoded, 'object') } }).toEqual({
    text: 'last one counts',
    number: 15021,
    yes: true,
    null: null,
    object: { app: 'reviews' },
    list: ['a', 2],
  })
  expect([textOf(decoded, 'text'), textOf(decoded, 'number'), textOf(decoded, 'missing'), objectOf(decoded, 'text')]).toEqual([
    'last one counts',
    '',
    '',
    undefined,
  ])
})

test('no key is special', () => {
  const decoded = decodeStruct(struct([['__proto__', text('x')]]))
  expect(Object.keys(decoded)).toEqual(['__proto__'])
  expect(textOf(decoded, 'constructor')).toBe('')
})

test('nesting has an end', () => {
  let deep = text('bottom')
  for (let i = 0; i < 200; i++) {
    const inner = deep
    deep = value((writer) => void writer.bytes(5, struct([['k', inner]])))
  }
  expect(JSON.stringify(decodeStruct(struct([['top', deep]])))).toContain('null')
})

test('reads who a proxy is', () => {
  const writer = new ProtobufWriter()
    .string(1, 'sidecar~10.0.0.1~a.b~c')
    .string(2, 'a.b')
    .bytes(3, struct([['ISTIO_VERSION', text('1.29.0')]]))
  writer.message(4, () => void writer.string(1, 'eu').string(2, 'eu-a')).string(6, 'envoy')
  writer.message(8, () => void writer.message(1, () => void writer.varint(1, 1).varint(2, 40)))
  const node = decodeNode(writer.finish())
  expect({ ...node, metadata: { ...node.metadata } }).toEqual({
    id: 'sidecar~10.0.0.1~a.b~c',
    cluster: 'a.b',
    metadata: { ISTIO_VERSION: '1.29.0' },
    region: 'eu',
    zone: 'eu-a',
    envoyVersion: 1040,
  })
})

test('reads the version of old releases from text', () => {
  expect(decodeNode(new ProtobufWriter().string(7, 'v1.13.4-dev').finish()).envoyVersion).toBe(1013)
  expect(decodeNode(new ProtobufWriter().string(7, 'unknown').finish()).envoyVersion).toBe(0)
})

test('never throws on any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(typeof decodeNode(bytes).id).toBe('string')
      expect(typeof decodeStruct(bytes)).toBe('object')
    }),
  )
})
