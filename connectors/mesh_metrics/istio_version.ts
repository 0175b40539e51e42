const KEY = Buffer.from('ISTIO_VERSION')
/** Field numbers: Node.metadata, Struct.fields, map entry key and value, Value.string_value. */
const Field = { metadata: 3, fields: 1, key: 1, value: 2, stringValue: 3 } as const

/**
 * `ISTIO_VERSION` in the metadata of an encoded `envoy.config.core.v3.Node`; empty when it has none or the bytes are
 * not a node. Never throws.
 */
export function istioVersion(node: Uint8Array): string {
  let version = ''
  eachChild(node, Field.metadata, (metadata) =>
    eachChild(metadata, Field.fields, (entry) => {
      let isVersion = false
      eachChild(entry, Field.key, (key) => {
        isVersion = KEY.equals(key)
      })
      if (isVersion)
        eachChild(entry, Field.value, (value) => eachChild(value, Field.stringValue, (text) => void (version = Buffer.from(text).toString('utf8'))))
    }),
  )
  return version
}

/** Calls `visit` for every length-delimited field `wanted`; stops at the first byte that is not protobuf. */
function eachChild(message: Uint8Array, wanted: number, visit: (child: Uint8Array) => void): void {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; at < message.length; shift += 7) {
      const byte = message[at++] as number
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    return Number.NaN
  }
  while (at < message.length) {
    const tag = varint()
    const wire = tag % 8
    if (wire === 0) varint()
    else if (wire === 1) at += 8
    else if (wire === 5) at += 4
    else if (wire === 2) {
      const length = varint()
      const end = at + length
      if (!(end <= message.length)) return
      if (Math.floor(tag / 8) === wanted) visit(message.subarray(at, end))
      at = end
    } else return
  }
}
