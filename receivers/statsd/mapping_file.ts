import { readFileSync, statSync } from 'node:fs'
import type { FieldProblem } from '../../component/config_schema.ts'
import { loadMapping } from './naming/mapping_source.ts'

const SETTING = 'mapping_file'

/**
 * What is wrong with the file that `mapping_file` names, each problem at its line of that file; part of checking a config, so
 * `validate` finds it. Never throws. The file is read again when the receiver starts and whenever it changes.
 */
export function checkMappingFile(file: string): FieldProblem[] {
  const text = textOf(file)
  if (typeof text !== 'string') return [text]
  return loadMapping(text, file).problems.map(({ file: name, line, column, path, ...problem }) => ({
    ...problem,
    path: [SETTING, ...path],
    place: { file: name, line, column },
  }))
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
