/** Pictures of panels with values over time: lines, single numbers, heat maps. */
import type { Panel, Threshold } from '@grafana/schema'
import type { Unit } from '../units.ts'
import { type Answer, type Line, lastOf, type Span } from './ask.ts'
import { axisTicks, formatValue } from './format.ts'
import { colorOf, DIM, fitting, GRID, PALETTE, round, textAt } from './svg.ts'

/** The room within a panel, below its title. */
export interface Box {
  readonly width: number
  readonly height: number
}

const AXIS_WIDTH = 62
const AXIS_HEIGHT = 18
const LEGEND_ROW = 17
const LEGEND_ROWS_MAX = 5

export function unitOf(panel: Panel): Unit {
  return (panel.fieldConfig?.defaults.unit ?? 'short') as Unit
}

function linesOf(answers: readonly Answer[]): Line[] {
  return answers.flatMap(({ lines }) => lines).toSorted((a, b) => (lastOf(b) || 0) - (lastOf(a) || 0))
}

/** Lines, or areas on top of each other, with axes and a table of the last and the largest values. */
export function drawLines(panel: Panel, answers: readonly Answer[], { width, height }: Box, span: Span): string {
  const lines = linesOf(answers)
  const unit = unitOf(panel)
  const rows = Math.min(lines.length, LEGEND_ROWS_MAX)
  const legendHeight = rows === 0 ? 0 : (rows + 1) * LEGEND_ROW + (lines.length > rows ? LEGEND_ROW : 0) + 4
  const plot = { x: AXIS_WIDTH, y: 6, width: width - AXIS_WIDTH - 10, height: height - legendHeight - AXIS_HEIGHT - 10 }
  const isStacked = (panel.fieldConfig?.defaults.custom as { stacking?: { mode?: string } } | undefined)?.stacking?.mode === 'normal'
  const colors = lines.map(({ name }, index) => lineColor(panel, name, index))
  const curves = isStacked ? stack(lines) : lines.map(({ values }) => ({ top: values, bottom: undefined }))
  const largest = Math.max(...curves.flatMap(({ top }) => top.map((value) => value ?? 0)), 0)
  const ticks = axisTicks(largest, 4, unit)
  const max = ticks.at(-1) ?? 1
  const x = (index: number, count: number): number => plot.x + (plot.width * index) / Math.max(1, count - 1)
  const y = (value: number): number => plot.y + plot.height * (1 - value / max)
  const shapes = curves.map(({ top, bottom }, index) => {
    const points = top.flatMap((value, at) => (value === undefined ? [] : [[x(at, top.length), y(value)] as const]))
    const floor = top.flatMap((value, at) => (value === undefined ? [] : [[x(at, top.length), y(bottom?.[at] ?? 0)] as const])).toReversed()
    if (points.length === 0) return ''
    const path = (list: readonly (readonly [number, number])[]): string => list.map(([px, py]) => `${round(px)},${round(py)}`).join(' ')
    const area = `<polygon points="${path([...points, ...floor])}" fill="${colors[index]}" fill-opacity="${isStacked ? 0.35 : 0.06}"/>`
    return `${area}<polyline points="${path(points)}" fill="none" stroke="${colors[index]}" stroke-width="1.6" stroke-linejoin="round"/>`
  })
  return [
    axes(plot, ticks, { unit, y, span }),
    ...(isStacked ? shapes.toReversed() : shapes),
    legend(lines, colors, { unit, y: height - legendHeight + 4, width }),
  ].join('')
}

