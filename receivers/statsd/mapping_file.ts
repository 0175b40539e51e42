import { readFileSync, statSync } from 'node:fs'
import type { FieldProblem } from '../../component/config_schema.ts'
import { loadMapping, type MappingProblem } from './naming/mapping_source.ts'

const SETTING = 'mapping_file'

/**
 * What is wrong or suspicious in the file that `mapping_file` names, each problem at its line of that file; part of checking a config, so
 * `validate` finds it. Never throws. The file is read again when the receiver starts and whenever it changes.
 */
export function checkMappingFile(file: string): FieldProblem[] {
  const text = textOf(file)
  if (typeof text !== 'string') return [text]
  const { problems, warnings } = loadMapping(text, file)
  const placed = ({ file: name, line, column, path, ...problem }: MappingProblem): FieldProblem => ({
    ...problem,
    path: [SETTING, ...path],
    place: { file: name, line, column },
  })
  return [...problems.map(placed), ...warnings.map((warning) => ({ ...placed(warning), isWarning: true }))]
}

function textOf(file: string): string | FieldProblem {
  try {
    // A pipe could be read only once, and the receiver reads the file again whenever it changes.
    if (!statSync(file).isFile()) return { path: [SETTING], problem: 'not a file', expected: 'a regular file', found: file }
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return {
      path: [SETTING],
      problem: code === 'ENOENT' ? 'file not found' : 'cannot read file',
      expected: 'a mapping file of the statsd_exporter',
      found: code === 'ENOENT' ? file : message,
      ...(code === 'ENOENT' && !file.startsWith('/') ? { hint: 'the path is relative to the folder that the daemon is started in' } : {}),
    }
  }
}
