import type { Detect } from './detector.ts'

/** Longest key or value, in characters (https://opentelemetry.io/docs/specs/otel/resource/sdk/ leaves it open). */
const CHARACTERS_MAX = 4096

/**
 * Detector `env`: `OTEL_RESOURCE_ATTRIBUTES` with `key=value,key=value`, percent-encoded
 * (https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable). A pair
 * that is none is left out and told; of a key that is there twice the last one counts.
 */
export const detectEnvironment: Detect = ({ env }) => {
  const attributes: Record<string, string> = Object.create(null) as Record<string, string>
  const faulty: string[] = []
  for (const pair of (env['OTEL_RESOURCE_ATTRIBUTES'] ?? '').split(',')) {
    if (pair.trim() === '') continue
    const at = pair.indexOf('=')
    const [key, value] = [decoded(pair.slice(0, Math.max(at, 0)).trim()), decoded(pair.slice(at + 1).trim())]
    if (at < 0 || key === undefined || key === '' || value === undefined) faulty.push(JSON.stringify(pair.trim().slice(0, 100)))
    else attributes[key] = value
  }
  if (faulty.length === 0) return { attributes }
  return { attributes, problem: `OTEL_RESOURCE_ATTRIBUTES holds ${faulty.join(', ')}; expected key=value, with percent-encoding for commas and equals signs` }
}

function decoded(text: string): string | undefined {
  if (text.length > CHARACTERS_MAX) return undefined
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

/** Detector `k8snode`: the node of the own pod, from variables that the pod's manifest fills from the downward API. */
export function detectKubernetesNode(config: { readonly node_from_env_var: string; readonly uid_from_env_var: string }): Detect {
  return ({ env }) => {
    const name = env[config.node_from_env_var] ?? ''
    if (name === '') {
      throw new Error(`the environment variable ${config.node_from_env_var} is not set; fill it from fieldPath spec.nodeName in the pod's manifest`)
    }
    return { attributes: { 'k8s.node.name': name, 'k8s.node.uid': env[config.uid_from_env_var] || undefined } }
  }
}
