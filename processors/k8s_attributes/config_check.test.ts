import { describe, expect, test } from 'vitest'
import { checkConfig } from './config_check.ts'
import { configOf, type GivenConfig } from './testing.ts'

const ENV = { KUBE_NODE_NAME: 'node1', EMPTY: '' }

/** What is found wrong, one line each. */
function problemsOf(given: GivenConfig): string[] {
  return checkConfig(configOf(given), ENV).map(({ path, problem, found = '', hint = '' }) => `${path.join('.')}: ${problem}; ${found}; ${hint}`)
}

const association = (...sources: readonly GivenConfig[]): GivenConfig => ({ pod_association: [{ sources }] })
const attribute = (name: string): GivenConfig => ({ from: 'resource_attribute', name })

describe('a good config', () => {
  test.for<{ name: string; given: GivenConfig }>([
    { name: 'may be empty', given: {} },
    { name: 'may use a kubeconfig', given: { auth_type: 'kubeConfig', context: 'kind' } },
    { name: 'may take the node from the environment', given: { filter: { node_from_env_var: 'KUBE_NODE_NAME' } } },
    { name: 'may associate by container', given: association(attribute('container.id')) },
    { name: 'may associate by several sources', given: association({ from: 'connection' }, attribute('k8s.pod.uid')) },
    {
      name: 'may associate by what is extracted',
      given: { extract: { labels: [{ tag_name: 'team', key: 'team' }] }, ...association({ from: 'connection' }, attribute('team')) },
    },
    {
      name: 'may associate by a label under its default name',
      given: { extract: { labels: [{ key: 'team' }] }, ...association(attribute('k8s.pod.ip'), attribute('k8s.pod.labels.team')) },
    },
  ])('$name', ({ given }) => {
    expect(problemsOf(given)).toEqual([])
  })
})

describe('a bad config', () => {
  test.for<{ name: string; given: GivenConfig; problem: RegExp }>([
    { name: 'a context without a kubeconfig', given: { context: 'kind' }, problem: /^context: without a kubeconfig; no auth_type; set auth_type: kubeConfig/ },
    { name: 'a negative time to wait', given: { wait_for_metadata_timeout: '-1s' }, problem: /^wait_for_metadata_timeout: negative duration; -1s/ },
    {
      name: 'an attribute that is not kept',
      given: { extract: { metadata: ['k8s.pod.name', 'k8s.daemonset.uuid'] } },
      problem: /^extract\.metadata\.1: unknown attribute; k8s\.daemonset\.uuid; did you mean k8s\.daemonset\.uid\?$/,
    },
    {
      name: 'a mistyped attribute',
      given: { extract: { metadata: ['k8s.pod.nmae'] } },
      problem: /^extract\.metadata\.0: unknown attribute; k8s\.pod\.nmae; did you mean k8s\.pod\.name\?$/,
    },
    { name: 'a rule without a key', given: { extract: { labels: [{ tag_name: 'x' }] } }, problem: /^extract\.labels\.0: names no key; neither; add key$/ },
    {
      name: 'a rule with two keys',
      given: { extract: { annotations: [{ key: 'a', key_regex: 'b' }] } },
      problem: /^extract\.annotations\.0: names its keys in two ways; both/,
    },
    {
      name: 'a broken key_regex',
      given: { extract: { labels: [{ key_regex: '(' }] } },
      problem: /^extract\.labels\.0\.key_regex: not a regular expression; \( \(.*missing closing \)/i,
    },
    { name: 'a broken name to exclude', given: { exclude: { pods: [{ name: '*' }] } }, problem: /^exclude\.pods\.0\.name: not a regular expression; \* / },
    {
      name: 'a variable that is not set',
      given: { filter: { node_from_env_var: 'NODE' } },
      problem: /^filter\.node_from_env_var: environment variable without a value; NODE; give the container the variable NODE/,
    },
    {
      name: 'a variable that is empty',
      given: { filter: { node_from_env_var: 'EMPTY' } },
      problem: /^filter\.node_from_env_var: environment variable without a value; EMPTY/,
    },
    {
      name: 'a field that cannot be compared',
      given: { filter: { fields: [{ key: 'status.phase', value: 'Running' }] } },
      problem: /^filter\.fields\.0\.key: not supported; status\.phase; remove it/,
    },
    {
      name: 'a mistyped field',
      given: { filter: { fields: [{ key: 'spec.nodename', value: 'x' }] } },
      problem: /^filter\.fields\.0\.key: not supported; spec\.nodename; did you mean spec\.nodeName\?$/,
    },
    {
      name: 'a source without a name',
      given: association({ from: 'resource_attribute' }),
      problem: /^pod_association\.0\.sources\.0\.name: missing setting; ; add name/,
    },
    {
      name: 'a pod name without its namespace',
      given: association(attribute('k8s.pod.name')),
      problem: /^pod_association\.0\.sources: leads to no pod; k8s\.pod\.name; /,
    },
    {
      name: 'an attribute that no pod has',
      given: association({ from: 'connection' }, attribute('team')),
      problem: /^pod_association\.0\.sources\.1\.name: no pod has this attribute; team; add team to extract\.metadata/,
    },
    {
      name: 'an attribute that only containers have',
      given: { extract: { metadata: ['container.image.name'] }, ...association({ from: 'connection' }, attribute('container.image.name')) },
      problem: /no pod has this attribute; container\.image\.name/,
    },
  ])('is told: $name', ({ given, problem }) => {
    const problems = problemsOf(given)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(problem)
  })
})
