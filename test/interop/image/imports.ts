/** Which of a folder's packages can be imported: what an image leaves out of them must not be missed. */
import { packagesToRun } from '../../../scripts/image/lock.ts'
import { platformHere } from '../../../scripts/image/platform.ts'

/**
 * A program for `node --input-type=module -e`, run in a folder with `node_modules`, that imports every package to run by its
 * name and by each of its published paths, and prints those that could be imported, one a line. What fails wherever it is
 * imported, such as a path with types only, is left out.
 */
export function importsProgram(lockText: string): string {
  const names = packagesToRun(lockText, platformHere()).flatMap(({ folder, name }) => (folder === `node_modules/${name}` ? [name] : []))
  return `
import { readFileSync } from 'node:fs'
for (const name of ${JSON.stringify(names)}) {
  const { exports = {} } = JSON.parse(readFileSync('node_modules/' + name + '/package.json', 'utf8'))
  const paths = Object.keys(Object(exports)).filter((key) => key.startsWith('./') && !key.includes('*') && !key.endsWith('.json'))
  for (const path of ['', ...paths.map((key) => key.slice(1))]) {
    try {
      await import(name + path)
      console.log(name + path)
    } catch {}
  }
}
process.exit(0)`
}
