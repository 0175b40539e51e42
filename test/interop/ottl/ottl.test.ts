/** The same statements, conditions and actions on the same batches, in the Go Collector's processors and in ours. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Signal } from '../../../component/signal.ts'
import { freePort } from '../../free_port.ts'
import { temporaryFolder } from '../child.ts'
import { type CollectorConfig, type RunningCollector, startCollector } from '../collector.ts'
import { suite } from '../suite.ts'
import { settled } from '../waiting.ts'
import { ACTION_CASES } from './action_cases.ts'
import { CASES as OTTL_CASES } from './cases.ts'
import { DATA } from './data.ts'
import { normal, ours } from './ours.ts'

const CASES = [...OTTL_CASES, ...ACTION_CASES]
const SIGNALS: readonly Signal[] = ['logs', 'traces', 'metrics']

/** A pipeline for each case, all fed by one receiver, and one without a processor that tells when a batch has come through. */
function configOf(port: number, folder: string): CollectorConfig {
  const file = (name: string): object => ({ path: join(folder, `${name}.json`), flush_interval: '100ms' })
  const entries = CASES.map((each, i) => ({ ...each, name: `case${i}` }))
  const controls = SIGNALS.map((signal) => ({ signal, name: `control_${signal}` }))
  return {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    processors: Object.fromEntries(entries.map(({ name, processor, settings }) => [`${processor}/${name}`, settings])),
    exporters: Object.fromEntries([...entries, ...controls].map(({ name }) => [`file/${name}`, file(name)])),
    service: {
      pipelines: Object.fromEntries([
        ...entries.map(({ signal, processor, name }) => [
          `${signal}/${name}`,
          { receivers: ['otlp'], processors: [`${processor}/${name}`], exporters: [`file/${name}`] },
        ]),
        ...controls.map(({ signal, name }) => [`${signal}/${name}`, { receivers: ['otlp'], exporters: [`file/${name}`] }]),
      ]),
    },
  }
}

suite("the Go Collector's transform, filter, attributes and resource, and ours", ['otelcol'], (paths) => {
  let collector: RunningCollector | undefined
  const folder = temporaryFolder('ottl')
  const written = (name: string): string => {
    const path = join(folder.path, `${name}.json`)
    return existsSync(path) ? readFileSync(path, 'utf8').trim() : ''
  }

  beforeAll(async () => {
    const port = await freePort()
    collector = await startCollector({ binary: paths.otelcol, config: configOf(port, folder.path) })
    for (const signal of SIGNALS) {
      const response = await fetch(`http://127.0.0.1:${port}/v1/${signal}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: DATA[signal],
      })
      expect(response.status).toBe(200)
    }
    await settled(
      () => Promise.resolve(SIGNALS.map((signal) => written(`control_${signal}`))),
      (texts) => texts.every((text) => text !== ''),
    )
    // At its end it writes what it still holds.
    await collector.stop()
    collector = undefined
  })

  afterAll(async () => {
    await collector?.stop()
    folder.remove()
  })

  test.for(
    CASES.map((each, i) => ({
      ...each,
      name: `${each.signal}: ${JSON.stringify(Object.values(each.settings).at(each.processor === 'attributes' ? -1 : 1) ?? each.settings)}`,
      i,
    })),
  )('do the same: $name', async ({ i, ...each }) => {
    const theirs = written(`case${i}`)
    expect(normal(await ours(each, DATA[each.signal]))).toEqual(normal(theirs === '' ? undefined : theirs))
  })
})
