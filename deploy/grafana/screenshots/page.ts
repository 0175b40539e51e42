/** A dashboard as one HTML page with a picture of each panel. */
import type { Dashboard, Panel, RowPanel } from '@grafana/schema'
import { isRow } from '../model.ts'
import { substitute } from '../substitute.ts'
import type { Answer, Span } from './ask.ts'
import { type Box, drawHeatmap, drawLines, drawStat } from './charts.ts'
import { drawNodeGraph } from './node_graph.ts'
import { escape, PANEL } from './svg.ts'
import { drawTable } from './tables.ts'

const WIDTH = 1480
const MARGIN = 12
/** A row of Grafana's grid, and the gap below it. */
const CELL = 38
const GAP = 8
const TITLE = 30

export interface PageOptions {
  readonly dashboard: Dashboard
  /** Titles of the rows that are shown, in the dashboard's order; all when empty. */
  readonly rows: readonly string[]
  readonly answers: ReadonlyMap<number, readonly Answer[]>
  readonly variables: Readonly<Record<string, string>>
  readonly span: Span
}

export interface Page {
  readonly html: string
  readonly width: number
  readonly height: number
}

/** Renders the page; panels stand where the dashboard has them, moved up where rows are left out. */
export function renderPage({ dashboard, rows, answers, variables, span }: PageOptions): Page {
  const parts: string[] = []
  const column = (WIDTH - 2 * MARGIN + GAP) / 24
  let top = 64
  for (const { row, panels } of sections(dashboard)) {
    if (rows.length > 0 && !rows.includes(row.title ?? '')) continue
    const first = (row.gridPos?.y ?? 0) + 1
    parts.push(`<div class="row" style="left:${MARGIN}px;top:${top}px">${escape(substitute(row.title ?? '', variables))}</div>`)
    top += 34
    let bottom = top
    for (const panel of panels) {
      const { x, y, w, h } = panel.gridPos ?? { x: 0, y: 0, w: 0, h: 0 }
      const place = { left: MARGIN + x * column, top: top + (y - first) * CELL, width: w * column - GAP, height: h * CELL - GAP }
      parts.push(panelHtml(panel, answers.get(panel.id ?? 0) ?? [], place, span))
      bottom = Math.max(bottom, place.top + place.height + GAP)
    }
    top = bottom + 4
  }
  const title = `<h1>${escape(dashboard.title ?? '')}</h1><p>last ${Math.round((span.end - span.start) / 60)} minutes, UTC</p>`
  const html = `<!doctype html><meta charset="utf-8"><style>${CSS}</style><body style="width:${WIDTH}px;height:${top}px">${title}${parts.join('\n')}</body>`
  return { html, width: WIDTH, height: Math.ceil(top) }
}

const CSS = `
body { margin: 0; background: #111217; color: #ccccdc; font-family: Inter, 'DejaVu Sans', sans-serif; position: relative; overflow: hidden }
h1 { position: absolute; left: ${MARGIN + 4}px; top: 16px; margin: 0; font-size: 19px; font-weight: 500 }
p { position: absolute; right: ${MARGIN + 4}px; top: 20px; margin: 0; font-size: 13px; color: #9a9ba3 }
.row { position: absolute; font-size: 15px; padding: 6px 4px }
.panel { position: absolute; background: ${PANEL}; border: 1px solid #25272d; border-radius: 3px; box-sizing: border-box }
.title { font-size: 13px; font-weight: 600; padding: 7px 10px; white-space: nowrap; overflow: hidden }
svg { position: absolute; left: 0; top: ${TITLE}px }
text { font-family: Inter, 'DejaVu Sans', sans-serif }`

interface Section {
  readonly row: RowPanel
  readonly panels: Panel[]
}

function sections(dashboard: Dashboard): Section[] {
  const found: Section[] = []
  for (const panel of dashboard.panels ?? []) {
    if (isRow(panel)) found.push({ row: panel, panels: [] })
    else found.at(-1)?.panels.push(panel)
  }
  return found
}

interface Place extends Box {
  readonly left: number
  readonly top: number
}

function panelHtml(panel: Panel, answers: readonly Answer[], { left, top, width, height }: Place, span: Span): string {
  const box = { width: Math.floor(width) - 2, height: Math.floor(height) - TITLE - 2 }
  const picture = draw(panel, answers, box, span)
  const style = `left:${left.toFixed(1)}px;top:${top.toFixed(1)}px;width:${width.toFixed(1)}px;height:${height.toFixed(1)}px`
  return `<div class="panel" style="${style}"><div class="title">${escape(panel.title ?? '')}</div><svg width="${box.width}" height="${box.height}">${picture}</svg></div>`
}

function draw(panel: Panel, answers: readonly Answer[], box: Box, span: Span): string {
  switch (panel.type) {
    case 'stat':
      return drawStat(panel, answers, box)
    case 'table':
      return drawTable(panel, answers, box)
    case 'heatmap':
      return drawHeatmap(panel, answers, box, span)
    case 'nodeGraph':
      return drawNodeGraph(panel, answers, box)
    default:
      return drawLines(panel, answers, box, span)
  }
}
