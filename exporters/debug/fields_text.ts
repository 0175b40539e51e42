import { quoted } from './printable.ts'

/** One line per set value; objects and lists are indented below their name. */
export function pushFields(lines: string[], indent: string, fields: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(fields)) pushField(lines, indent, `${quoted(key)}:`, value)
}

function pushField(lines: string[], indent: string, label: string, value: unknown): void {
  if (value === undefined || value === '' || (typeof value === 'number' && Number.isNaN(value))) return
  if (typeof value === 'string') lines.push(`${indent}${label} ${quoted(value)}`)
  else if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') lines.push(`${indent}${label} ${value}`)
  else if (value instanceof Uint8Array) lines.push(`${indent}${label} ${Buffer.from(value).toString('base64')}`)
  else if (Array.isArray(value)) {
    if (value.length > 0) lines.push(`${indent}${label}`)
    for (const item of value) pushField(lines, `${indent}  `, '-', item)
  } else if (typeof value === 'object' && value !== null && Object.keys(value).length > 0) {
    lines.push(`${indent}${label}`)
    pushFields(lines, `${indent}  `, value as Readonly<Record<string, unknown>>)
  }
}
