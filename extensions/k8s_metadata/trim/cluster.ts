import type { KubeNode, Namespace } from '../../../model/identity/objects.ts'
import type { ApiObject } from '../watch/sink.ts'
import { distinctAddresses } from './addresses.ts'
import { fieldsOf, itemsOf } from './fields.ts'
import type { Refuse } from './refusals.ts'
import type { WantedTexts } from './wanted_texts.ts'

export interface NodeTrim {
  readonly labels: WantedTexts
  readonly annotations: WantedTexts
  readonly refuse: Refuse
}

/** Keeps of a node its addresses (InternalIP, ExternalIP; not its names) and what is wanted of its texts. */
export function trimNode({ metadata, ...object }: ApiObject, options: NodeTrim): KubeNode {
  const addresses = itemsOf(fieldsOf(object['status'])['addresses'])
    .map(fieldsOf)
    .filter(({ type }) => type === 'InternalIP' || type === 'ExternalIP')
  return {
    kind: 'node',
    uid: metadata.uid,
    name: metadata.name,
    ips: distinctAddresses(
      addresses.map(({ address }) => address),
      options.refuse,
    ),
    labels: options.labels.pick(metadata['labels']),
    annotations: options.annotations.pick(metadata['annotations']),
  }
}

export function trimNamespace({ metadata }: ApiObject, options: { readonly labels: WantedTexts; readonly annotations: WantedTexts }): Namespace {
  return {
    kind: 'namespace',
    uid: metadata.uid,
    name: metadata.name,
    labels: options.labels.pick(metadata['labels']),
    annotations: options.annotations.pick(metadata['annotations']),
  }
}
