/** Panels as Grafana stores them, with what all of ours have in common. Positions and ids come later, from the layout in `dashboard.ts`. */
import {
  AxisPlacement,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueJustifyMode,
  BigValueTextMode,
  type DataSourceRef,
  type DataTransformerConfig,
  FieldColorModeId,
  type FieldConfigSource,
  GraphThresholdsStyleMode,
  HeatmapCellLayout,
  LegendDisplayMode,
  type Panel,
  PercentChangeColorMode,
  SortOrder,
  StackingMode,
  type Threshold,
  ThresholdsMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizOrientation,
} from '@grafana/schema'
import {
  HeatmapColorMode,
  HeatmapColorScale,
  type Options as HeatmapOptions,
} from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen'
import type { Options as NodeGraphOptions } from '@grafana/schema/dist/esm/raw/composable/nodegraph/panelcfg/x/NodeGraphPanelCfg_types.gen'
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen'
import type {
  FieldConfig as TimeSeriesField,
  Options as TimeSeriesOptions,
} from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen'
import type { Unit } from './units.ts'

/** The Prometheus that the variable `datasource` names. */
export const PROMETHEUS: DataSourceRef = { type: 'prometheus', uid: '${datasource}' }

/** A panel without place: the layout adds `id` and `gridPos`. */
export interface PanelSpec {
  /** Columns of 24. */
  readonly width: number
  /** Rows of 30 pixels. */
  readonly height: number
  readonly panel: Panel
}

/** What every panel says about itself. The description stands behind the small i of its title. */
export interface PanelText {
  readonly title: string
  readonly description: string
  readonly width?: number
  readonly height?: number
}

/** One line, or one set of lines. */
export interface Query {
  readonly expr: string
  /** As Grafana takes it: `{{label}}`. */
  readonly legend: string
}

/** Colours from a value on; the first one holds below all others. */
export interface Steps {
  readonly base: string
  /** Ascending. */
  readonly steps: readonly (readonly [value: number, color: string])[]
}

/** Green up to a share of failures, yellow, red from the second value on. */
export function badAbove(warning: number, critical: number): Steps {
  return {
    base: 'green',
    steps: [
      [warning, 'yellow'],
      [critical, 'red'],
    ],
  }
}

/** Red below the first value, yellow, green from the second value on. */
export function goodAbove(warning: number, good: number): Steps {
  return {
    base: 'red',
    steps: [
      [warning, 'yellow'],
      [good, 'green'],
    ],
  }
}

const NEUTRAL: Steps = { base: 'text', steps: [] }

function thresholds({ base, steps }: Steps): { mode: ThresholdsMode; steps: Threshold[] } {
  return { mode: ThresholdsMode.Absolute, steps: [{ color: base, value: null }, ...steps.map(([value, color]) => ({ color, value }))] }
}

/** `A`, `B`, … as Grafana numbers queries itself. */
function letter(index: number): string {
  return String.fromCharCode(65 + index)
}

export interface TimeSeriesSpec extends PanelText {
  readonly unit: Unit
  readonly queries: readonly Query[]
  /** Lines on top of each other, for parts of a whole. */
  readonly stacked?: boolean
  readonly max?: number
  /** Drawn as dashed lines. */
  readonly steps?: Steps
  /** Whether single requests with a trace are marked. */
  readonly exemplars?: boolean
  /** Colours by pattern of the legend. */
  readonly colors?: Readonly<Record<string, string>>
}

/** The package declares LegendDisplayMode twice, and exports the other one. */
type LineOptions = Omit<TimeSeriesOptions, 'legend'> & {
  readonly legend: Omit<TimeSeriesOptions['legend'], 'displayMode'> & { readonly displayMode: LegendDisplayMode }
}

