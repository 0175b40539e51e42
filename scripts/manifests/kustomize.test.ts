import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { registry } from '../../cmd/meshscope/components.ts'
import { loadConfig } from '../../config/load.ts'
import { differences, VARIANTS } from './kustomize.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'deploy', 'kustomize')

interface Kustomization {
  readonly resources: readonly string[]
  readonly patches?: readonly { readonly path: string }[]
  readonly configMapGenerator: readonly { readonly files: readonly string[] }[]
}

describe.for(VARIANTS.map(({ name }) => (name === 'base' ? name : `overlays/${name}`)))('the folder %s', (name) => {
  const folder = join(FOLDER, name)
  const { resources, patches = [], configMapGenerator } = parse(readFileSync(join(folder, 'kustomization.yaml'), 'utf8')) as Kustomization

  test('has the files that its kustomization.yaml names, and no others', () => {
    const generated = configMapGenerator.flatMap(({ files }) => files.map((file) => file.split('=')[1] ?? file))
    const named = [...resources.filter((path) => !path.startsWith('..')), ...patches.map(({ path }) => path), ...generated]
    expect(named.toSorted()).toEqual(
      readdirSync(folder)
        .filter((file) => file !== 'kustomization.yaml')
        .toSorted(),
    )
    expect(resources.filter((path) => path.startsWith('..')).every((path) => existsSync(join(folder, path, 'kustomization.yaml')))).toBe(true)
  })

  test('has a config without problems and without warnings', () => {
    const { problems, warnings } = loadConfig({ sources: [join(folder, 'relay.yaml')], overrides: [], registry, env: { K8S_NODE_NAME: 'node-1' } })
    expect({ problems, warnings }).toEqual({ problems: [], warnings: [] })
  })
})

test('a patch makes one document of another', () => {
  const item = fc.record({ name: fc.constantFrom('a', 'b', 'c') }, { requiredKeys: [] })
  const documents = fc.dictionary(fc.constantFrom('x', 'y/z', '~'), fc.oneof(fc.integer(), fc.array(fc.oneof(item, fc.integer()), { maxLength: 3 }), item))
  fc.assert(
    fc.property(documents, documents, (from, to) => {
      expect(patched(from, differences(from, to))).toEqual(to)
    }),
  )
})

test('a list that only grows is patched at its end', () => {
  expect(differences({ ports: [{ name: 'a', n: 1 }] }, { ports: [{ name: 'a', n: 2 }, { name: 'b' }] })).toEqual([
    { op: 'replace', path: '/ports/0/n', value: 2 },
    { op: 'add', path: '/ports/-', value: { name: 'b' } },
  ])
})

/** RFC 6902, as far as `differences` uses it. */
function patched(document: unknown, operations: ReturnType<typeof differences>): unknown {
  const copy: { root: unknown } = { root: structuredClone(document) }
  for (const { op, path, value } of operations) {
    const keys = path.split('/').map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = keys.length === 1 ? 'root' : (keys.at(-1) ?? '')
    const parent = ['root', ...keys.slice(1, -1)]
      .slice(0, keys.length - 1)
      .reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, copy)
    if (op === 'remove') delete parent[last]
    else if (last === '-') (parent as unknown as unknown[]).push(value)
    else parent[last] = value
  }
  return copy.root
}
