import type { ObjectSchema, Schema } from '../../component/config_schema.ts'
import type { IdentityNeeds } from '../../model/identity/index.ts'
import { config, type K8sMetadataConfig } from './config.ts'
import type { ApiObject } from './watch/sink.ts'

/** Objects and needs for the tests of this folder. */

/** Needs of a component that wants nothing but what is given. */
export function needing(more: Partial<IdentityNeeds> = {}): IdentityNeeds {
  return {
    lookups: [],
    resources: [],
    podLabels: [],
    podAnnotations: [],
    namespaceLabels: [],
    namespaceAnnotations: [],
    nodeLabels: [],
    nodeAnnotations: [],
    serviceLabels: [],
    containers: false,
    waitForMetadataMs: 0,
    ...more,
  }
}

/** A config with its defaults filled in, listening on a free port of this machine. */
export function checked(more: Partial<K8sMetadataConfig> = {}): K8sMetadataConfig {
  return { ...(defaultsOf(config.schema) as unknown as K8sMetadataConfig), endpoint: '127.0.0.1:0', start_jitter: '0s', ...more }
}

function defaultsOf({ properties }: ObjectSchema): Readonly<Record<string, unknown>> {
  const valueOf = (schema: Schema): unknown => ('properties' in schema && schema.default !== undefined ? defaultsOf(schema) : schema.default)
  return Object.fromEntries(Object.entries(properties).flatMap(([key, schema]) => (valueOf(schema) === undefined ? [] : [[key, valueOf(schema)]])))
}

/** An API object as the reflector hands it on. */
export function apiObject(name: string, more: { readonly metadata?: object; readonly [field: string]: unknown } = {}): ApiObject {
  const { metadata = {}, ...rest } = more
  return { ...rest, metadata: { name, namespace: 'shop', uid: `uid-${name}`, resourceVersion: '1', ...metadata } }
}

/**
 * A pod of a Deployment with an Istio sidecar, of the size that real ones have (14 KB with `managedFields`). `index` from 0
 * makes its name and address unique.
 */
export function meshPod(index: number, more: { readonly metadata?: object; readonly spec?: object; readonly status?: object } = {}): ApiObject {
  const hash = '7d9f8c6b5d'
  const name = `cart-${hash}-${[1, 27, 729, 19_683].map((power) => RANDOM[Math.floor(index / power) % 27]).join('')}z`
  const ip = `10.${8 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`
  return apiObject(name, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `cart-${hash}-`,
      creationTimestamp: '2026-01-01T00:00:00Z',
      labels: { app: 'cart', version: 'v1', 'pod-template-hash': hash, 'service.istio.io/canonical-name': 'cart', 'security.istio.io/tlsMode': 'istio' },
      annotations: { 'prometheus.io/scrape': 'true', 'sidecar.istio.io/status': JSON.stringify({ containers: ['istio-proxy'], revision: 'default' }) },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `cart-${hash}`, uid: 'uid-rs', controller: true, blockOwnerDeletion: true }],
      managedFields: [
        { manager: 'kube-controller-manager', operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: MANAGED },
        { manager: 'kubelet', operation: 'Update', subresource: 'status', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: MANAGED },
      ],
      ...more.metadata,
    },
    spec: {
      nodeName: 'node-1',
      serviceAccountName: 'cart',
      containers: [container('cart', 8080), container('istio-proxy', 15_090)],
      initContainers: [container('istio-init', 0)],
      ...more.spec,
    },
    status: {
      phase: 'Running',
      startTime: '2026-01-01T00:00:01Z',
      hostIP: '192.168.0.1',
      hostIPs: [{ ip: '192.168.0.1' }],
      podIP: ip,
      podIPs: [{ ip }],
      containerStatuses: [status('cart', index), status('istio-proxy', index)],
      ...more.status,
    },
  })
}

const RANDOM = 'bcdfghjklmnpqrstvwxz2456789'

const MANAGED = Object.fromEntries(
  Array.from({ length: 60 }, (_, index) => [`f:field${index}`, { '.': {}, 'f:name': {}, 'f:value': {}, [`k:{"type":"part${index}"}`]: { '.': {} } }]),
)

function container(name: string, port: number): object {
  return {
    name,
    image: `registry.example.com/${name}:1.2.3`,
    ...(port === 0 ? {} : { ports: [{ name: 'http', containerPort: port, protocol: 'TCP' }] }),
    env: Array.from({ length: 12 }, (_, index) => ({ name: `SETTING_${index}`, value: `value ${index} of ${name}` })),
    resources: { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '100m', memory: '128Mi' } },
  }
}

function status(name: string, index: number): object {
  const id = `${name}${index}`.padEnd(64, '0').replace(/[^0-9a-f]/g, 'a')
  return { name, containerID: `containerd://${id}`, image: `registry.example.com/${name}:1.2.3`, ready: true, state: { running: {} } }
}
