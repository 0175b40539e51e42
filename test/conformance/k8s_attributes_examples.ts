/**
 * Configs in the shapes that the documentation of the Collector's processor shows, with what is found wrong with them
 * here. See https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/k8sattributesprocessor.
 */
export const K8S_ATTRIBUTES_EXAMPLES: readonly { readonly name: string; readonly settings: string; readonly problems?: readonly string[] }[] = [
  {
    name: 'an agent that watches its own node',
    settings: `
auth_type: serviceAccount
passthrough: false
filter:
  node_from_env_var: KUBE_NODE_NAME
extract:
  metadata:
    - k8s.pod.name
    - k8s.pod.uid
    - k8s.deployment.name
    - k8s.namespace.name
    - k8s.node.name
    - k8s.pod.start_time
    - service.namespace
    - service.name
    - service.version
    - service.instance.id
  labels:
    - tag_name: app.label.component
      key: app.kubernetes.io/component
      from: pod
  otel_annotations: true
pod_association:
  - sources:
      - from: resource_attribute
        name: k8s.pod.ip
  - sources:
      - from: resource_attribute
        name: k8s.pod.uid
  - sources:
      - from: connection
`,
  },
  {
    name: 'a gateway behind agents',
    settings: `
extract:
  metadata: [k8s.namespace.name, k8s.pod.name, k8s.pod.uid, k8s.deployment.name, k8s.statefulset.name, k8s.daemonset.name, k8s.node.name]
  labels:
    - { tag_name: deployment_mode, key: deployment_mode, from: pod }
    - { tag_name: owner_team, key: team, from: pod }
pod_association:
  - sources: [{ from: resource_attribute, name: k8s.pod.ip }]
`,
  },
  {
    name: 'one namespace',
    settings: `
filter:
  namespace: production
extract:
  labels:
    - { tag_name: team, key: team, from: namespace }
    - { tag_name: environment, key: environment, from: pod }
  annotations:
    - { tag_name: commit_sha, key: git-commit, from: pod }
    - { tag_name: a3, key: annotation-three, from: node }
  otel_annotations: true
`,
  },
  {
    name: 'little memory',
    settings: `
filter:
  node_from_env_var: KUBE_NODE_NAME
extract:
  metadata: [k8s.namespace.name, k8s.pod.name, k8s.pod.uid, k8s.deployment.name]
  deployment_name_from_replicaset: true
`,
  },
  {
    name: 'containers',
    settings: `
extract:
  metadata: [k8s.pod.name, k8s.container.name, container.id, container.image.name, container.image.tag, container.image.repo_digests]
pod_association:
  - sources: [{ from: resource_attribute, name: container.id }]
  - sources: [{ from: connection }]
`,
  },
  { name: 'passthrough', settings: 'passthrough: true' },
  {
    name: 'waiting, a kubeconfig, exclusions',
    settings: `
auth_type: kubeConfig
context: kind-kind
wait_for_metadata: true
wait_for_metadata_timeout: 10s
exclude:
  pods:
    - name: jaeger-agent
    - name: jaeger-collector
`,
  },
  {
    name: 'patterns, with and without the doubled $',
    settings: `
extract:
  annotations:
    - tag_name: $1
      key_regex: custom\\.(.*)
      from: pod
    - tag_name: $$1
      key_regex: (.*)
  labels:
    - key_regex: environment\\.(.*)
    - tag_name: $$1
      key_regex: kubernetes.io/(.*)
`,
  },
  {
    name: 'filters',
    settings: `
filter:
  node: node-1
  namespace: [my-namespace, other]
  fields:
    - { key: spec.nodeName, value: node-1, op: equals }
  labels:
    - { key: app, value: my-app, op: equals }
    - { key: environment, value: production, op: not-equals }
    - { key: monitoring, op: exists }
    - { key: canary, op: does-not-exist }
`,
  },
  {
    name: 'a pod by its name and namespace',
    settings: `
pod_association:
  - sources:
      - from: resource_attribute
        name: k8s.pod.name
      - from: resource_attribute
        name: k8s.namespace.name
`,
  },
  {
    name: 'settings that are not available',
    settings: `
kube_config_path: ~/.kube/config
extract:
  labels:
    - { tag_name: version, key: app.version, from: deployment }
`,
    problems: ['kube_config_path: unknown setting', 'extract.labels[0].from: unknown value'],
  },
  {
    name: 'attributes of owners; a field that is not available',
    settings: `
extract:
  metadata: [k8s.pod.hostname, k8s.pod.name, k8s.daemonset.uid, k8s.deployment.uid]
filter:
  fields:
    - { key: status.phase, value: Running, op: equals }
`,
    problems: ['filter.fields[0].key: not supported'],
  },
]
