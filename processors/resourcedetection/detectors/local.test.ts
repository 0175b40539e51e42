import { expect, test } from 'vitest'
import { FakeClock } from '../../../test/fakes/clock.ts'
import { detected, fakeMachine } from '../testing.ts'
import { detectEnvironment, detectKubernetesNode } from './environment.ts'
import { thisMachine } from './machine.ts'
import { detectSystem } from './system.ts'

test.for([
  { text: undefined, attributes: {} },
  { text: 'a=1, b = x%2Cy%3D ,c=', attributes: { a: '1', b: 'x,y=', c: '' } },
  { text: 'a=b=c,a=2,,', attributes: { a: '2' } },
  { text: '__proto__=1', attributes: { ['__proto__']: '1' } },
])('env reads $text', async ({ text, attributes }) => {
  const found = await detected('env', detectEnvironment, { env: { OTEL_RESOURCE_ATTRIBUTES: text } })
  expect(Object.entries(found.attributes)).toEqual(Object.entries(attributes))
  expect(found.problem).toBeUndefined()
})

test('env leaves out what is no pair and tells of it', async () => {
  const { attributes, problem } = await detected('env', detectEnvironment, { env: { OTEL_RESOURCE_ATTRIBUTES: 'a=1,b,=2,c=%zz' } })
  expect({ ...attributes }).toEqual({ a: '1' })
  expect(problem).toBe('OTEL_RESOURCE_ATTRIBUTES holds "b", "=2", "c=%zz"; expected key=value, with percent-encoding for commas and equals signs')
})

test('k8snode reads the variables that it is told', async () => {
  const detect = detectKubernetesNode({ node_from_env_var: 'NODE', uid_from_env_var: 'NODE_UID' })
  expect(await detected('k8snode', detect, { env: { NODE: 'n1' } })).toEqual({ attributes: { 'k8s.node.name': 'n1', 'k8s.node.uid': undefined } })
  expect((await detected('k8snode', detect, { env: { NODE: 'n1', NODE_UID: 'u' } })).attributes['k8s.node.uid']).toBe('u')
  await expect(detected('k8snode', detect)).rejects.toThrow('NODE is not set; fill it from fieldPath spec.nodeName')
})

const FILES: Readonly<Record<string, string>> = {
  '/etc/machine-id': 'f00d\n',
  '/usr/lib/os-release': 'PRETTY_NAME="Debian GNU/Linux 12"\nNAME="Debian GNU/Linux"\nVERSION_ID=12\n',
  '/proc/cpuinfo':
    'processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD: EPYC\nstepping\t: 1\n\nprocessor\t: 1\nvendor_id\t: other\n',
}

test('system tells of the machine what is wanted', async () => {
  const machine = fakeMachine({
    readText: async (path) => {
      const text = FILES[path]
      if (text === undefined) throw new Error('ENOENT')
      return text
    },
  })
  const wanted = ['host.id', 'os.name', 'host.cpu.family']
  expect((await detected('system', detectSystem({ hostname_sources: ['os'] }), { machine, wanted })).attributes).toEqual({
    'host.name': 'box',
    'os.type': 'linux',
    'host.arch': 'amd64',
    'os.description': 'Linux 6.1',
    'host.ip': ['10.0.0.7', 'fe80::1'],
    'host.mac': ['0A-1B-2C-3D-4E-5F'],
    'host.interface': ['eth0'],
    'host.id': 'f00d',
    'os.name': 'Debian GNU/Linux',
    'os.version': '12',
    'host.cpu.vendor.id': 'AuthenticAMD',
    'host.cpu.family': '25',
    'host.cpu.model.id': '17',
    'host.cpu.model.name': 'AMD: EPYC',
    'host.cpu.stepping': '1',
  })
})

test.for([
  { sources: ['dns', 'os'], answers: {}, name: 'box' },
  { sources: ['dns', 'os'], answers: { namesOf: async () => ['box.example.org'] }, name: 'box.example.org' },
  { sources: ['dns'], answers: { namesOf: async () => ['localhost'], reverse: async () => ['box.example.net.'] }, name: 'box.example.net' },
  { sources: ['dns'], answers: { hostname: () => 'box.own' }, name: 'box.own' },
  { sources: ['cname', 'os'], answers: { canonicalName: async () => ['real.example.org.'] }, name: 'real.example.org' },
  { sources: ['lookup'], answers: { reverse: async (address: string) => [`at-${address}`] }, name: 'at-10.0.0.7' },
  { sources: ['lookup'], answers: { addresses: () => [] }, name: undefined },
] as const)('system takes the name of the host from $sources: $name', async ({ sources, answers, name }) => {
  const found = await detected('system', detectSystem({ hostname_sources: sources }), { machine: fakeMachine(answers) })
  expect(found.attributes['host.name']).toBe(name)
  expect(found.problem).toEqual(name === undefined ? expect.stringContaining('no name of the host from lookup') : undefined)
})

test('a name server that does not answer leaves time for the next source', async () => {
  const clock = new FakeClock()
  const machine = fakeMachine({ namesOf: () => new Promise(() => {}) })
  const found = detected('system', detectSystem({ hostname_sources: ['dns', 'os'] }), { machine, clock, timeoutMs: 5000 })
  clock.advance(2500)
  expect((await found).attributes['host.name']).toBe('box')
  expect(clock.pendingTimers).toBe(0)
})

test('this machine has a name', async () => {
  const { attributes } = await detected('system', detectSystem({ hostname_sources: ['os'] }), { machine: thisMachine })
  expect(attributes).toMatchObject({ 'host.name': thisMachine.hostname(), 'os.description': expect.stringMatching(/\S/) })
})
