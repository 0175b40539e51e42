/** Fills the table of differences in DIALECTS.md: `node test/conformance/statsd_dialects_doc.ts`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DIFFERENCES } from './statsd_differences.ts'

/** From the top of the repository. */
export const DOCUMENT = 'receivers/statsd/DIALECTS.md'

const BEGIN = '<!-- differences -->'
const END = '<!-- /differences -->'

/** The text with what stands between its two markers replaced by today's table. */
export function withDifferences(text: string): string {
  const begin = text.indexOf(BEGIN)
  const end = text.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`${DOCUMENT} lacks ${BEGIN} or ${END}`)
  const rows = DIFFERENCES.map(
    ({ dialects, lines, reason }) => `| ${dialects.join(', ')} | ${lines.map(inTable).join('<br>')} | ${reason.replaceAll('|', '\\|')} |`,
  )
  return `${text.slice(0, begin + BEGIN.length)}\n\n| dialect | line | why |\n| --- | --- | --- |\n${rows.join('\n')}\n\n${text.slice(end)}`
}

function inTable(line: string): string {
  return `\`${line.replaceAll('|', '\\|')}\``
}

if (import.meta.main) {
  const file = join(import.meta.dirname, '../..', DOCUMENT)
  writeFileSync(file, withDifferences(readFileSync(file, 'utf8')))
}
