import type { InstrumentSpec } from '../../component/telemetry.ts'

const processor = 'Id of the processor, such as `mesh`.'

export const entries: InstrumentSpec = {
  name: 'meshscope_mesh_entries',
  description: 'Access-log entries by how they take part in counting. All of them are passed on.',
  unit: '{records}',
  type: 'counter',
  labels: { processor, class: '`final`, `start`, `periodic`, `attempt`, `duplicate`, `infrastructure` or `refused_handshake`.' },
}

export const evidence: InstrumentSpec = {
  name: 'meshscope_mesh_evidence',
  description: 'Final entries by what named each side of the call; `none` is a side that stayed unknown.',
  unit: '{records}',
  type: 'counter',
  labels: {
    processor,
    side: '`source`, `destination` or `service`.',
    evidence:
      '`node`, `peer_struct`, `peer_flatbuffer`, `certificate`, `address`, `service_entry`, `cluster`, `sni`, `authority`, `endpoints`, `route` or `none`.',
  },
}

export const origins: InstrumentSpec = {
  name: 'meshscope_mesh_origins',
  description: 'Access-log streams by the role of the proxy that sent them; `unknown` did not identify itself.',
  unit: '{streams}',
  type: 'counter',
  labels: { processor, role: '`sidecar`, `router`, `waypoint`, `ztunnel`, `proxy` or `unknown`.' },
}

export const unclassified: InstrumentSpec = {
  name: 'meshscope_mesh_unclassified',
  description: 'Final entries of which it is not known whether the client’s or the server’s proxy reported them.',
  unit: '{records}',
  type: 'counter',
  labels: { processor },
}

export const resolutions: InstrumentSpec = {
  name: 'meshscope_mesh_resolutions',
  description: 'Entries that needed the full analysis because no entry like them was remembered. Much below the entries in normal operation.',
  unit: '{records}',
  type: 'counter',
  labels: { processor },
}

export const renewals: InstrumentSpec = {
  name: 'meshscope_mesh_edge_renewals',
  description: 'Times that all edges were forgotten because there were more than `edges_max`.',
  unit: '{renewals}',
  type: 'counter',
  labels: { processor },
}

export const unknownAddresses: InstrumentSpec = {
  name: 'meshscope_mesh_unknown_addresses',
  description: 'Final entries with a side of which the identity index knows no workload, by what its address is.',
  unit: '{records}',
  type: 'counter',
  labels: { processor, side: '`source` or `destination`.', class: '`node`, `external`, `virtual`, `loopback`, `mesh_peer` or `unknown`.' },
}

export const heldEntries: InstrumentSpec = {
  name: 'meshscope_mesh_held_entries',
  description: 'Entries that waited for the identity index (`resolve_delay`), by how that ended; all but `refused` were passed on.',
  unit: '{records}',
  type: 'counter',
  labels: {
    processor,
    outcome:
      '`resolved`, `unresolved` (time was up), `overflow` (more than `held_entries_max`), `shutdown`; `refused` counts those of them that were lost after all.',
  },
}

export const held: InstrumentSpec = {
  name: 'meshscope_mesh_held',
  description: 'Entries that wait for the identity index now.',
  unit: '{records}',
  type: 'gauge',
  labels: { processor },
}

export const otelRecords: InstrumentSpec = {
  name: 'meshscope_mesh_otel_records',
  description: 'Log records of Envoy’s OpenTelemetry access logger that were read as access logs.',
  unit: '{records}',
  type: 'counter',
  labels: { processor },
}
