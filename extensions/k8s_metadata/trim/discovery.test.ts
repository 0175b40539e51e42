import { expect, test } from 'vitest'
import type { ApiObject } from '../watch/sink.ts'
import { discoveryOf } from './discovery.ts'

const controller = { kind: 'ReplicaSet', name: 'shop-1', uid: 'u' }

test('of a pod its ports, phase and controller are kept', () => {
  const pod = {
    metadata: { name: 'shop-1-a', namespace: 'default', uid: 'x' },
    spec: {
      containers: [
        { name: 'app', ports: [{ containerPort: 8080 }, { containerPort: 'http' }] },
        {
          name: 'istio-proxy',
          ports: [
            { containerPort: 15090, name: 'http-envoy-prom', protocol: 'TCP' },
            { containerPort: 53, protocol: 'UDP' },
          ],
        },
      ],
      initContainers: [{ name: 'istio-init' }],
    },
    status: { phase: 'Running', hostIP: '192.168.0.1', conditions: [{ type: 'Ready', status: 'True' }] },
  } as unknown as ApiObject
  expect(discoveryOf(pod, controller)).toEqual({
    phase: 'Running',
    ready: 'true',
    hostIp: '192.168.0.1',
    controllerKind: 'ReplicaSet',
    controllerName: 'shop-1',
    ports: [
      { container: 'app', name: '', port: 8080, protocol: 'TCP' },
      { container: 'istio-proxy', name: 'http-envoy-prom', port: 15_090, protocol: 'TCP' },
      { container: 'istio-proxy', name: '', port: 53, protocol: 'UDP' },
    ],
    initContainers: ['istio-init'],
  })
})

test('of an object that says nothing nothing is known', () => {
  const pod = { metadata: { name: '', namespace: '', uid: '' }, spec: { containers: 'none' }, status: [] } as unknown as ApiObject
  expect(discoveryOf(pod, undefined)).toEqual({
    phase: '',
    ready: 'unknown',
    hostIp: '',
    controllerKind: '',
    controllerName: '',
    ports: [],
    initContainers: [],
  })
})
