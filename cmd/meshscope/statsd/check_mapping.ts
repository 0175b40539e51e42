import { readFileSync } from 'node:fs'
import type { Mapping } from '../../../receivers/statsd/naming/mapping.ts'
import { formatMappingProblem, loadMapping } from '../../../receivers/statsd/naming/mapping_source.ts'
import type { CliIo } from '../cli_io.ts'
import { EXIT } from '../exit_codes.ts'

/** `meshscope statsd check-mapping`: prints every problem and warning of a mapping file, and how many rules a good one has. */
export function checkMappingFile(file: string, io: CliIo): number {
  const mapping = readMapping(file, io, { hasWarnings: true })
  if (mapping === undefined) return EXIT.config
  const regexps = mapping.rules.filter(({ regexp }) => regexp !== undefined).length
  const globs = mapping.rules.length - regexps
  io.out(`mapping is good: ${counted(mapping.rules.length, 'rule')}, of them ${counted(globs, 'glob')} and ${counted(regexps, 'regular expression')}\n`)
  return EXIT.ok
}

/** Reads and checks a mapping file; problems and, when wanted, warnings go to standard error. Undefined when it is not good. */
export function readMapping(file: string, io: CliIo, options: { readonly hasWarnings: boolean }): Mapping | undefined {
  const text = readText(file)
  if (typeof text !== 'string') {
    io.err(`meshscope: cannot read ${file}: ${text.message}\n  expected  a mapping file in the form of statsd_exporter\n`)
    return undefined
  }
  const { mapping, problems, warnings } = loadMapping(text, file)
  for (const problem of problems) io.err(`${formatMappingProblem(problem)}\n`)
  for (const warning of options.hasWarnings ? warnings : []) io.err(`${formatMappingProblem(warning, { isWarning: true })}\n`)
  if (mapping === undefined) io.err(`${counted(problems.length, 'problem')}\n`)
  return mapping
}

function readText(file: string): string | Error {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    return error as Error
  }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
