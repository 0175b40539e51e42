import type { InstrumentSpec } from '../../component/telemetry.ts'

const extension = 'Id of the extension, such as `k8s_metadata`.'
const resource = 'Plural of the API resource, such as `pods`.'

export const objects: InstrumentSpec = {
  name: 'meshscope_k8s_objects',
  description: 'Objects of the index that are there now.',
  unit: '{objects}',
  type: 'gauge',
  labels: { extension, kind: '`pod`, `endpoint`, `node`, `service`, `namespace` or `workload_entry`.' },
}

export const events: InstrumentSpec = {
  name: 'meshscope_k8s_events',
  description: 'Objects that the API server has told of.',
  unit: '{events}',
  type: 'counter',
  labels: { extension, resource, type: '`listed`: in a complete list; `added`, `modified`, `deleted`, `bookmark` or `error`: in a watch.' },
}

export const relists: InstrumentSpec = {
  name: 'meshscope_k8s_relists',
  description: 'Complete lists after the first one; many of them are a load for the API server.',
  unit: '{lists}',
  type: 'counter',
  labels: { extension, resource, reason: 'Why the watch could not go on, such as `expired`: the API server no longer knows the version.' },
}

export const receivedBytes: InstrumentSpec = {
  name: 'meshscope_k8s_received_bytes',
  description: 'Bytes received from the API server, as they came over the network.',
  unit: 'By',
  type: 'counter',
  labels: { extension, resource },
}

export const malformed: InstrumentSpec = {
  name: 'meshscope_k8s_malformed',
  description: 'Answers and watch events that were not what the API promises; the resource is listed again.',
  unit: '{events}',
  type: 'counter',
  labels: { extension, resource },
}

export const refused: InstrumentSpec = {
  name: 'meshscope_k8s_refused',
  description: 'What could not be taken into the index; the rest of the same object was.',
  unit: '{objects}',
  type: 'counter',
  labels: {
    extension,
    reason:
      '`memory`: an object, the index is full (`memory_mib_max`); `bad_address`: an address; `bad_address_type`: a slice; `no_host`: a ServiceEntry; `failed`: an object, by a fault of ours that the log tells.',
  },
}

export const watchSynced: InstrumentSpec = {
  name: 'meshscope_k8s_watches_synced',
  description: 'Watches of a resource that are listed completely and followed now; with scope `namespaces` there is one for each namespace.',
  unit: '{watches}',
  type: 'gauge',
  labels: { extension, resource },
}

export const watchesFailing: InstrumentSpec = {
  name: 'meshscope_k8s_watches_failing',
  description: 'Watches of a resource that cannot go on for now: the API server does not answer, refuses, or a right is missing.',
  unit: '{watches}',
  type: 'gauge',
  labels: { extension, resource },
}

export const watchSilence: InstrumentSpec = {
  name: 'meshscope_k8s_watch_silence',
  description: 'Time since the API server last sent an event or bookmark for a resource (the longest of its watches); a bookmark comes every minute.',
  unit: 's',
  type: 'gauge',
  labels: { extension, resource },
}

export const indexBytes: InstrumentSpec = {
  name: 'meshscope_k8s_index_bytes',
  description: 'Memory of the index, shared by all threads.',
  unit: 'By',
  type: 'gauge',
  labels: { extension, part: '`journal`: records; `live`: those of them that are still needed; `table`: the keys.' },
}

export const waitingPods: InstrumentSpec = {
  name: 'meshscope_k8s_pods_without_owner',
  description: 'Pods whose ReplicaSet or Job has not been seen yet (`exact_owners`); their owner is taken from names until then.',
  unit: '{pods}',
  type: 'gauge',
  labels: { extension },
}

export const lookups: InstrumentSpec = {
  name: 'meshscope_k8s_lookups',
  description: 'Look-ups in the index; components remember answers, so these are far fewer than entries.',
  unit: '{lookups}',
  type: 'counter',
  labels: {
    extension,
    kind: '`address`, `service_address`, `pod_uid`, `container`, `pod_name`, `host` or `endpoints`.',
    outcome: '`hit` or `miss`.',
  },
}

export const threadRestarts: InstrumentSpec = {
  name: 'meshscope_k8s_thread_restarts',
  description: 'Times that the thread which watches the API server has been started again.',
  unit: '{restarts}',
  type: 'counter',
  labels: { extension, reason: '`out_of_memory`, `uncaught_error`, `exit` or `aborted`.' },
}
