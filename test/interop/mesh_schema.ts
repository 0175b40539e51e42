/**
 * The form of settings that no API server checks: Istio's mesh config by its published protobuf source, those of Consul and
 * Kuma by lists of the fields that our snippets use.
 */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import { Enum, type Field, MapField, Root, Type } from 'protobufjs'

/** What is wrong with a value as proto3 JSON of a message type, each with its place. */
export function protoProblems(value: unknown, type: Type, place: string = type.name): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${place}: expected ${type.name}, found ${JSON.stringify(value)}`]
  // Any object is one.
  if (type.fullName === '.google.protobuf.Struct') return []
  return Object.entries(value).flatMap(([key, inner]) => {
    const field = type.fields[key] ?? type.fieldsArray.find((one) => one.name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()) === key)
    return field === undefined ? [`${place}.${key}: unknown field of ${type.name}`] : fieldProblems(inner, field, `${place}.${key}`)
  })
}

function fieldProblems(value: unknown, field: Field, place: string): readonly string[] {
  field.resolve()
  if (field instanceof MapField) return Object.entries(value as object).flatMap(([key, inner]) => oneProblem(inner, field, `${place}.${key}`))
  if (!field.repeated) return oneProblem(value, field, place)
  if (!Array.isArray(value)) return [`${place}: expected a list, found ${JSON.stringify(value)}`]
  return value.flatMap((inner, i) => oneProblem(inner, field, `${place}[${i}]`))
}

function oneProblem(value: unknown, field: Field, place: string): readonly string[] {
  const type = field.resolvedType
  if (type instanceof Enum) return typeof value === 'string' && value in type.values ? [] : [`${place}: no value of ${type.name}: ${JSON.stringify(value)}`]
  if (type instanceof Type) return protoProblems(value, type, place)
  const expected = field.type === 'string' ? 'string' : field.type === 'bool' ? 'boolean' : 'number'
  return typeof value === expected ? [] : [`${place}: expected ${expected}, found ${JSON.stringify(value)}`]
}

/** `istio.mesh.v1alpha1.MeshConfig` out of the sources that `obtainMeshSchemas` keeps. */
export function meshConfigType(schemas: string): Type {
  const root = new Root()
  const folder = join(schemas, 'istio', 'protos')
  // Most of google/protobuf is built into protobufjs and asked for by its name; the rest lies beside it.
  const own = createRequire(import.meta.url)
  root.resolvePath = (_origin, target) => {
    if (target === 'google/protobuf/descriptor.proto') return own.resolve(`protobufjs/${target}`)
    return target.startsWith('google/protobuf/') ? target : join(folder, target)
  }
  root.loadSync('mesh/v1alpha1/config.proto', { keepCase: true })
  return root.lookupType('istio.mesh.v1alpha1.MeshConfig')
}

const text = { type: 'string', minLength: 1 } as const

function object(properties: Record<string, object>, required: readonly string[] = Object.keys(properties)): object {
  return { type: 'object', additionalProperties: false, properties, required }
}

const metadata = object({ name: text, namespace: text, labels: { type: 'object', additionalProperties: text } }, ['name', 'namespace'])

/**
 * https://developer.hashicorp.com/consul/docs/reference/config-entry/proxy-defaults and
 * https://developer.hashicorp.com/consul/docs/reference/proxy/envoy#advanced-configuration: `config` is a free map, of which
 * these keys are read for the bootstrap.
 */
const proxyDefaults = object({
  apiVersion: { const: 'consul.hashicorp.com/v1alpha1' },
  kind: { const: 'ProxyDefaults' },
  // One entry for all, of this name only.
  metadata: object({ name: { const: 'global' }, namespace: text }),
  spec: object({
    config: object({
      protocol: { enum: ['tcp', 'http', 'http2', 'grpc'] },
      // The address, or the name of a variable that has it.
      envoy_dogstatsd_url: { type: 'string', pattern: '^(?:udp://[^/:]+:\\d+|unix:///.+|\\$[A-Z_]+)$' },
      envoy_extra_static_clusters_json: text,
    }),
  }),
})

const mesh = object({ kind: { const: 'Mesh' } })
const attribute = object({ key: text, value: text })
const backend = object({
  type: { const: 'OpenTelemetry' },
  openTelemetry: object({ endpoint: text, attributes: { type: 'array', items: attribute, minItems: 1 } }),
})
const direction = {
  type: 'array',
  minItems: 1,
  items: object({ targetRef: mesh, default: object({ backends: { type: 'array', items: backend, minItems: 1 } }) }),
}

/** https://kuma.io/docs/latest/policies/meshaccesslog/ and the definition kuma.io_meshaccesslogs.yaml in Kuma's repository. */
const meshAccessLog = object({
  apiVersion: { const: 'kuma.io/v1alpha1' },
  kind: { const: 'MeshAccessLog' },
  metadata,
  spec: object({ targetRef: mesh, from: direction, to: direction }),
})

const ajv = new Ajv({ allErrors: true, strict: true })

/** Checks of settings whose published form cannot be had on a build machine, by their kinds. */
export const LISTED_FIELDS: Readonly<Record<'ProxyDefaults' | 'MeshAccessLog', ValidateFunction>> = {
  ProxyDefaults: ajv.compile(proxyDefaults),
  MeshAccessLog: ajv.compile(meshAccessLog),
}
