import type { FieldProblem } from '../../component/config_schema.ts'
import { didYouMean } from '../../lib/did_you_mean.ts'
import { durationMs } from '../../lib/duration.ts'
import { re2Fault } from '../../lib/re2.ts'
import { lookupOf } from './association.ts'
import { attributeName } from './field_rules.ts'
import { CONTAINER_METADATA, METADATA } from './metadata.ts'
import { FILTER_FIELDS } from './pod_filter.ts'
import type { K8sAttributesConfig } from './schema.ts'

/** What the schema cannot say. `env` is the environment that `node_from_env_var` means. */
export function checkConfig(config: K8sAttributesConfig, env: Readonly<Record<string, string | undefined>> = process.env): readonly FieldProblem[] {
  return [
    ...checkAccess(config),
    ...checkMetadata(config),
    ...checkFieldRules(config, 'labels'),
    ...checkFieldRules(config, 'annotations'),
    ...checkFilter(config, env),
    ...checkAssociations(config),
    ...config.exclude.pods.flatMap(({ name }, i) => checkPattern(name, ['exclude', 'pods', i, 'name'])),
  ]
}

function* checkAccess(config: K8sAttributesConfig): Iterable<FieldProblem> {
  if (config.context !== undefined && config.auth_type !== 'kubeConfig') {
    yield {
      path: ['context'],
      problem: 'without a kubeconfig',
      expected: 'auth_type: kubeConfig beside it',
      found: config.auth_type === undefined ? 'no auth_type' : `auth_type: ${config.auth_type}`,
      hint: 'set auth_type: kubeConfig or remove context',
    }
  }
  if (durationMs(config.wait_for_metadata_timeout) < 0) {
    yield { path: ['wait_for_metadata_timeout'], problem: 'negative duration', expected: '0s or more', found: config.wait_for_metadata_timeout }
  }
}

function* checkMetadata(config: K8sAttributesConfig): Iterable<FieldProblem> {
  for (const [i, name] of config.extract.metadata.entries()) {
    if ((METADATA as readonly string[]).includes(name)) continue
    const path = ['extract', 'metadata', i]
    const meant = didYouMean(name, METADATA)
    yield {
      path,
      problem: 'unknown attribute',
      expected: `one of ${METADATA.join(', ')}`,
      found: name,
      ...(meant === undefined ? {} : { hint: `did you mean ${meant}?` }),
    }
  }
}

function* checkFieldRules({ extract }: K8sAttributesConfig, list: 'labels' | 'annotations'): Iterable<FieldProblem> {
  for (const [i, { key, key_regex: pattern }] of extract[list].entries()) {
    const path = ['extract', list, i]
    if ((key === undefined) === (pattern === undefined)) {
      yield {
        path,
        problem: key === undefined ? 'names no key' : 'names its keys in two ways',
        expected: 'either key or key_regex',
        found: key === undefined ? 'neither' : 'both',
        hint: key === undefined ? 'add key' : 'remove one of them',
      }
    }
    if (pattern !== undefined) yield* checkPattern(pattern, [...path, 'key_regex'])
  }
}

function checkPattern(pattern: string, path: readonly (string | number)[]): readonly FieldProblem[] {
  const fault = re2Fault(pattern)
  return fault === undefined ? [] : [{ path, problem: 'not a regular expression', expected: 'a regular expression', found: `${pattern} (${fault})` }]
}

function* checkFilter({ filter }: K8sAttributesConfig, env: Readonly<Record<string, string | undefined>>): Iterable<FieldProblem> {
  const variable = filter.node_from_env_var
  if (variable !== undefined && (env[variable] ?? '') === '') {
    yield {
      path: ['filter', 'node_from_env_var'],
      problem: 'environment variable without a value',
      expected: 'the name of a variable that holds the name of the node',
      found: variable,
      hint: `give the container the variable ${variable} with fieldRef: {fieldPath: spec.nodeName}`,
    }
  }
  for (const [i, { key }] of filter.fields.entries()) {
    if (FILTER_FIELDS.has(key)) continue
    const meant = didYouMean(key, FILTER_FIELDS.keys())
    yield {
      path: ['filter', 'fields', i, 'key'],
      problem: 'not supported',
      expected: `one of ${[...FILTER_FIELDS.keys()].join(', ')}`,
      found: key,
      ...(key === 'status.phase'
        ? { hint: 'remove it: a pod that has ended no longer has its address' }
        : meant === undefined
          ? {}
          : { hint: `did you mean ${meant}?` }),
    }
  }
}

/** Attributes of a pod that it always has, whatever is extracted. */
const CONDITIONS: readonly string[] = ['k8s.namespace.name', 'k8s.pod.name', 'k8s.pod.uid', 'k8s.pod.ip', 'host.name', 'container.id']

function* checkAssociations(config: K8sAttributesConfig): Iterable<FieldProblem> {
  for (const [i, { sources }] of config.pod_association.entries()) {
    const path = ['pod_association', i, 'sources']
    for (const [j, source] of sources.entries()) {
      if (source.from === 'connection') continue
      if (source.name === undefined) {
        yield { path: [...path, j, 'name'], problem: 'missing setting', expected: 'the name of the attribute', hint: 'add name, such as k8s.pod.ip' }
      } else if (!mayHave(config, source.name)) {
        yield {
          path: [...path, j, 'name'],
          problem: 'no pod has this attribute',
          expected: 'connection, or an attribute that identifies a pod or is extracted from it',
          found: source.name,
          hint: `add ${source.name} to extract.metadata, or give a label or annotation this tag_name`,
        }
      }
    }
    if (sources.some(({ from, name }) => from === 'resource_attribute' && name === undefined)) continue
    if (lookupOf(sources.map(({ from, name = '' }) => ({ from, name: from === 'connection' ? '' : name }))) === undefined) {
      yield {
        path,
        problem: 'leads to no pod',
        expected: 'connection, k8s.pod.ip, k8s.pod.uid, container.id, or k8s.pod.name with k8s.namespace.name among the sources',
        found: sources.map(({ name }) => name).join(', '),
        hint: 'add one of them to this association',
      }
    }
  }
}

/** False for an attribute that no pod can have by this config. */
function mayHave({ extract }: K8sAttributesConfig, name: string): boolean {
  if (CONDITIONS.includes(name) || extract.otel_annotations) return true
  if (extract.metadata.includes(name) && !CONTAINER_METADATA.includes(name) && name !== 'k8s.node.uid') return true
  return (['labels', 'annotations'] as const).some((list) =>
    extract[list].some((rule) => rule.from === 'pod' && (rule.key === undefined || attributeName(rule, list, rule.key) === name)),
  )
}
