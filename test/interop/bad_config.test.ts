/** What a user sees who made several mistakes at once. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { run, temporaryFolder } from './child.ts'
import { REPOSITORY } from './daemon.ts'

const BAD = `receivers:
  envoyals:
    endpoint: 127.0.0.1:19001
    max_stream_agee: 5m
  envoyals/slow:
    max_stream_age: 5
processors:
  mesh:
exporters:
  prometheus:
    endpoint: nowhere
service:
  pipelines:
    logs:
      receivers: [envoyals, envoyals/slow]
      processors: [mesh, mash]
      exporters: [mesh_metrics]
`

describe('npx meshscope validate', () => {
  const folder = temporaryFolder('bad-config')
  afterEach(() => folder.remove())

  test('exits with 2 and tells every problem with its place', async () => {
    const file = join(folder.path, 'bad.yaml')
    writeFileSync(file, BAD)
    const { code, output } = await run({ name: 'npx meshscope', file: 'npx', args: ['meshscope', 'validate', '--config', file], dir: REPOSITORY }, 60_000)
    expect(code, output).toBe(2)
    const problems = output.split('\n').filter((line) => line.startsWith(file))
    expect(problems.map((line) => line.slice(file.length + 1).split(':')[0])).toEqual(expect.arrayContaining(['4', '6', '11', '16', '17']))
    expect(output).toContain('did you mean max_stream_age?')
    expect(output).toContain('receivers.envoyals/slow.max_stream_age: not a duration')
  })
})
