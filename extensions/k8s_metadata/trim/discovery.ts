import type { ContainerPort, PodDiscovery } from '../../../model/identity/objects.ts'
import type { OwnerReference } from '../owners/owner.ts'
import type { ApiObject } from '../watch/sink.ts'
import { type Fields, fieldsOf, itemsOf, textOf } from './fields.ts'

/** What the discovery of scrape targets wants of a pod. Never throws. */
export function discoveryOf(object: ApiObject, controller: OwnerReference | undefined): PodDiscovery {
  const spec = fieldsOf(object['spec'])
  const status = fieldsOf(object['status'])
  const lists = [itemsOf(spec['containers']), itemsOf(spec['initContainers'])]
  return {
    phase: textOf(status['phase']),
    ready: readyOf(status),
    hostIp: textOf(status['hostIP']),
    controllerKind: controller?.kind ?? '',
    controllerName: controller?.name ?? '',
    ports: lists.flatMap((containers) => containers.flatMap((container) => portsOf(fieldsOf(container)))),
    initContainers: itemsOf(spec['initContainers']).map((container) => textOf(fieldsOf(container)['name'])),
  }
}

function readyOf(status: Fields): string {
  for (const item of itemsOf(status['conditions'])) {
    const { type, status: holds } = fieldsOf(item)
    if (type === 'Ready') return textOf(holds).toLowerCase()
  }
  return 'unknown'
}

function portsOf(container: Fields): ContainerPort[] {
  return itemsOf(container['ports']).flatMap((item) => {
    const { containerPort, name, protocol } = fieldsOf(item)
    if (typeof containerPort !== 'number') return []
    return [{ container: textOf(container['name']), name: textOf(name), port: containerPort, protocol: textOf(protocol) || 'TCP' }]
  })
}
