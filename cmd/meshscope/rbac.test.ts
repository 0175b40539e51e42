import { expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { runCli } from './cli.ts'
import { registry } from './components.ts'
import { EXIT } from './exit_codes.ts'

const BASE = `receivers: {envoyals: {}}
processors: {k8s_attributes: {}}
exporters: {debug: {}}
service: {extensions: [k8s_metadata], pipelines: {logs: {receivers: [envoyals], processors: [k8s_attributes], exporters: [debug]}}}
`

async function rbac(config: string, ...flags: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let out = ''
  let err = ''
  const io = { out: (text: string) => void (out += text), err: (text: string) => void (err += text), env: {}, hasColour: false }
  const code = await runCli(['rbac', '--config', `yaml:${config}`, ...flags], { registry, io })
  return { code, out, err }
}

function documents(out: string): readonly unknown[] {
  return parseAllDocuments(out).map((document) => document.toJS() as unknown)
}

test('a config for the own node gets a ClusterRole and its binding', async () => {
  const { code, out, err } = await rbac(`${BASE}extensions: {k8s_metadata: {}}`)
  expect({ code, err }).toEqual({ code: EXIT.ok, err: '' })
  expect(out).toMatch(/^# Each daemon watches its own node/)
  expect(documents(out)).toEqual([
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'meshscope' },
      rules: [{ apiGroups: [''], resources: expect.arrayContaining(['pods']), verbs: ['list', 'watch'] }],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'meshscope' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'meshscope' },
      subjects: [{ kind: 'ServiceAccount', name: 'meshscope', namespace: 'meshscope' }],
    },
  ])
})

test('a config for some namespaces gets a Role in each, under the names that are asked for', async () => {
  const { out } = await rbac(
    `${BASE}extensions: {k8s_metadata: {scope: namespaces, namespaces: [shop, bank], resources: {nodes: never, namespaces: never}}}`,
    '--name=tel',
    '--namespace=mon',
    '--service-account=agent',
  )
  expect(out).not.toContain('#')
  const role = (namespace: string) => ({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'tel', namespace } })
  const binding = (namespace: string) => ({
    kind: 'RoleBinding',
    metadata: { name: 'tel', namespace },
    subjects: [{ kind: 'ServiceAccount', name: 'agent', namespace: 'mon' }],
  })
  expect(documents(out)).toMatchObject([role('bank'), binding('bank'), role('shop'), binding('shop')])
})

test('a node that the config names is the only one that may be read', async () => {
  const { out } = await rbac(`${BASE}extensions: {k8s_metadata: {node: node-1, resources: {nodes: always}}}`)
  expect(out).toMatch(/^# The config names the node node-1/)
  expect(documents(out)[0]).toMatchObject({
    rules: expect.arrayContaining([{ apiGroups: [''], resources: ['nodes'], resourceNames: ['node-1'], verbs: ['list', 'watch'] }]),
  })
})

test('a config that asks nothing needs no rights', async () => {
  const { code, out } = await rbac(
    'receivers: {envoyals: {}}\nexporters: {debug: {}}\nservice: {pipelines: {logs: {receivers: [envoyals], exporters: [debug]}}}',
  )
  expect(code).toBe(EXIT.ok)
  expect(out).toBe('# This config asks nothing of the API server: it needs no rights.\n# Set automountServiceAccountToken: false for its pods.\n')
})

test('a bad config gets its problems', async () => {
  const { code, out, err } = await rbac(`${BASE}extensions: {k8s_metadata: {scope: world}}`)
  expect({ code, out }).toEqual({ code: EXIT.config, out: '' })
  expect(err).toContain('extensions.k8s_metadata.scope')
})
