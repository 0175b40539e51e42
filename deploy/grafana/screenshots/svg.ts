/** Pieces that all pictures of panels share: colours, text, and escaping. */

/** Grafana's names of colours, as its dark theme shows them. */
export const COLORS: Readonly<Record<string, string>> = {
  green: '#73bf69',
  yellow: '#fade2a',
  blue: '#5794f2',
  orange: '#ff9830',
  red: '#f2495c',
  purple: '#b877d9',
  text: '#d8d9da',
}

/** For lines without a colour of their own, one after another. */
export const PALETTE = [
  '#73bf69',
  '#f2cc0c',
  '#8ab8ff',
  '#ff780a',
  '#f2495c',
  '#5794f2',
  '#b877d9',
  '#96d98d',
  '#ffb357',
  '#ca95e5',
  '#e0b400',
  '#37872d',
] as const

export const DIM = '#9a9ba3'
export const GRID = '#2c3035'
export const PANEL = '#181b1f'

/** A colour by its name in a dashboard, or as it is. */
export function colorOf(name: string): string {
  return COLORS[name] ?? name
}

export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

export interface TextStyle {
  readonly size?: number
  readonly fill?: string
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly weight?: number
}

/** One line of text whose baseline begins (or ends, or has its middle) at a point. */
export function textAt(x: number, y: number, text: string, { size = 11, fill = DIM, anchor = 'start', weight = 400 }: TextStyle = {}): string {
  return `<text x="${round(x)}" y="${round(y)}" font-size="${size}" fill="${fill}" text-anchor="${anchor}" font-weight="${weight}">${escape(text)}</text>`
}

/** Text that fits into a width, by the usual width of a letter. */
export function fitting(text: string, width: number, size = 11): string {
  const letters = Math.max(1, Math.floor(width / (size * 0.55)))
  return text.length <= letters ? text : `${text.slice(0, letters - 1)}…`
}

export function round(value: number): number {
  return Math.round(value * 10) / 10
}
