/** What kustomize makes of the folders is what Helm makes of the same values. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { configOf, documentsOf, firstOf, type Manifest } from '../../../scripts/manifests/chart.ts'
import { identity, isConfig, kustomizeFiles, VARIANTS, variantObjects } from '../../../scripts/manifests/kustomize.ts'
import { temporaryFolder } from '../child.ts'
import { REPOSITORY } from '../daemon.ts'
import { suite } from '../suite.ts'

const FOLDER = join(REPOSITORY, 'deploy', 'kustomize')

suite('kustomize', ['helm', 'kustomize'], ({ helm, kustomize }) => {
  test('the folders are those that the chart makes', () => {
    const paths = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.yaml'))
    expect(Object.fromEntries(paths.map((path) => [path, readFileSync(join(FOLDER, path), 'utf8')]))).toEqual(Object.fromEntries(kustomizeFiles(helm)))
  })

  test.for(VARIANTS.map(({ name, values }) => ({ name, values })))('$name builds what the chart renders', ({ name, values }) => {
    const folder = join(FOLDER, name === 'base' ? name : join('overlays', name))
    const built = documentsOf(execFileSync(kustomize, ['build', folder], { encoding: 'utf8' })).map(({ object }) => object)
    expect(byIdentity(built)).toEqual(byIdentity(variantObjects(helm, values).map(({ object }) => object)))
  })

  test('an overlay as the README shows it has another image and another config', () => {
    const [, block = ''] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(FOLDER, 'README.md'), 'utf8')) ?? []
    const folder = temporaryFolder('overlay')
    try {
      const own = realpathSync(folder.path)
      writeFileSync(join(own, 'kustomization.yaml'), block.replace('../meshscope/deploy/kustomize', relative(own, FOLDER)))
      writeFileSync(join(own, 'relay.yaml'), 'receivers: {}\n')
      const built = documentsOf(execFileSync(kustomize, ['build', own], { encoding: 'utf8' })).map(({ object }) => object)
      expect(configOf(built)).toBe('receivers: {}\n')
      expect(JSON.stringify(firstOf(built, 'DaemonSet'))).toContain('"image":"registry.example.com/meshscope:')
    } finally {
      folder.remove()
    }
  })
})

/** Objects by what they are; the config without the comment that its file begins with. */
function byIdentity(objects: readonly Manifest[]): Readonly<Record<string, Manifest>> {
  return Object.fromEntries(objects.map((object) => [identity(object), isConfig(object) ? withoutHead(object) : object]))
}

function withoutHead(config: Manifest): Manifest {
  const { relay = '' } = config['data'] as Readonly<Record<string, string>>
  return { ...config, data: { relay: relay.replace(/^# .*\n/, '') } }
}
