import { describe, expect, test } from 'vitest'
import type { IdentityResource } from '../../model/identity/index.ts'
import { config, type K8sMetadataConfig } from './config.ts'
import { accessConflicts, chooseAccess, collectNeeds, ownerConflicts } from './needs.ts'
import { rightsFor } from './rights.ts'
import { checked, needing } from './testing.ts'
import { needsNode, planWatches } from './watches.ts'

const ALL: readonly IdentityResource[] = ['pods', 'nodes', 'namespaces', 'services', 'endpointslices', 'serviceentries', 'workloadentries']

function plan(more: Partial<K8sMetadataConfig>, resources: readonly IdentityResource[], node = 'node-1'): readonly string[] {
  return planWatches(checked(more), needing({ resources }), node).map(({ resource, namespace, name, node: own, isMetadataOnly }) => {
    const where = [namespace, name === '' ? '' : `name=${name}`, own === '' ? '' : `node=${own}`].filter((part) => part !== '').join(' ')
    return `${resource}${where === '' ? '' : ` ${where}`}${isMetadataOnly ? ' metadata' : ''}`
  })
}

describe('what is watched', () => {
  test('is what components need, each resource once, and of pods and nodes the own ones', () => {
    expect(plan({}, ALL)).toEqual([
      'nodes name=node-1',
      'namespaces metadata',
      'pods node=node-1',
      'services',
      'endpointslices',
      'serviceentries',
      'workloadentries',
    ])
    expect(plan({}, [])).toEqual([])
  })

  test('is everything with scope cluster', () => {
    expect(plan({ scope: 'cluster' }, ALL)).toEqual(['nodes', 'namespaces metadata', 'pods', 'services', 'endpointslices', 'serviceentries', 'workloadentries'])
  })

  test('is one watch for each namespace with scope namespaces', () => {
    expect(plan({ scope: 'namespaces', namespaces: ['a', 'b'] }, ['pods', 'services', 'namespaces', 'nodes'])).toEqual([
      'nodes',
      'namespaces name=a metadata',
      'namespaces name=b metadata',
      'pods a',
      'pods b',
      'services a',
      'services b',
    ])
  })

  test('can be added to and taken from', () => {
    const resources = { services: 'always', endpoint_slices: 'never', nodes: 'auto', namespaces: 'never', istio: 'never' } as const
    expect(plan({ resources }, ALL)).toEqual(['nodes name=node-1', 'pods node=node-1', 'services'])
    expect(plan({ resources }, [])).toEqual(['services'])
  })

  test('is the metadata of owners, before pods, when they are to be exact', () => {
    expect(plan({ exact_owners: true }, ['pods'])).toEqual(['replicasets metadata', 'jobs metadata', 'pods node=node-1'])
    expect(plan({ exact_owners: true }, ['services'])).toEqual(['services'])
  })

  test('depends on the node only where something of the node is watched', () => {
    expect(needsNode(checked({}), needing({ resources: ['pods'] }))).toBe(true)
    expect(needsNode(checked({}), needing({ resources: ['services'] }))).toBe(false)
    expect(needsNode(checked({ scope: 'cluster' }), needing({ resources: ['pods', 'nodes'] }))).toBe(false)
  })
})

describe('rights', () => {
  const rights = (more: Partial<K8sMetadataConfig>, resources: readonly IdentityResource[], node = '') =>
    rightsFor(planWatches(checked(more), needing({ resources }), node))
  const verbs = ['list', 'watch']

  test('are one rule for each group', () => {
    expect(rights({ exact_owners: true }, ALL)).toEqual({
      cluster: [
        { apiGroups: ['apps'], resources: ['replicasets'], verbs },
        { apiGroups: ['batch'], resources: ['jobs'], verbs },
        { apiGroups: [''], resources: ['namespaces', 'nodes', 'pods', 'services'], verbs },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs },
        { apiGroups: ['networking.istio.io'], resources: ['serviceentries', 'workloadentries'], verbs },
      ],
      namespaces: [],
    })
  })

  test('to a node that is known are to that one only', () => {
    expect(rights({}, ['pods', 'nodes'], 'node-1').cluster).toEqual([
      { apiGroups: [''], resources: ['nodes'], resourceNames: ['node-1'], verbs },
      { apiGroups: [''], resources: ['pods'], verbs },
    ])
  })

  test('in namespaces stand in roles there', () => {
    expect(rights({ scope: 'namespaces', namespaces: ['b', 'a'] }, ['pods', 'namespaces'])).toEqual({
      cluster: [{ apiGroups: [''], resources: ['namespaces'], resourceNames: ['a', 'b'], verbs }],
      namespaces: [
        { namespace: 'a', rules: [{ apiGroups: [''], resources: ['pods'], verbs }] },
        { namespace: 'b', rules: [{ apiGroups: [''], resources: ['pods'], verbs }] },
      ],
    })
  })
})

