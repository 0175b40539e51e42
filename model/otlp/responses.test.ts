import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ProtobufWriter } from '../../lib/protobuf/writer.ts'
import { otlpRoot } from '../../test/fakes/otlp_descriptors.ts'
import { decodeExportResponse, decodeStatus, encodeExportResponse, encodeStatus } from './responses.ts'

describe('an answer of success', () => {
  test.for([
    { name: 'nothing', partial: undefined },
    { name: 'what was rejected', partial: { rejected: 300, errorMessage: 'too old' } },
    { name: 'a warning', partial: { rejected: 0, errorMessage: 'soon no more' } },
  ])('with $name is read by us and by protobufjs', ({ partial }) => {
    const bytes = encodeExportResponse(partial)
    const { partialSuccess } = otlpRoot.lookupType('ExportResponse').decode(bytes).toJSON() as { partialSuccess?: { rejected?: string; errorMessage?: string } }
    expect(decodeExportResponse(bytes)).toEqual(partial)
    expect([Number(partialSuccess?.rejected ?? 0), partialSuccess?.errorMessage]).toEqual([partial?.rejected ?? 0, partial?.errorMessage])
  })

  test.for([
    { name: 'an empty partial success', bytes: new ProtobufWriter().open(1).close().finish() },
    { name: 'a negative number', bytes: new ProtobufWriter().open(1).varint(1, -5).close().finish() },
    { name: 'a partial success that is a number', bytes: new ProtobufWriter().varint(1, 5).finish() },
  ])('with $name says nothing', ({ bytes }) => {
    expect(decodeExportResponse(bytes)).toBeUndefined()
  })
})

describe('a status', () => {
  test.for([
    { name: 'a code', status: { code: 14, message: '' } },
    { name: 'a reason', status: { code: 3, message: 'byte 7: no' } },
    { name: 'a delay', status: { code: 8, message: 'full', retryAfterMs: 1500 } },
    { name: 'no delay at all', status: { code: 8, message: 'full', retryAfterMs: 0 } },
  ])('with $name is read by us and by protobufjs', ({ status }) => {
    const bytes = encodeStatus(status)
    expect(decodeStatus(bytes)).toEqual(status)
    const read = otlpRoot.lookupType('Status_').decode(bytes) as unknown as { code: number; message: string; details: { typeUrl: string; value: Uint8Array }[] }
    expect([read.code, read.message, read.details.length]).toEqual([status.code, status.message, status.retryAfterMs === undefined ? 0 : 1])
  })

  test('takes the delay of protobufjs from among other details', () => {
    const Any = otlpRoot.lookupType('Any')
    const delay = otlpRoot
      .lookupType('RetryInfo')
      .encode({ retryDelay: { seconds: 2, nanos: 250_000_000 } })
      .finish()
    const details = [
      Any.create({ typeUrl: 'type.googleapis.com/google.rpc.DebugInfo', value: Uint8Array.of(1, 2) }),
      Any.create({ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value: delay }),
    ]
    expect(decodeStatus(otlpRoot.lookupType('Status_').encode({ code: 14, details }).finish())).toEqual({ code: 14, message: '', retryAfterMs: 2250 })
  })
})

test('whatever bytes a server answers, nothing throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const partial = decodeExportResponse(bytes)
      const status = decodeStatus(bytes)
      expect([typeof (partial?.rejected ?? 0), typeof status.code, typeof (status.retryAfterMs ?? 0)]).toEqual(['number', 'number', 'number'])
    }),
  )
})
