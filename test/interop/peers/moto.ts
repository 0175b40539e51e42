import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, makeVenv, step } from './install.ts'

/** What `pip install` takes: moto with the services that tests use, and what its server needs. */
const PACKAGES = ['moto[logs,cloudwatch]==5.2.5', 'flask==3.1.2', 'flask-cors==6.0.1']

/** moto's server, which answers as AWS's services do: the cache, or a Python environment that has it; 139 MB. */
export async function obtainMoto(): Promise<string> {
  const folder = join(cacheFolder(), 'moto-5.2.5')
  const server = join(folder, 'bin', 'moto_server')
  const complete = join(folder, 'complete')
  if (existsSync(complete)) return server
  await makeVenv(folder)
  await step('pip install of moto', join(folder, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', ...PACKAGES])
  // A folder that a run has left half made is made again.
  writeFileSync(complete, '')
  return server
}
