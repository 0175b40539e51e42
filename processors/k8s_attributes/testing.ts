import type { Schema } from '../../component/config_schema.ts'
import { type AttributeSet, AttributeSet as Attributes, type AttributeValue, type Resource } from '../../model/attributes.ts'
import type { IdentityIndex } from '../../model/identity/index.ts'
import type { Container, KubeNode, Namespace, Pod } from '../../model/identity/objects.ts'
import { type FakeSettings, fakeSettings } from '../../test/fakes/settings.ts'
import { type K8sAttributesConfig, schema } from './schema.ts'

/** What a test gives of a config; everything else has its default. */
export type GivenConfig = { readonly [key: string]: unknown }

/** The config that the loader makes of this one, when nothing is wrong with it. */
export function configOf(given: GivenConfig = {}): K8sAttributesConfig {
  return withDefaults(schema, given) as K8sAttributesConfig
}

function withDefaults(part: Schema, given: unknown): unknown {
  const value = given ?? ('default' in part ? part.default : undefined)
  if (value === undefined || !('type' in part)) return value
  if (part.type === 'array' && Array.isArray(value)) return value.map((item) => withDefaults(part.items, item))
  if (part.type !== 'object' || !('properties' in part)) return value
  const entries = Object.entries(part.properties).map(([key, inner]) => [key, withDefaults(inner, (value as GivenConfig)[key])] as const)
  return Object.fromEntries(entries.filter(([, inner]) => inner !== undefined))
}

/** A pod of a Deployment with one container; a test says what is different. */
export function podOf(fields: Partial<Pod> = {}): Pod {
  return {
    kind: 'pod',
    uid: 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
    namespace: 'ns1',
    name: 'auth-service-66f5996c7c-xyz34',
    node: 'node1',
    serviceAccount: 'auth',
    isHostNetwork: false,
    ips: ['1.1.1.1'],
    ports: [],
    workload: { kind: 'Deployment', name: 'auth-service', isInferred: false },
    replicaSet: 'auth-service-66f5996c7c',
    job: '',
    containers: [],
    labels: {},
    annotations: {},
    createdMs: Date.UTC(2026, 0, 1),
    startedMs: Date.UTC(2026, 0, 1, 0, 0, 2),
    terminatingMs: 0,
    endedMs: 0,
    ...fields,
  }
}

export const CONTAINER_ID = '0123456789abcdef'.repeat(4)

/** A running container. */
export function containerOf(fields: Partial<Container> = {}): Container {
  return { name: 'app', id: CONTAINER_ID, image: 'ghcr.io/acme/auth:1.2.3', ...fields }
}

export function namespaceOf(fields: Partial<Namespace> = {}): Namespace {
  return { kind: 'namespace', uid: 'namespace-uid', name: 'ns1', labels: {}, annotations: {}, ...fields }
}

export function nodeOf(fields: Partial<KubeNode> = {}): KubeNode {
  return { kind: 'node', uid: 'node-uid', name: 'node1', ips: ['10.0.0.1'], labels: {}, annotations: {}, ...fields }
}

/** Settings of a processor whose thread has this identity index. */
export function settingsWith(index: IdentityIndex | undefined): FakeSettings {
  return { ...fakeSettings('processor', 'k8s_attributes'), shared: () => index }
}

export function resourceOf(attributes: Readonly<Record<string, AttributeValue>> = {}): Resource {
  return { attributes: Attributes.of(attributes) }
}

export function recordOf({ keys, values }: AttributeSet): Readonly<Record<string, AttributeValue | undefined>> {
  return Object.fromEntries(keys.map((key, i) => [key, values[i]]))
}