/** Lines over time, with a table of last and largest values below. */
export function timeseries(spec: TimeSeriesSpec): PanelSpec {
  const custom: Partial<TimeSeriesField> = {
    lineWidth: 1,
    fillOpacity: spec.stacked === true ? 40 : 8,
    showPoints: VisibilityMode.Never,
    thresholdsStyle: { mode: spec.steps === undefined ? GraphThresholdsStyleMode.Off : GraphThresholdsStyleMode.Dashed },
    stacking: { mode: spec.stacked === true ? StackingMode.Normal : StackingMode.None, group: 'A' },
  }
  const options: LineOptions = {
    legend: { showLegend: true, displayMode: LegendDisplayMode.Table, placement: 'bottom', calcs: ['lastNotNull', 'max'], sortBy: 'Last *', sortDesc: true },
    tooltip: { mode: TooltipDisplayMode.Multi, sort: SortOrder.Descending },
  }
  const fieldConfig: FieldConfigSource = {
    defaults: {
      unit: spec.unit,
      min: 0,
      ...(spec.max === undefined ? {} : { max: spec.max }),
      color: { mode: FieldColorModeId.PaletteClassicByName },
      custom,
      thresholds: thresholds(spec.steps ?? NEUTRAL),
    },
    overrides: Object.entries(spec.colors ?? {}).map(([pattern, color]) => ({
      matcher: { id: 'byRegexp', options: pattern },
      properties: [{ id: 'color', value: { mode: FieldColorModeId.Fixed, fixedColor: color } }],
    })),
  }
  const targets = spec.queries.map(({ expr, legend }, index) => ({
    refId: letter(index),
    datasource: PROMETHEUS,
    editorMode: 'code',
    expr,
    legendFormat: legend,
    range: true,
    ...(spec.exemplars === true ? { exemplar: true } : {}),
  }))
  return place(spec, { width: 8, height: 8 }, { type: 'timeseries', fieldConfig, options: { ...options }, targets })
}

export interface StatSpec extends PanelText {
  readonly unit: Unit
  readonly expr: string
  readonly steps?: Steps
  /** Shown when there is no data; for what is absent when all is well. */
  readonly noValue?: string
  readonly decimals?: number
}

/** One number, and how it was. */
export function stat(spec: StatSpec): PanelSpec {
  const options: StatOptions = {
    colorMode: BigValueColorMode.Value,
    graphMode: BigValueGraphMode.Area,
    justifyMode: BigValueJustifyMode.Auto,
    textMode: BigValueTextMode.Value,
    percentChangeColorMode: PercentChangeColorMode.Standard,
    showPercentChange: false,
    wideLayout: true,
    orientation: VizOrientation.Auto,
    reduceOptions: { calcs: ['lastNotNull'], values: false, fields: '' },
  }
  const fieldConfig: FieldConfigSource = {
    defaults: {
      unit: spec.unit,
      color: { mode: FieldColorModeId.Thresholds },
      thresholds: thresholds(spec.steps ?? NEUTRAL),
      ...(spec.noValue === undefined ? {} : { noValue: spec.noValue }),
      ...(spec.decimals === undefined ? {} : { decimals: spec.decimals }),
    },
    overrides: [],
  }
  const targets = [{ refId: 'A', datasource: PROMETHEUS, editorMode: 'code', expr: spec.expr, legendFormat: '__auto', range: true }]
  return place(spec, { width: 4, height: 4 }, { type: 'stat', fieldConfig, options: { ...options }, targets })
}

export interface HeatmapSpec extends PanelText {
  /** Unit of the bounds. */
  readonly unit: Unit
  /** Must keep the label `le` and no other: increases of cumulative buckets. */
  readonly expr: string
}

/** How many calls fell into which bucket, over time. */
export function heatmap(spec: HeatmapSpec): PanelSpec {
  const options: HeatmapOptions = {
    calculate: false,
    cellGap: 1,
    color: {
      mode: HeatmapColorMode.Scheme,
      scheme: 'Oranges',
      fill: 'dark-orange',
      scale: HeatmapColorScale.Exponential,
      exponent: 0.5,
      reverse: false,
      steps: 64,
    },
    exemplars: { color: 'rgba(255,0,255,0.7)' },
    filterValues: { le: 1e-9 },
    legend: { show: true },
    rowsFrame: { layout: HeatmapCellLayout.auto },
    showValue: VisibilityMode.Never,
    tooltip: { mode: TooltipDisplayMode.Single, yHistogram: false, showColorScale: true },
    yAxis: { unit: spec.unit, axisPlacement: AxisPlacement.Left, reverse: false },
  }
  const targets = [
    { refId: 'A', datasource: PROMETHEUS, editorMode: 'code', expr: spec.expr, legendFormat: '{{le}}', format: 'heatmap', range: true, exemplar: false },
  ]
  return place(
    spec,
    { width: 8, height: 8 },
    { type: 'heatmap', fieldConfig: { defaults: { unit: spec.unit }, overrides: [] }, options: { ...options }, targets },
  )
}

/** A column of a table that a query fills. */
export interface ValueColumn {
  readonly name: string
  readonly expr: string
  readonly unit: Unit
  /** Colours the cell. */
  readonly steps?: Steps
}

export interface TableSpec extends PanelText {
  /** Labels in the order of their columns, and what these are called. */
  readonly labels: Readonly<Record<string, string>>
  readonly values: readonly ValueColumn[]
  /** By the column's name: where a click on the cell leads. */
  readonly links?: Readonly<Record<string, { readonly title: string; readonly url: string }>>
  /** The column that rows are sorted by, largest first. */
  readonly sortBy: string
}

