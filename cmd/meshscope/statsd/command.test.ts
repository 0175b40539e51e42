import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { configTestRegistry } from '../../../test/fakes/config_factories.ts'
import { runCli } from '../cli.ts'
import { registry } from '../components.ts'
import { EXIT } from '../exit_codes.ts'
import type { LineExplanation } from './explain_line.ts'

const folder = mkdtempSync(join(tmpdir(), 'meshscope-statsd-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const good = file(
  'good.yml',
  'mappings:\n- { match: a.*, name: a, labels: { second: "$1" }, ttl: 5s }\n- { match: a.b, name: never }\n- { match: "x(.*)", match_type: regex, name: x }\n',
)
const bad = file('bad.yml', 'mappings:\n- { match: a.*, name: 0 }\n- { match: "!", name: a }\n')

async function run(...args: readonly string[]) {
  let out = ''
  let err = ''
  const io = { out: (text: string) => void (out += text), err: (text: string) => void (err += text), env: {}, hasColour: false }
  const code = await runCli(['statsd', ...args], { registry: configTestRegistry, io })
  return { code, out, err }
}

describe('check-mapping', () => {
  test('counts the rules of a good mapping, and warns', async () => {
    const { code, out, err } = await run('check-mapping', good)
    expect({ code, out }).toEqual({ code: EXIT.ok, out: 'mapping is good: 3 rules, of them 2 globs and 1 regular expression\n' })
    expect(err).toBe(
      `${good}:3:12  warning: mappings[1].match: rule is never reached\n  found     "a.b"\n  hint      rule 1 in line 2 takes all that it fits; put the narrower rule first\n`,
    )
  })

  test('exits 2 with every problem of a bad one', async () => {
    const { code, out, err } = await run('check-mapping', bad)
    expect({ code, out }).toEqual({ code: EXIT.config, out: '' })
    expect(err).toContain(`${bad}:2:23  mappings[0].name: not a metric name`)
    expect(err).toContain(`${bad}:3:12  mappings[1].match: not a glob`)
    expect(err).toMatch(/\n2 problems\n$/)
  })

  test('exits 2 when there is no file', async () => {
    const { code, err } = await run('check-mapping', join(folder, 'none.yml'))
    expect(code).toBe(EXIT.config)
    expect(err).toContain('none.yml: ENOENT')
  })
})

describe('explain', () => {
  const json = async (...args: readonly string[]): Promise<LineExplanation> =>
    JSON.parse((await run('explain', ...args, '--format', 'json')).out) as LineExplanation

  test('says which rule names a sample, and why those before it do not', async () => {
    const { code, out, err } = await run('explain', 'xyz:4|ms|#env:prod', '--mapping', good)
    expect({ code, err }).toEqual({ code: EXIT.ok, err: '' })
    expect(out).toBe(`line        xyz:4|ms|#env:prod
read as     lenient
verdict     taken

sample 1    timer xyz
value       4
tags        env="prod"
not         1 (${good}:2) "a.*": has 2 segments, and the name has 1 segment
not         2 (${good}:3) "a.b": has 2 segments, and the name has 1 segment
rule        3 (${good}:4) "x(.*)": fits and goes first
metric      x{env="prod"}
kept as     summary of quantiles 0.5, 0.9, 0.99 over 600 s
records     0.004 (times 0.001)
with        unit s, help "Received by StatsD."
`)
  })

  test('gives the same as JSON, every rule included', async () => {
    const { samples } = await json('a.b:2|c|@0.5', '--mapping', good)
    expect(samples).toMatchObject([
      { name: 'a.b', type: 'counter', value: 2, weight: 2, recorded: 4, series: { name: 'a', labels: [['second', 'b']], ttlMs: 5000, rule: 1 } },
    ])
    expect(samples[0]?.rules?.map(({ rule, isHit }) => `${rule} ${isHit}`)).toEqual(['1 true', '2 false', '3 false'])
  })

  test('shows how an Envoy name is read', async () => {
    const { out } = await run('explain', 'edge.cluster.outbound|80||a.b.svc.cluster.local.upstream_rq_200:7|c', '--profile', 'envoy', '--prefix', 'edge')
    expect(out).toContain('in Envoy    cluster.upstream_rq\n')
    expect(out).toContain('metric      envoy_cluster_upstream_rq{envoy_cluster_name="outbound|80||a.b.svc.cluster.local",envoy_response_code="200"}\n')
  })

  test('keeps the dotted names of an Envoy whole where that is asked for', async () => {
    const line = 'envoy.cluster.a.b.upstream_rq_total:7|c'
    expect((await run('explain', line, '--profile', 'envoy')).out).toContain('envoy_cluster_b_upstream_rq_total{envoy_cluster_name="a"}')
    const { out } = await run('explain', line, '--profile', 'envoy', '--dotted-names', 'all')
    expect(out).toContain('envoy_cluster_upstream_rq_total{envoy_cluster_name="a.b"}')
  })

  test('reads a line in the dialect asked for', async () => {
    expect(await json('g:-1|g')).toMatchObject({ samples: [{ isDelta: true }] })
    expect(await json('g:-1|g', '--dialect', 'dogstatsd')).toMatchObject({ samples: [{ isDelta: false, series: { aggregation: { kind: 'gauge' } } }] })
  })

  test('shows events and service checks', async () => {
    expect(await json('_e{5,4}:title|text')).toMatchObject({ events: [{ title: 'title', text: 'text' }] })
    expect((await run('explain', '_sc|db|2')).out).toContain('check       {"name":"db","status":"critical"')
  })

  test('exits 1 with the reason when the line is not taken', async () => {
    const { code, out } = await run('explain', 'no value\u001b[31m')
    expect({ code, out }).toEqual({ code: EXIT.failed, out: 'line        no value\\u001b[31m\nread as     lenient\nverdict     rejected: no_value\n' })
  })

  test('exits 2 when the mapping is bad, and 64 when the command line is', async () => {
    expect((await run('explain', 'a:1|c', '--mapping', bad)).code).toBe(EXIT.config)
    expect((await run('explain', 'a:1|c', '--dialect', 'nope')).code).toBe(EXIT.usage)
  })
})

describe('validate', () => {
  const config = (mapping: string): string =>
    file(
      'config.yaml',
      `receivers: {statsd: {mapping_file: ${JSON.stringify(mapping)}}}\nexporters: {debug: }\nservice: {pipelines: {metrics: {receivers: [statsd], exporters: [debug]}}}\n`,
    )
  const validate = async (mapping: string) => {
    let [out, err] = ['', '']
    const io = { out: (text: string) => void (out += text), err: (text: string) => void (err += text), env: {}, hasColour: false }
    const code = await runCli(['validate', '--config', config(mapping)], { registry, io })
    return { code, out, err }
  }

  test('takes a config with a good mapping file', async () => {
    const fine = file('fine.yml', 'mappings:\n- { match: a.*, name: a }\n')
    expect(await validate(fine)).toEqual({ code: EXIT.ok, out: 'config is good: 1 pipeline, 2 components\n', err: '' })
  })

  test('warns of rules that are never reached, and takes the config', async () => {
    const { code, err } = await validate(good)
    expect(code).toBe(EXIT.ok)
    expect(err).toContain('good.yml:3:12  warning: receivers.statsd.mapping_file.mappings[1].match: rule is never reached')
  })

  test('tells the problems of a mapping file with their places in it', async () => {
    const { code, err } = await validate(bad)
    expect(code).toBe(EXIT.config)
    expect(err).toContain(`${bad}:2:23  receivers.statsd.mapping_file.mappings[0].name: not a metric name\n  expected `)
    expect(err).toContain(`${bad}:3:12  receivers.statsd.mapping_file.mappings[1].match: not a glob\n`)
    expect(err).toMatch(/\n2 problems\n$/)
  })

  test('tells where the config names a mapping file that is not there', async () => {
    const { code, err } = await validate(join(folder, 'none.yml'))
    expect(code).toBe(EXIT.config)
    expect(err).toMatch(/config\.yaml:1:\d+ {2}receivers\.statsd\.mapping_file: file not found\n/)
  })
})
