import type { Dashboard } from '@grafana/schema'

/** A dashboard as its file has it. */
export function fileText(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`
}
