/** Pictures of tables. */
import type { Panel, Threshold } from '@grafana/schema'
import type { Unit } from '../units.ts'
import { type Answer, lastOf } from './ask.ts'
import { type Box, thresholdColor } from './charts.ts'
import { formatValue } from './format.ts'
import { fitting, GRID, textAt } from './svg.ts'

const ROW = 24

/** One row of a table: label values and numbers by the names of their columns. */
export interface TableRow {
  readonly labels: Readonly<Record<string, string>>
  readonly values: Readonly<Record<string, number>>
}

interface Organize {
  readonly renameByName: Readonly<Record<string, string>>
}

function organizeOf(panel: Panel): Organize {
  return (panel.transformations?.find(({ id }) => id === 'organize')?.options ?? { renameByName: {} }) as Organize
}

/** The answers of a table's queries, merged by their labels, the largest first. */
export function tableRows(panel: Panel, answers: readonly Answer[]): TableRow[] {
  const { renameByName } = organizeOf(panel)
  const rows = new Map<string, { labels: Record<string, string>; values: Record<string, number> }>()
  for (const { refId, lines } of answers) {
    const column = renameByName[answers.length === 1 ? 'Value' : `Value #${refId}`] ?? refId
    for (const line of lines) {
      const key = JSON.stringify(Object.entries(line.labels).toSorted(([a], [b]) => a.localeCompare(b)))
      const row = rows.get(key) ?? { labels: line.labels, values: {} }
      row.values[column] = lastOf(line)
      rows.set(key, row)
    }
  }
  const sorted = (panel.options?.['sortBy'] as readonly { readonly displayName: string }[] | undefined)?.[0]?.displayName ?? ''
  return [...rows.values()].toSorted((a, b) => (b.values[sorted] ?? 0) - (a.values[sorted] ?? 0))
}

export function drawTable(panel: Panel, answers: readonly Answer[], { width, height }: Box): string {
  const { renameByName } = organizeOf(panel)
  const labels = Object.entries(renameByName).filter(([name]) => !name.startsWith('Value'))
  const values = Object.entries(renameByName).filter(([name]) => name.startsWith('Value'))
  const rows = tableRows(panel, answers)
  const valueWidth = 82
  // Namespaces are short, names of hosts are long.
  const shares = labels.map(([name]) => (name.endsWith('namespace') ? 1.2 : 1.7))
  const share = (width - 24 - values.length * valueWidth) / shares.reduce((sum, one) => sum + one, 0)
  const labelWidth = (index: number): number => share * (shares[index] ?? 1)
  const columnX = (index: number): number => 12 + share * shares.slice(0, index).reduce((sum, one) => sum + one, 0)
  const valueX = (index: number): number => width - 12 - (values.length - 1 - index) * valueWidth
  const head = [
    ...labels.map(([, name], index) => textAt(columnX(index), 16, fitting(name, labelWidth(index) * 0.92), { fill: '#6e9fff', weight: 600 })),
    ...values.map(([, name], index) => textAt(valueX(index), 16, name, { fill: '#6e9fff', weight: 600, anchor: 'end' })),
  ]
  const body = rows.slice(0, Math.floor((height - 28) / ROW)).map((row, index) => {
    const y = 24 + (index + 1) * ROW - 8
    const cells = [
      ...labels.map(([label], at) => textAt(columnX(at), y, fitting(row.labels[label] ?? '', labelWidth(at) - 8), { fill: '#ccccdc' })),
      ...values.map(([, name], at) => {
        const { unit, steps } = columnStyle(panel, name)
        const value = row.values[name] ?? Number.NaN
        const fill = steps.length === 0 || Number.isNaN(value) ? '#ccccdc' : thresholdColor(value, steps)
        return textAt(valueX(at), y, formatValue(value, unit), { anchor: 'end', fill })
      }),
    ]
    return `<line x1="8" x2="${width - 8}" y1="${y - 16}" y2="${y - 16}" stroke="${GRID}"/>${cells.join('')}`
  })
  return [...head, ...body].join('')
}

function columnStyle(panel: Panel, name: string): { readonly unit: Unit; readonly steps: readonly Threshold[] } {
  const properties = panel.fieldConfig?.overrides.find(({ matcher }) => matcher.id === 'byName' && matcher.options === name)?.properties ?? []
  const thresholds = properties.find(({ id }) => id === 'thresholds')?.value as { readonly steps: readonly Threshold[] } | undefined
  return { unit: (properties.find(({ id }) => id === 'unit')?.value ?? 'short') as Unit, steps: thresholds?.steps ?? [] }
}
