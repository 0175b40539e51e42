/** A dashboard as a reader of its JSON sees it: the parts that tests and the renderer of screenshots look at. */
import type { Dashboard, Panel, RowPanel } from '@grafana/schema'

/** One query of a panel. */
export interface Target {
  readonly refId: string
  readonly expr: string
  readonly legendFormat: string
  /** One value, now, instead of values over time. */
  readonly isInstant: boolean
}

/** The panels that show something, without the headings. */
export function panelsOf(dashboard: Dashboard): Panel[] {
  return (dashboard.panels ?? []).filter((panel): panel is Panel => !isRow(panel))
}

export function isRow(panel: Panel | RowPanel): panel is RowPanel {
  return panel.type === 'row'
}

/** The Prometheus queries of a panel; none for those of CloudWatch. */
export function targetsOf(panel: Panel): Target[] {
  return (panel.targets ?? []).flatMap((target) => {
    if (typeof target['expr'] !== 'string') return []
    const { refId, expr, legendFormat, instant } = target
    return [{ refId: String(refId), expr, legendFormat: typeof legendFormat === 'string' ? legendFormat : '', isInstant: instant === true }]
  })
}

/** The labels that a legend names: `{{label}}`. */
export function legendLabels(legend: string): string[] {
  return Array.from(legend.matchAll(/\{\{\s*(\w+)\s*\}\}/g), ([, label = '']) => label)
}
