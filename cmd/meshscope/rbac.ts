import { stringify } from 'yaml'
import type { Registry } from '../../component/spec.ts'
import type { K8sMetadataConfig } from '../../extensions/k8s_metadata/config.ts'
import { collectNeeds } from '../../extensions/k8s_metadata/needs.ts'
import { type PolicyRule, type Rights, rightsFor } from '../../extensions/k8s_metadata/rights.ts'
import { needsNode, planWatches } from '../../extensions/k8s_metadata/watches.ts'
import { type ConfigFlags, loadOrReport } from './cli_config.ts'
import type { CliIo } from './cli_io.ts'
import { EXIT } from './exit_codes.ts'

/** The flags of `meshscope rbac`. */
export interface RbacFlags extends ConfigFlags {
  /** Of the roles and bindings. */
  readonly name: string
  /** Where the service account is. */
  readonly namespace: string
  /** By default the name of the roles. */
  readonly serviceAccount?: string
}

interface Subject {
  readonly name: string
  readonly namespace: string
  readonly serviceAccount: string
}

const RBAC_GROUP = 'rbac.authorization.k8s.io'

/** `meshscope rbac`: prints the roles and bindings that a config takes, and nothing beyond them. */
export function printRights(flags: RbacFlags, { registry, io }: { readonly registry: Registry; readonly io: CliIo }): number {
  const loaded = loadOrReport(flags, { registry, io })
  if (typeof loaded === 'number') return loaded
  const extension = loaded.result.spec.extensions.find(({ id }) => id.type === 'k8s_metadata')
  const config = extension?.config as K8sMetadataConfig | undefined
  const needs = collectNeeds(extension?.uses ?? [])
  const watches = config === undefined ? [] : planWatches(config, needs, config.node)
  if (watches.length === 0) {
    io.out('# This config asks nothing of the API server: it needs no rights.\n# Set automountServiceAccountToken: false for its pods.\n')
    return EXIT.ok
  }
  const { name, namespace, serviceAccount = name } = flags
  const documents = manifests(rightsFor(watches), { name, namespace, serviceAccount })
  if (config !== undefined && needsNode(config, needs)) io.out(noteOnNode(config))
  io.out(documents.map((document) => stringify(document, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n'))
  return EXIT.ok
}

/** The roles and bindings, as objects of the API. */
export function manifests(rights: Rights, subject: Subject): readonly Readonly<Record<string, unknown>>[] {
  const { cluster, namespaces } = rights
  return [
    ...(cluster.length === 0 ? [] : roleAndBinding({ kind: 'ClusterRole', rules: cluster, subject, namespace: '' })),
    ...namespaces.flatMap(({ namespace, rules }) => roleAndBinding({ kind: 'Role', rules, subject, namespace })),
  ]
}

interface RoleInput {
  readonly kind: 'ClusterRole' | 'Role'
  readonly rules: readonly PolicyRule[]
  readonly subject: Subject
  readonly namespace: string
}

function roleAndBinding({ kind, rules, subject, namespace }: RoleInput): readonly Readonly<Record<string, unknown>>[] {
  const metadata = { name: subject.name, ...(namespace === '' ? {} : { namespace }) }
  return [
    { apiVersion: `${RBAC_GROUP}/v1`, kind, metadata, rules },
    {
      apiVersion: `${RBAC_GROUP}/v1`,
      kind: `${kind}Binding`,
      metadata,
      roleRef: { apiGroup: RBAC_GROUP, kind, name: subject.name },
      subjects: [{ kind: 'ServiceAccount', name: subject.serviceAccount, namespace: subject.namespace }],
    },
  ]
}

function noteOnNode({ node }: K8sMetadataConfig): string {
  return node === ''
    ? '# Each daemon watches its own node and the pods on it, which RBAC cannot express:\n# the rules allow the nodes and pods of the whole cluster.\n'
    : `# The config names the node ${node}: these rules do not fit daemons on other nodes.\n`
}
