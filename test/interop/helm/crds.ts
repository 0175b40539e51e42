/** The definitions of the custom resources that the chart makes, as the Prometheus operator and Istio publish them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { Manifest } from '../../../scripts/manifests/chart.ts'

/** Folders with definitions, as `suite` gives them. */
export interface DefinitionPaths {
  readonly 'prometheus-operator-crds': string
  readonly 'mesh-schemas': string
}

/** A CustomResourceDefinition. */
export interface Definition extends Manifest {
  readonly spec: { readonly group: string; readonly names: { readonly kind: string; readonly plural: string } }
}

const OF_ISTIO = ['Telemetry', 'DestinationRule']

/** Those of PodMonitor, ServiceMonitor, PrometheusRule, Telemetry and DestinationRule. */
export function definitionsOf(paths: DefinitionPaths): readonly Definition[] {
  const monitoring = ['podmonitors', 'servicemonitors', 'prometheusrules'].flatMap((name) => documents(join(paths['prometheus-operator-crds'], `${name}.yaml`)))
  const istio = documents(join(paths['mesh-schemas'], 'istio', 'crds.yaml')).filter(({ spec }) => OF_ISTIO.includes(spec.names.kind))
  return [...monitoring, ...istio]
}

function documents(path: string): readonly Definition[] {
  return parseAllDocuments(readFileSync(path, 'utf8')).flatMap((document) => (document.toJS() === null ? [] : [document.toJS() as Definition]))
}

/** A kind as it stands in URLs. */
export function pluralOf(kind: string): string {
  const name = kind.toLowerCase()
  if (name === 'telemetry') return 'telemetries'
  return name.endsWith('y') ? `${name.slice(0, -1)}ies` : `${name}s`
}
