import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { FakeIdentityIndex } from '../../../test/fakes/identity.ts'
import { config, type MeshConfig } from '../config.ts'
import { identityNeeds } from '../needs.ts'
import { analyse, anyStruct, anyText, anyWrapped, endpointOf, flatNode, type Json, MESH_DEFAULTS, originOf, podOf, serviceOf } from '../testing.ts'
import { compileNaming, type NamingConfig } from './rules.ts'

const NONE: NamingConfig = MESH_DEFAULTS.naming
const SHARED = fileURLToPath(new URL('../../../../shared/data/skywalking/', import.meta.url))
const OUTBOUND = 'outbound|9080||ratings.shop.svc.cluster.local'
const INBOUND = 'inbound|9080||'

const folder = mkdtempSync(join(tmpdir(), 'meshscope-naming-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function named(naming: Partial<NamingConfig>): { readonly config: Partial<MeshConfig> } {
  return { config: { naming: { ...NONE, ...naming } } }
}

describe.skipIf(!existsSync(SHARED))('the node of a real product page', () => {
  const message = (): { readonly identifier: { readonly node: { readonly id: string; readonly cluster: string; readonly metadata: Json } } } => {
    const text = readFileSync(`${SHARED}history/field-helper.msg`, 'utf8')
    return JSON.parse(text.replace(/^#.*$/gm, '')) as ReturnType<typeof message>
  }

  test.for([
    { service: '${LABELS."service.istio.io/canonical-name"}-${LABELS.version}', expected: 'productpage-v1' },
    { service: '${LABELS."service.istio.io/canonical-name"}-${CLUSTER_ID}', expected: 'productpage-Kubernetes' },
    { service: 'fixed-${LABELS."service.istio.io/canonical-name"}', expected: 'fixed-productpage' },
    { service: 'fixed-${missing,missing2}', expected: 'fixed--' },
    { service: '${labels.app}@${platform_metadata.gcp_location}', expected: 'whatever-differ-from-productpage@us-central1-a' },
    { service: '${SERVICE_ACCOUNT}.${pod.metadata.namespace}', expected: 'bookinfo-productpage.default' },
  ])('is named by $service', ({ service, expected }) => {
    const { source } = analyse(originOf(message().identifier.node), { cluster: OUTBOUND }, named({ service })).edge
    expect(source.service).toBe(expected)
    expect(source).toMatchObject({ workload: 'productpage-v1', namespace: 'default', app: 'whatever-differ-from-productpage' })
  })

  test('is named by a metadata-service-mapping.yaml as it is', () => {
    const rules_file = `${SHARED}metadata-service-mapping.yaml`
    const { source } = analyse(originOf(message().identifier.node), { cluster: OUTBOUND }, named({ rules_file })).edge
    expect([source.service, source.pod]).toEqual(['v1.productpage.default', 'productpage-v1-65576bb7bf-4mzsp'])
  })
})

const sidecar = originOf({
  id: 'sidecar~10.0.0.1~reviews-v1-x.shop~shop.svc.cluster.local',
  metadata: { WORKLOAD_NAME: 'reviews-v1', NAMESPACE: 'shop', LABELS: { app: 'reviews' } },
})
const K8S_RULE = '${pod.metadata.labels.(service.istio.io/canonical-name)}-${pod.metadata.labels.(service.istio.io/canonical-revision)}'

describe('a side', () => {
  test('that the index knows is named by the labels of its pod', () => {
    const labels = { 'service.istio.io/canonical-name': 'Clash', 'service.istio.io/canonical-revision': 'v1beta' }
    const index = new FakeIdentityIndex().add(podOf('clash', { ips: ['10.0.0.7'], labels }))
    const entry = { cluster: INBOUND, direct: '10.0.0.7:1' }
    expect(analyse(sidecar, entry, { ...named({ service: K8S_RULE }), index }).edge.source.service).toBe('Clash-v1beta')
  })

  test('that metadata names is named by its keys, in any case, and by the labels of its pod where it carries none', () => {
    const peer = anyStruct({ workload: 'page-v1', namespace: 'shop', service: 'page', name: 'page-v1-0', revision: 'v1' })
    const entry = { cluster: INBOUND, downstreamPeer: peer, direct: '10.0.0.7:1' }
    expect(analyse(sidecar, entry, named({ service: '${SERVICE}.${NAMESPACE}', instance: '${NAME}' })).edge.source).toMatchObject({
      service: 'page.shop',
      pod: 'page-v1-0',
    })
    const index = new FakeIdentityIndex().add(podOf('page-v1', { namespace: 'shop', name: 'page-v1-0', labels: { team: 'blue' } }))
    const byTeam = named({ service: '${LABELS.team}.${NAMESPACE}' })
    expect(analyse(sidecar, entry, { ...byTeam, index }).edge.source.service).toBe('blue.shop')
    expect(analyse(sidecar, entry, byTeam).edge.source.service).toBe('-.shop')
  })

  test('that a FlatBuffer or a text names has the keys of node metadata', () => {
    const node = { name: 'page-v1-0', namespace: 'shop', owner: '', workload: 'page-v1', cluster: 'c' }
    const byFlatNode = { cluster: INBOUND, downstreamPeer: anyWrapped(flatNode(node, { app: 'page' })) }
    const byText = { cluster: INBOUND, downstreamPeer: anyText('page-v1;shop;page;v2;c') }
    const rule = named({ service: '${LABELS.app,SERVICE}/${WORKLOAD_NAME}/${CLUSTER_ID}' })
    expect(analyse(sidecar, byFlatNode, rule).edge.source.service).toBe('page/page-v1/c')
    expect(analyse(sidecar, byText, rule).edge.source.service).toBe('page/page-v1/c')
  })

  test('may be named by the Service that leads to it', () => {
    const labels = { version: 'v3' }
    const index = new FakeIdentityIndex()
      .add(podOf('ratings-v3', { namespace: 'shop', ips: ['10.0.0.9'], labels }))
      .add(serviceOf('ratings', 'shop', { labels: { tier: 'gold' } }))
      .add(endpointOf('ratings', 'shop', '10.0.0.9'))
    const rule = named({ service: '${service.metadata.labels.tier}/${service.metadata.name}-${pod.metadata.labels.version}' })
    const { destination } = analyse(sidecar, { cluster: OUTBOUND, upstream: '10.0.0.9:9080' }, { ...rule, index }).edge
    expect(destination.service).toBe('gold/ratings-v3')
  })

  test('outside of the mesh is named by its ServiceEntry', () => {
    const entry = serviceOf('payments', 'egress', { source: 'service_entry', hosts: ['pay.example.com'], addresses: ['203.0.113.9'], ports: [443] })
    const index = new FakeIdentityIndex().add(entry)
    const called = { cluster: 'outbound|443||pay.example.com', upstream: '203.0.113.9:443' }
    const rule = named({ service: '${SERVICE}', service_entry: '${serviceEntry.metadata.name}.${serviceEntry.metadata.namespace}' })
    expect(analyse(sidecar, called, { ...rule, index }).edge.destination).toMatchObject({ service: 'payments.egress', evidence: 'service_entry' })
    expect(analyse(sidecar, called, { index }).edge.destination).toMatchObject({ service: 'pay.example.com', workload: '', namespace: '' })
  })

  test('of which nobody is known gets no name', () => {
    const entry = { cluster: INBOUND, direct: '10.0.0.7:1' }
    expect(analyse(sidecar, entry, { ...named({ service: '${SERVICE}' }), index: new FakeIdentityIndex() }).edge.source).toMatchObject({
      service: '',
      addressClass: 'external',
    })
  })
})

describe('a naming setting', () => {
  test.for<{ readonly name: string; readonly naming: Partial<NamingConfig>; readonly path: readonly string[]; readonly problem: string }>([
    {
      name: 'that does not end',
      naming: { service: 'x.${LABELS.app' },
      path: ['naming', 'service'],
      problem: 'not a naming rule: ${ is never closed by }, at character 3',
    },
    {
      name: 'of a field that is not kept',
      naming: { instance: '${pod.spec.hostname}' },
      path: ['naming', 'instance'],
      problem:
        'not a naming rule: of a pod there is metadata.name, metadata.namespace, metadata.labels, metadata.uid, metadata.annotations, spec.nodeName, spec.serviceAccountName, status.podIP, not spec.hostname, at character 3',
    },
    {
      name: 'with dots in a label that nothing protects',
      naming: { service: '${pod.metadata.labels.app.kubernetes.io/name}' },
      path: ['naming', 'service'],
      problem:
        'not a naming rule: of a pod there is metadata.name, metadata.namespace, metadata.labels, metadata.uid, metadata.annotations, spec.nodeName, spec.serviceAccountName, status.podIP, not metadata.labels.app.kubernetes.io/name; a key with dots stands in parentheses, at character 3',
    },
  ])('$name is a problem', ({ naming, path, problem }) => {
    const problems = config.check?.({ ...MESH_DEFAULTS, naming: { ...NONE, ...naming } })
    expect(problems).toMatchObject([{ path, problem }])
  })

  test('with a file that is not there, is no YAML or has no rules, is a problem', () => {
    const broken = join(folder, 'broken.yaml')
    writeFileSync(broken, 'serviceName: [')
    const empty = join(folder, 'empty.yaml')
    writeFileSync(empty, 'service: x\n')
    const wrong = join(folder, 'wrong.yaml')
    writeFileSync(wrong, 'serviceName: ${}\n')
    const problems = [join(folder, 'none.yaml'), broken, empty, wrong].map((rules_file) => compileNaming({ ...NONE, rules_file }).problems[0])
    expect(problems.map((problem) => problem?.problem)).toEqual([
      'cannot read the naming rules',
      'cannot read the naming rules',
      'a file without naming rules',
      'serviceName: not a naming rule: a name is missing, at character 3',
    ])
    expect(problems[0]?.found).toContain('none.yaml')
  })

  test('wins over the file that it names', () => {
    const file = join(folder, 'rules.yaml')
    writeFileSync(file, 'serviceName: from-file\nserviceInstanceName: instance-from-file\n')
    const { source } = analyse(sidecar, { cluster: OUTBOUND }, named({ rules_file: file, service: 'own' })).edge
    expect([source.service, source.pod]).toEqual(['own', 'instance-from-file'])
  })

  test('that is empty leaves Istio’s names', () => {
    expect(compileNaming(NONE)).toEqual({ rules: undefined, problems: [] })
  })

  test('tells the index which labels it looks at', () => {
    const service = '${LABELS."a.b/c",pod.metadata.labels.team,pod.metadata.annotations.(x/y),service.metadata.labels.tier}'
    const needs = identityNeeds({ ...MESH_DEFAULTS, naming: { ...NONE, service } })
    expect(needs.podLabels).toEqual(expect.arrayContaining([{ key: 'a.b/c' }, { key: 'team' }, { key: 'app' }]))
    expect([needs.podAnnotations, needs.serviceLabels]).toEqual([[{ key: 'x/y' }], [{ key: 'tier' }]])
  })
})
