import { WireFields } from '../lib/protobuf/wire_fields.ts'
import { decodeStruct, type StructObject } from './struct.ts'

/** `envoy.config.core.v3.Node`, the parts that tell who a proxy is. Empty strings and objects are "not sent". */
export interface EnvoyNode {
  readonly id: string
  readonly cluster: string
  /** Istio puts ISTIO_VERSION, LABELS, WORKLOAD_NAME and so on here. */
  readonly metadata: StructObject
  readonly region: string
  readonly zone: string
  /** Envoy's version as `major * 1000 + minor` (1.40 is 1040); 0 when it was not sent. */
  readonly envoyVersion: number
}

/** Reads the bytes of a Node (`StreamOrigin.node`). Never throws; what is malformed is left out. */
export function decodeNode(bytes: Uint8Array): EnvoyNode {
  let id = ''
  let cluster = ''
  let metadata: StructObject = Object.create(null) as StructObject
  let region = ''
  let zone = ''
  let envoyVersion = 0
  const fields = new WireFields(bytes)
  while (fields.next()) {
    if (fields.field === 1) id = fields.text()
    else if (fields.field === 2) cluster = fields.text()
    else if (fields.field === 3) metadata = decodeStruct(fields.payload())
    else if (fields.field === 4) {
      const locality = fields.message()
      while (locality.next()) {
        if (locality.field === 1) region = locality.text()
        else if (locality.field === 2) zone = locality.text()
      }
    } else if (fields.field === 7) envoyVersion = versionOf(fields.text())
    else if (fields.field === 8) envoyVersion = buildVersion(fields.message())
  }
  return { id, cluster, metadata, region, zone, envoyVersion }
}

function versionOf(text: string): number {
  const match = /^v?(\d{1,3})\.(\d{1,3})/.exec(text)
  return match === null ? 0 : Number(match[1]) * 1000 + Number(match[2])
}

function buildVersion(fields: WireFields): number {
  let version = 0
  while (fields.next()) {
    if (fields.field !== 1) continue
    const semantic = fields.message()
    let major = 0
    let minor = 0
    while (semantic.next()) {
      if (semantic.field === 1) major = semantic.number
      else if (semantic.field === 2) minor = semantic.number
    }
    version = major * 1000 + minor
  }
  return version
}