/** A row for each set of labels; every query fills one column. */
export function table(spec: TableSpec): PanelSpec {
  const valueNames = spec.values.map(({ name }, index) => [`Value #${letter(index)}`, name] as const)
  // With a single query Grafana calls the column Value.
  const renameByName = { ...spec.labels, ...(valueNames.length === 1 ? { Value: spec.values[0]?.name ?? '' } : Object.fromEntries(valueNames)) }
  const indexByName = Object.fromEntries(Object.keys(renameByName).map((name, index) => [name, index]))
  const transformations = [
    { id: 'merge', options: {} },
    { id: 'organize', options: { excludeByName: { Time: true }, renameByName, indexByName } },
  ]
  const overrides: FieldConfigSource['overrides'] = spec.values.map(({ name, unit, steps }) => ({
    matcher: { id: 'byName', options: name },
    properties: [
      { id: 'unit', value: unit },
      ...(steps === undefined
        ? []
        : [
            { id: 'thresholds', value: thresholds(steps) },
            { id: 'custom.cellOptions', value: { type: 'color-text' } },
          ]),
    ],
  }))
  for (const [column, link] of Object.entries(spec.links ?? {})) {
    overrides.push({ matcher: { id: 'byName', options: column }, properties: [{ id: 'links', value: [link] }] })
  }
  const fieldConfig: FieldConfigSource = {
    defaults: {
      unit: 'short',
      color: { mode: FieldColorModeId.Thresholds },
      custom: { align: 'auto', filterable: true, inspect: false },
      thresholds: thresholds(NEUTRAL),
    },
    overrides,
  }
  const options = { frameIndex: 0, showHeader: true, cellHeight: 'sm', sortBy: [{ displayName: spec.sortBy, desc: true }] }
  const targets = spec.values.map(({ expr }, index) => instant(letter(index), expr))
  return place(spec, { width: 24, height: 9 }, { type: 'table', fieldConfig, options, targets, transformations })
}

function instant(refId: string, expr: string): Record<string, unknown> {
  return { refId, datasource: PROMETHEUS, editorMode: 'code', expr, format: 'table', instant: true, range: false }
}

export interface NodeGraphSpec extends PanelText {
  /** Each with the labels `id` and `title`: what a node says large. */
  readonly nodes: string
  /** With `id`, for the same nodes: the share of their calls that failed, 0 to 1. */
  readonly failed: string
  /** Each with the labels `id`, `source` and `target`. */
  readonly edges: string
  readonly unit: Unit
}

/**
 * Services and who calls whom. Grafana takes a frame with the fields `id`, `source` and `target` for edges, one with `id` alone for
 * nodes, and the fields `mainstat` and `arc__…` for what they say.
 */
export function nodeGraph(spec: NodeGraphSpec): PanelSpec {
  const options: NodeGraphOptions = {
    nodes: {
      mainStatUnit: spec.unit,
      arcs: [
        { field: 'arc__failed', color: 'red' },
        { field: 'arc__ok', color: 'green' },
      ],
    },
    edges: { mainStatUnit: spec.unit },
  }
  const targets = [instant('nodes', spec.nodes), instant('failed', spec.failed), instant('ok', `1 - (${spec.failed})`), instant('edges', spec.edges)]
  const transformations = [
    { id: 'joinByField', filter: { id: 'byRefId', options: '/^(nodes|failed|ok)$/' }, options: { byField: 'id', mode: 'outer' } },
    fieldAs('nodes', 'mainstat'),
    fieldAs('failed', 'arc__failed'),
    fieldAs('ok', 'arc__ok'),
    fieldAs('edges', 'mainstat'),
  ]
  const fieldConfig: FieldConfigSource = { defaults: { unit: spec.unit }, overrides: [] }
  return place(spec, { width: 24, height: 14 }, { type: 'nodeGraph', fieldConfig, options: { ...options }, targets, transformations })
}

/**
 * A copy of a query's values under the name that the node graph looks for. It does not look at names given by organize or rename:
 * https://github.com/grafana/grafana/issues/54844
 */
function fieldAs(refId: string, alias: string): DataTransformerConfig {
  const binary = { left: `Value #${refId}`, operator: '*', right: '1' }
  return { id: 'calculateField', options: { mode: 'binary', binary, alias, timeSeries: false, replaceFields: false } }
}

function place({ title, description, width, height }: PanelText, usual: { width: number; height: number }, panel: Panel): PanelSpec {
  const whole: Panel = { title, description, datasource: PROMETHEUS, ...panel }
  return { width: width ?? usual.width, height: height ?? usual.height, panel: whole }
}