interface Plot {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

function axes(plot: Plot, ticks: readonly number[], { unit, y, span }: { unit: Unit; y: (value: number) => number; span: Span }): string {
  const horizontal = ticks.map(
    (tick) =>
      `<line x1="${plot.x}" x2="${round(plot.x + plot.width)}" y1="${round(y(tick))}" y2="${round(y(tick))}" stroke="${GRID}"/>` +
      textAt(plot.x - 8, y(tick) + 4, formatValue(tick, unit), { anchor: 'end' }),
  )
  return [...horizontal, timeAxis(plot, span)].join('')
}

/** Whole minutes of UTC, as many as fit. */
function timeAxis(plot: Plot, { start, end }: Span): string {
  const minutes = Math.max(1, Math.ceil((end - start) / 60 / Math.max(1, Math.floor(plot.width / 90))))
  const every = [1, 2, 5, 10, 15, 30, 60].find((size) => size >= minutes) ?? 60
  const marks: string[] = []
  for (let time = Math.ceil(start / 60 / every) * 60 * every; time <= end; time += every * 60) {
    const x = plot.x + (plot.width * (time - start)) / (end - start)
    marks.push(`<line x1="${round(x)}" x2="${round(x)}" y1="${plot.y}" y2="${round(plot.y + plot.height)}" stroke="${GRID}"/>`)
    // A label at the end would not fit.
    if (x < plot.x + plot.width - 16) marks.push(textAt(x, plot.y + plot.height + 15, new Date(time * 1000).toISOString().slice(11, 16), { anchor: 'middle' }))
  }
  return marks.join('')
}

function legend(lines: readonly Line[], colors: readonly string[], { unit, y, width }: { unit: Unit; y: number; width: number }): string {
  if (lines.length === 0) return textAt(width / 2, y - 40, 'no data', { anchor: 'middle' })
  const last = width - 86
  const max = width - 10
  const rows = lines.slice(0, LEGEND_ROWS_MAX).map((line, index) => {
    const at = y + (index + 1) * LEGEND_ROW + 10
    const largest = Math.max(...line.values.map((value) => value ?? Number.NEGATIVE_INFINITY))
    return (
      `<rect x="10" y="${round(at - 6)}" width="14" height="4" rx="2" fill="${colors[index]}"/>` +
      textAt(30, at, fitting(line.name, last - 110), { fill: '#ccccdc' }) +
      textAt(last, at, formatValue(lastOf(line), unit), { anchor: 'end', fill: '#ccccdc' }) +
      textAt(max, at, formatValue(largest, unit), { anchor: 'end', fill: '#ccccdc' })
    )
  })
  const head = textAt(last, y + 10, 'Last', { anchor: 'end', fill: '#6e9fff' }) + textAt(max, y + 10, 'Max', { anchor: 'end', fill: '#6e9fff' })
  const rest = lines.length - rows.length
  const more = rest > 0 ? textAt(30, y + (rows.length + 1) * LEGEND_ROW + 10, `and ${rest} more`) : ''
  return [head, ...rows, more].join('')
}

function lineColor(panel: Panel, name: string, index: number): string {
  for (const { matcher, properties } of panel.fieldConfig?.overrides ?? []) {
    const fixed = properties.find(({ id }) => id === 'color')?.value as { fixedColor?: string } | undefined
    if (matcher.id === 'byRegexp' && fixed?.fixedColor !== undefined && new RegExp(String(matcher.options)).test(name)) return colorOf(fixed.fixedColor)
  }
  return PALETTE[index % PALETTE.length] ?? DIM
}

/** Each line on top of those below it; the largest is at the bottom. */
function stack(lines: readonly Line[]): { readonly top: readonly (number | undefined)[]; readonly bottom: readonly number[] }[] {
  const sums: number[] = []
  return lines.map(({ values }) => {
    const bottom = values.map((_, index) => sums[index] ?? 0)
    const top = values.map((value, index) => (value === undefined && bottom[index] === 0 ? undefined : (bottom[index] ?? 0) + (value ?? 0)))
    top.forEach((value, index) => {
      sums[index] = value ?? sums[index] ?? 0
    })
    return { top, bottom }
  })
}

/** A number in the colour of its threshold, above a small curve. */
export function drawStat(panel: Panel, answers: readonly Answer[], { width, height }: Box): string {
  const [line] = linesOf(answers)
  if (line === undefined) return textAt(width / 2, height / 2, panel.fieldConfig?.defaults.noValue ?? 'no data', { anchor: 'middle', size: 16 })
  const value = lastOf(line)
  const color = thresholdColor(value, panel.fieldConfig?.defaults.thresholds?.steps ?? [])
  const values = line.values.map((one) => one ?? 0)
  const max = Math.max(...values)
  const min = Math.min(...values)
  const y = (one: number): number => height - 4 - ((one - min) / (max - min || 1)) * height * 0.32
  const points = values.map((one, index) => `${round((width * index) / Math.max(1, values.length - 1))},${round(y(one))}`)
  const area = `<polygon points="0,${height} ${points.join(' ')} ${width},${height}" fill="${color}" fill-opacity="0.14"/><polyline points="${points.join(' ')}" fill="none" stroke="${color}" stroke-opacity="0.7" stroke-width="1.4"/>`
  return area + textAt(width / 2, height * 0.5, formatValue(value, unitOf(panel)), { anchor: 'middle', size: 26, weight: 600, fill: color })
}

/** The colour of the last threshold that a value has reached. */
export function thresholdColor(value: number, steps: readonly Threshold[]): string {
  return colorOf(steps.findLast((step) => value >= (step.value ?? Number.NEGATIVE_INFINITY))?.color ?? 'text')
}

/** Cells by time and bucket, the brighter the more; cumulative buckets are taken apart. */
export function drawHeatmap(panel: Panel, answers: readonly Answer[], { width, height }: Box, span: Span): string {
  const bounds = answers
    .flatMap(({ lines }) => lines)
    .map((line) => ({ bound: Number(line.labels['le']?.replace('+Inf', 'Infinity')), values: line.values }))
    .toSorted((a, b) => a.bound - b.bound)
  const cells = bounds.map(({ bound, values }, index) => ({
    bound,
    counts: values.map((value, at) => Math.max(0, (value ?? 0) - (bounds[index - 1]?.values[at] ?? 0))),
  }))
  // Rows beyond the highest and lowest bucket in use would be empty.
  const used = cells.map(({ counts }) => counts.some((count) => count > 0.01))
  const rows = cells.slice(Math.max(0, used.indexOf(true)), used.lastIndexOf(true) + 1)
  if (rows.length === 0) return textAt(width / 2, height / 2, 'no data', { anchor: 'middle' })
  const plot = { x: AXIS_WIDTH, y: 6, width: width - AXIS_WIDTH - 10, height: height - AXIS_HEIGHT - 12 }
  const largest = Math.max(...rows.flatMap(({ counts }) => counts))
  const rowHeight = plot.height / rows.length
  const parts = rows.flatMap(({ bound, counts }, index) => {
    const y = plot.y + plot.height - (index + 1) * rowHeight
    const cellWidth = plot.width / counts.length
    const colored = counts.map((count, at) => {
      if (count <= 0.01) return ''
      const opacity = 0.1 + 0.9 * Math.sqrt(count / largest)
      return `<rect x="${round(plot.x + at * cellWidth)}" y="${round(y + 0.5)}" width="${round(cellWidth - 0.4)}" height="${round(rowHeight - 1)}" fill="#ff9830" fill-opacity="${opacity.toFixed(2)}"/>`
    })
    const label = textAt(plot.x - 8, y + 4, Number.isFinite(bound) ? formatValue(bound, unitOf(panel)) : '∞', { anchor: 'end' })
    return [...colored, rows.length <= 14 || index % 2 === 0 ? label : '']
  })
  return [...parts, timeAxis(plot, span)].join('')
}
