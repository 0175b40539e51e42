/** The picture of who calls whom. */
import type { Panel } from '@grafana/schema'
import type { Unit } from '../units.ts'
import { type Answer, type Line, lastOf } from './ask.ts'
import { type Box, unitOf } from './charts.ts'
import { formatValue } from './format.ts'
import { COLORS, DIM, round, textAt } from './svg.ts'

const RADIUS = 30
const CIRCUMFERENCE = 2 * Math.PI * RADIUS
const EDGE_COLOR = '#6b6f76'

interface GraphNode {
  readonly id: string
  readonly title: string
  readonly rate: number
  /** Share of its calls that failed. */
  readonly failed: number
}

interface GraphEdge {
  readonly source: string
  readonly target: string
  readonly rate: number
}

interface Place {
  readonly x: number
  readonly y: number
}

/** In which column of the graph each node stands: right of everything that calls it, as far as calls do not go in circles. */
export function layers(nodes: readonly string[], edges: readonly { readonly source: string; readonly target: string }[]): Map<string, number> {
  const layer = new Map(nodes.map((node) => [node, 0]))
  for (let pass = 0; pass < nodes.length; pass++) {
    let isSettled = true
    for (const { source, target } of edges) {
      const wanted = (layer.get(source) ?? 0) + 1
      if (source === target || (layer.get(target) ?? 0) >= wanted || wanted >= nodes.length) continue
      layer.set(target, wanted)
      isSettled = false
    }
    if (isSettled) break
  }
  return layer
}

/** Nodes as rings of what failed and what did not, and lines from caller to service. */
export function drawNodeGraph(panel: Panel, answers: readonly Answer[], box: Box): string {
  const linesOf = (refId: string): readonly Line[] => answers.find((answer) => answer.refId === refId)?.lines ?? []
  const unit = unitOf(panel)
  const failed = new Map(linesOf('failed').map((line) => [line.labels['id'], lastOf(line)]))
  const nodes = linesOf('nodes').map((line): GraphNode => {
    const { id = '', title = '' } = line.labels
    return { id, title, rate: lastOf(line), failed: failed.get(id) ?? 0 }
  })
  const edges = linesOf('edges').map((line): GraphEdge => ({ source: line.labels['source'] ?? '', target: line.labels['target'] ?? '', rate: lastOf(line) }))
  const places = placesOf(nodes, edges, box)
  const arrow = `<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="5" markerHeight="5" orient="auto"><path d="M0 0L8 4L0 8z" fill="${EDGE_COLOR}"/></marker></defs>`
  return [arrow, ...edges.map((edge) => drawEdge(edge, places, unit)), ...nodes.map((node) => drawNode(node, places, unit))].join('')
}

/** Columns by who calls whom, in each the busiest on top. */
function placesOf(nodes: readonly GraphNode[], edges: readonly GraphEdge[], { width, height }: Box): Map<string, Place> {
  const layer = layers(
    nodes.map(({ id }) => id),
    edges,
  )
  const columns = Map.groupBy(nodes, ({ id }) => layer.get(id) ?? 0)
  const count = Math.max(...columns.keys(), 0) + 1
  const places = new Map<string, Place>()
  for (const [column, members] of columns) {
    // Every second column stands a little lower, so that lines and names do not meet.
    const top = column % 2 === 0 ? 6 : 20
    members
      .toSorted((a, b) => b.rate - a.rate)
      .forEach(({ id }, index) => places.set(id, { x: ((column + 0.5) * width) / count, y: ((index + 0.5) * (height - 40)) / members.length + top }))
  }
  return places
}

function drawEdge({ source, target, rate }: GraphEdge, places: ReadonlyMap<string, Place>, unit: Unit): string {
  const [from, to] = [places.get(source), places.get(target)]
  if (from === undefined || to === undefined || source === target) return ''
  const [dx, dy] = [to.x - from.x, to.y - from.y]
  const length = Math.hypot(dx, dy) || 1
  // From ring to ring, with room for the arrow.
  const [begin, end] = [(RADIUS + 4) / length, 1 - (RADIUS + 8) / length]
  const line = [from.x + dx * begin, from.y + dy * begin, from.x + dx * end, from.y + dy * end].map(round)
  const label = textAt(from.x + dx * 0.42, from.y + dy * 0.42 - 5, formatValue(rate, unit), { anchor: 'middle', size: 10 })
  const width = round(1 + Math.min(3, Math.log10(1 + rate)))
  return `<line x1="${line[0]}" y1="${line[1]}" x2="${line[2]}" y2="${line[3]}" stroke="${EDGE_COLOR}" stroke-width="${width}" marker-end="url(#arrow)"/>${label}`
}

function drawNode({ id, title, rate, failed }: GraphNode, places: ReadonlyMap<string, Place>, unit: Unit): string {
  const { x, y } = places.get(id) ?? { x: 0, y: 0 }
  const isCalled = rate > 0
  const circle = `<circle cx="${round(x)}" cy="${round(y)}" r="${RADIUS}" stroke-width="4"`
  const arc = `stroke-dasharray="${round(CIRCUMFERENCE * failed)} ${round(CIRCUMFERENCE)}" transform="rotate(-90 ${round(x)} ${round(y)})"`
  return [
    `${circle} fill="#22252b" stroke="${isCalled ? COLORS['green'] : DIM}"/>`,
    `${circle} fill="none" stroke="${COLORS['red']}" ${arc}/>`,
    textAt(x, y + 4, isCalled ? formatValue(rate, unit) : '', { anchor: 'middle', size: 10, fill: '#ffffff' }),
    textAt(x, y + RADIUS + 17, title, { anchor: 'middle', fill: '#ccccdc' }),
  ].join('')
}
