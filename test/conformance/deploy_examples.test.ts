import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { runCli } from '../../cmd/meshscope/cli.ts'
import { registry } from '../../cmd/meshscope/components.ts'
import { EXIT } from '../../cmd/meshscope/exit_codes.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
const EXAMPLES = join(REPOSITORY, 'deploy/examples')

async function run(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  let [out, err] = ['', '']
  const io = { out: (text: string) => void (out += text), err: (text: string) => void (err += text), env: {}, hasColour: false }
  const code = await runCli(args, { registry, io })
  return { code, out, err }
}

describe('the examples of deploy/', () => {
  test.for(readdirSync(EXAMPLES).filter((name) => name.endsWith('.yaml')))('%s has no problem and no warning', async (name) => {
    const { code, out, err } = await run('validate', '--config', join(EXAMPLES, name))
    expect({ code, err }).toEqual({ code: EXIT.ok, err: '' })
    expect(out).toMatch(/^config is good/)
  })

  test.for(['istio', 'kubernetes'])('%s.yaml is what the README of the project shows', (name) => {
    const readme = readFileSync(join(REPOSITORY, 'README.md'), 'utf8')
    const block = new RegExp(`deploy/examples/${name}\\.yaml[^\`]*\`\`\`yaml\\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1]
    const shown = parse(block ?? '') as Readonly<Record<string, unknown>>
    const whole = parse(readFileSync(join(EXAMPLES, `${name}.yaml`), 'utf8')) as Readonly<Record<string, unknown>>
    expect(whole).toMatchObject(shown)
    expect(Object.keys(shown).length).toBeGreaterThan(1)
  })

  test('kubernetes.yaml takes the right to list and watch what the mesh is named by, and no other', async () => {
    const { code, out } = await run('rbac', '--config', join(EXAMPLES, 'kubernetes.yaml'), '--namespace', 'observability')
    expect(code).toBe(EXIT.ok)
    const rules = (
      parse(out.split('\n---\n')[0] ?? '') as { readonly rules: readonly { readonly resources: readonly string[]; readonly verbs: readonly string[] }[] }
    ).rules
    expect(rules.flatMap(({ resources }) => resources).sort()).toEqual(['endpointslices', 'nodes', 'pods', 'serviceentries', 'services', 'workloadentries'])
    for (const { verbs } of rules) expect(verbs).toEqual(['list', 'watch'])
  })
})
