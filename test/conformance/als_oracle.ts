import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'
import descriptor from 'protobufjs/ext/descriptor.js'

/**
 * The generic protobuf library as judge over the hand-written access-log decoder, with the schema in `protos/` or, where
 * the shared captures are, with the descriptors of a real Envoy.
 */
export interface AlsSchema {
  readonly message: protobuf.Type
  readonly httpEntry: protobuf.Type
  readonly tcpEntry: protobuf.Type
  readonly node: protobuf.Type
  readonly struct: protobuf.Type
  readonly any: protobuf.Type
}

/** A plain message with the field names of the .proto files. */
export type Plain = Record<string, unknown>

const SHARED = fileURLToPath(new URL('../../../shared/data/', import.meta.url))

/** Path of a file of the shared data; undefined when it is not there, so that a test can skip. */
export function sharedFile(path: string): string | undefined {
  return existsSync(SHARED + path) ? SHARED + path : undefined
}

/** The schema of `protos/envoy_als.proto`. */
export function ownSchema(): AlsSchema {
  const root = new protobuf.Root()
  root.loadSync(fileURLToPath(new URL('../../protos/envoy_als.proto', import.meta.url)), { keepCase: true })
  const of = (name: string) => root.lookupType(`meshscope.envoy.${name}`)
  return withTypes(root, of('StreamAccessLogsMessage'), of('HTTPAccessLogEntry'), of('TCPAccessLogEntry'), of('Node'))
}

/** The schema that a real Envoy carries in its binary; undefined where the captures are not available. */
export function envoySchema(): AlsSchema | undefined {
  const path = sharedFile('envoy-capture/als-1.40.fds')
  if (path === undefined) return undefined
  const set = descriptor.FileDescriptorSet.decode(readFileSync(path))
  const root = (protobuf.Root as unknown as { fromDescriptor(set: unknown): protobuf.Root }).fromDescriptor(set)
  return withTypes(
    root,
    root.lookupType('envoy.service.accesslog.v3.StreamAccessLogsMessage'),
    root.lookupType('envoy.data.accesslog.v3.HTTPAccessLogEntry'),
    root.lookupType('envoy.data.accesslog.v3.TCPAccessLogEntry'),
    root.lookupType('envoy.config.core.v3.Node'),
  )
}

function withTypes(root: protobuf.Root, message: protobuf.Type, httpEntry: protobuf.Type, tcpEntry: protobuf.Type, node: protobuf.Type): AlsSchema {
  root.resolveAll()
  return { message, httpEntry, tcpEntry, node, struct: root.lookupType('google.protobuf.Struct'), any: root.lookupType('google.protobuf.Any') }
}

/** The bytes of a plain message. */
export function encode(type: protobuf.Type, plain: Plain): Uint8Array {
  return type.encode(type.fromObject(plain)).finish()
}

/** A `Struct` inside an `Any`, as Istio logs its peers. */
export function structAny(schema: AlsSchema, fields: Readonly<Record<string, string>>): Plain {
  const value = encode(schema.struct, {
    fields: Object.fromEntries(Object.entries(fields).map(([key, text]) => [key, { stringValue: text, string_value: text }])),
  })
  return { type_url: 'type.googleapis.com/google.protobuf.Struct', value }
}

/** The frames of a capture file: uint32 LE length and the bytes of one message, over and over. */
export function readCapture(path: string): Uint8Array[] {
  const file = readFileSync(path)
  const messages: Uint8Array[] = []
  for (let at = 0; at < file.length; ) {
    const size = file.readUInt32LE(at)
    messages.push(file.subarray(at + 4, at + 4 + size))
    at += 4 + size
  }
  return messages
}