describe('needs', () => {
  test('are the union of all, without repetitions and in one order', () => {
    const a = needing({ lookups: ['pod_uid', 'address'], resources: ['pods'], podLabels: [{ key: 'b' }, { key: 'a' }], waitForMetadataMs: 5 })
    const b = needing({ lookups: ['address', 'container'], resources: ['services', 'pods'], podLabels: [{ pattern: 'x' }, { key: 'a' }] })
    expect(collectNeeds([a, b])).toEqual({
      ...needing(),
      lookups: ['address', 'container', 'pod_uid'],
      resources: ['pods', 'services'],
      podLabels: [{ key: 'a' }, { key: 'b' }, { pattern: 'x' }],
      containers: true,
      waitForMetadataMs: 5,
    })
    expect(collectNeeds([b, a])).toEqual(collectNeeds([a, b]))
    expect(collectNeeds([])).toEqual(needing())
  })

  const defaults = needing({ access: { authType: 'serviceAccount', context: '' } })
  const kubeConfig = needing({ access: { authType: 'kubeConfig', context: 'dev' } })
  const none = needing({ access: { authType: 'none', context: '' } })

  test('choose the access when the extension does not', () => {
    expect(chooseAccess(checked({}), [needing(), defaults, kubeConfig])).toEqual({ authType: 'kubeConfig', context: 'dev' })
    expect(chooseAccess(checked({ auth_type: 'none' }), [defaults])).toEqual({ authType: 'none', context: '' })
    expect(chooseAccess(checked({}), [])).toEqual({ authType: 'serviceAccount', context: '' })
  })

  test('that want different ways to the API server are a problem with a place', () => {
    const named = [kubeConfig, defaults, none].map((needs, index) => ({ address: `processors.k8s_attributes/${index}`, needs }))
    expect(accessConflicts(checked({}), named)).toEqual([
      {
        use: 2,
        path: ['auth_type'],
        problem: 'another access to the API server than that of others',
        expected: 'kubeConfig with context dev, as for processors.k8s_attributes/0',
        found: 'none',
        hint: 'all components share one connection; set auth_type in extensions.k8s_metadata only',
      },
    ])
    expect(accessConflicts(checked({ auth_type: 'kubeConfig' }), named).map(({ use, path, expected }) => [use, path[0], expected])).toEqual([
      [0, 'context', 'kubeConfig, as for the extension k8s_metadata'],
      [2, 'auth_type', 'kubeConfig, as for the extension k8s_metadata'],
    ])
    expect(accessConflicts(checked({}), named.slice(0, 2))).toEqual([])
  })

  test('include details when one user wants them', () => {
    expect(collectNeeds([needing(), needing({ details: true, exactOwners: ['k8s.deployment.uid'] })])).toEqual(needing({ details: true }))
  })

  test('that only exact owners can meet are a problem that says what to set', () => {
    const named = [needing(), needing({ details: true, exactOwners: ['k8s.deployment.uid'] })].map((needs, index) => ({ address: `p/${index}`, needs }))
    expect(ownerConflicts(checked({}), named)).toEqual([
      {
        use: 1,
        path: ['extract', 'metadata'],
        problem: 'not known to k8s_metadata: a pod names its ReplicaSet or Job only, not what controls that',
        expected: 'exact_owners: true in extensions.k8s_metadata',
        found: 'k8s.deployment.uid',
        hint: 'set it, which watches the metadata of ReplicaSets and Jobs and takes the rights to, or remove k8s.deployment.uid',
      },
    ])
    expect(ownerConflicts(checked({ exact_owners: true }), named)).toEqual([])
  })
})

describe('the config', () => {
  const problems = (more: Partial<K8sMetadataConfig>) => config.check?.(checked(more)).map(({ path, problem }) => `${path.join('.')}: ${problem}`)

  test.for<{ readonly set: Partial<K8sMetadataConfig>; readonly says: string }>([
    { set: { scope: 'namespaces' }, says: 'namespaces: empty' },
    { set: { namespaces: ['shop'] }, says: 'namespaces: not used with scope node' },
    { set: { auth_type: 'none', api_server: 'localhost:8001' }, says: 'api_server: not a URL' },
    { set: { api_server: 'http://localhost:8001' }, says: 'api_server: not used with auth_type serviceAccount' },
    { set: { context: 'dev' }, says: 'context: not used with auth_type serviceAccount' },
    { set: { kubeconfig: '/x', auth_type: 'none' }, says: 'kubeconfig: not used with auth_type none' },
    { set: { remember_gone: '-1s' }, says: 'remember_gone: negative' },
  ])('$says', ({ set, says }) => {
    expect(problems(set)).toEqual([says])
  })

  test.for<Partial<K8sMetadataConfig>>([
    {},
    { auth_type: 'none' },
    { auth_type: 'none', api_server: 'http://localhost:8001' },
    { auth_type: 'kubeConfig', context: 'dev', kubeconfig: '/x' },
    { scope: 'namespaces', namespaces: ['shop'] },
  ])('%o is good', (set) => {
    expect(problems(set)).toEqual([])
  })
})
