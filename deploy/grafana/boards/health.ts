import type { Dashboard } from '@grafana/schema'
import { dashboard } from '../dashboard.ts'
import { badAbove, goodAbove, type PanelSpec, type Query, stat, timeseries } from '../panels.ts'
import { rate } from '../promql.ts'
import type { Unit } from '../units.ts'
import { datasource, jobAndInstance } from '../variables.ts'

/** The daemons' own pages. */
const OWN = 'job=~"$job",instance=~"$instance"'
/** Anything above 0 is a loss. */
const ANY = badAbove(1e-9, 1)

/** The daemon about itself: what comes in, what is lost and why, what goes out, and how it fares. */
export function healthDashboard(): Dashboard {
  return dashboard({
    name: 'health',
    title: 'Collector health',
    description: 'Meshscope’s own metrics: what comes in, what is lost and for which reason, queues, exporters, threads, memory and the Kubernetes watch.',
    variables: [datasource(), ...jobAndInstance('meshscope_workers_running')],
    related: [
      { name: 'mesh', title: 'Mesh overview' },
      { name: 'envoy', title: 'Envoy by statsD', keeps: 'datasource' },
    ],
    rows: [
      { title: 'Health', panels: numbers() },
      { title: 'In', panels: ingest() },
      { title: 'What is lost, and why', panels: losses() },
      { title: 'Within', panels: pipelines() },
      { title: 'Out', panels: exporters() },
      { title: 'CloudWatch (EMF)', panels: cloudwatch() },
      { title: 'Threads and memory', panels: threads() },
      { title: 'Kubernetes', panels: kubernetes() },
    ],
  })
}

function numbers(): PanelSpec[] {
  const lost = [
    'meshscope_receiver_dropped_log_records',
    'meshscope_receiver_dropped_metric_points',
    'meshscope_statsd_kernel_dropped_packets',
    'meshscope_exporter_dropped_log_records',
    'meshscope_exporter_dropped_metric_points',
    'meshscope_exporter_dropped_spans',
  ]
  return [
    stat({
      title: 'Daemons',
      description: 'Daemons whose own page could be scraped.',
      unit: 'none',
      width: 3,
      expr: `sum (up{${OWN}})`,
      steps: goodAbove(1, 1),
    }),
    stat({
      title: 'Ingest workers',
      description: 'Threads that take data in, over all daemons.',
      unit: 'none',
      width: 3,
      expr: `sum (meshscope_workers_running{${OWN}})`,
    }),
    stat({
      title: 'Access logs',
      description: 'Access-log entries a second that arrive.',
      unit: 'cps',
      width: 3,
      expr: rate('meshscope_receiver_received_log_records', OWN),
    }),
    stat({
      title: 'StatsD lines',
      description: 'StatsD lines a second that arrive.',
      unit: 'cps',
      width: 3,
      expr: rate('meshscope_statsd_received_lines', OWN),
    }),
    stat({
      title: 'Lost',
      description: 'Items a second that were dropped anywhere: by receivers, the kernel (statsD) and exporters. The panels below say where and why.',
      unit: 'cps',
      width: 3,
      expr: lost.map((metric) => `(${rate(metric, OWN)} or vector(0))`).join(' + '),
      steps: ANY,
    }),
    stat({
      title: 'Fullest queue',
      description: 'How full the fullest sending queue is.',
      unit: 'percentunit',
      width: 3,
      expr: `max (otelcol_exporter_queue_size{${OWN}} / otelcol_exporter_queue_capacity{${OWN}})`,
      steps: badAbove(0.5, 0.8),
      noValue: 'no queue',
    }),
    stat({
      title: 'Memory, largest',
      description: 'Resident memory of the largest daemon.',
      unit: 'bytes',
      width: 3,
      expr: `max (otelcol_process_memory_rss{${OWN}})`,
    }),
    stat({
      title: 'Configs refused',
      description: 'Daemons that run an older config because the last one could not be loaded.',
      unit: 'none',
      width: 3,
      expr: `count (meshscope_config_last_reload_success{${OWN}}) - sum (meshscope_config_last_reload_success{${OWN}})`,
      steps: badAbove(1, 1),
    }),
  ]
}

function ingest(): PanelSpec[] {
  const lines = (title: string, description: string, unit: Unit, queries: readonly Query[]): PanelSpec => timeseries({ title, description, unit, queries })
  return [
    lines('Access-log entries', 'Entries a second by receiver: those that arrived, and those that the pipelines took.', 'cps', [
      { expr: rate('meshscope_receiver_received_log_records', OWN, ['receiver']), legend: 'received, {{receiver}}' },
      { expr: rate('otelcol_receiver_accepted_log_records', OWN, ['receiver']), legend: 'accepted, {{receiver}}' },
    ]),
    lines('Access-log streams', 'Open gRPC streams of Envoys by daemon. Much more on one than on others: connections are not spread.', 'none', [
      { expr: `sum by (instance) (meshscope_envoyals_streams{${OWN}})`, legend: '{{instance}}' },
    ]),
    lines('Bytes in', 'Bytes a second of access logs, statsD packets and OTLP requests.', 'Bps', [
      { expr: rate('meshscope_envoyals_bytes', OWN, ['receiver']), legend: '{{receiver}}' },
      { expr: rate('meshscope_statsd_bytes', OWN, ['receiver']), legend: '{{receiver}}' },
      { expr: rate('meshscope_otlp_request_bytes', OWN, ['receiver']), legend: '{{receiver}}' },
    ]),
    lines('StatsD lines', 'Lines a second by receiver: those that arrived, and those that were taken.', 'cps', [
      { expr: rate('meshscope_statsd_received_lines', OWN, ['receiver']), legend: 'received, {{receiver}}' },
      { expr: rate('meshscope_statsd_accepted_lines', OWN, ['receiver']), legend: 'accepted, {{receiver}}' },
    ]),
    lines('Metric points', 'Metric points a second that receivers handed on, by receiver.', 'cps', [
      { expr: rate('otelcol_receiver_accepted_metric_points', OWN, ['receiver']), legend: '{{receiver}}' },
    ]),
    lines('OTLP requests', 'OTLP requests a second by what became of them.', 'reqps', [
      { expr: rate('meshscope_otlp_requests', OWN, ['signal', 'outcome']), legend: '{{signal}} {{outcome}}' },
    ]),
  ]
}

/** Losses by component and reason; 0 lines are the good case and stay visible. */
function losses(): PanelSpec[] {
  const lines = (title: string, description: string, queries: readonly Query[]): PanelSpec => timeseries({ title, description, unit: 'cps', queries })
  return [
    lines(
      'Dropped by receivers',
      'Items a second that receivers lost, by reason: malformed, overload (shed, oldest first), shutdown; statsD: what no series is for.',
      [
        { expr: rate('meshscope_receiver_dropped_log_records', OWN, ['receiver', 'reason']), legend: 'entries, {{receiver}} {{reason}}' },
        { expr: rate('meshscope_receiver_dropped_metric_points', OWN, ['receiver', 'reason']), legend: 'points, {{receiver}} {{reason}}' },
      ],
    ),
    lines('Refused', 'Items a second that pipelines did not take; the sender was told, where the protocol can tell.', [
      { expr: rate('otelcol_receiver_refused_log_records', OWN, ['receiver']), legend: 'log records, {{receiver}}' },
      { expr: rate('otelcol_receiver_refused_metric_points', OWN, ['receiver']), legend: 'points, {{receiver}}' },
      { expr: rate('otelcol_processor_memory_limiter_refused_log_records', OWN, ['processor']), legend: 'log records, {{processor}}' },
    ]),
    lines('StatsD: dropped by the kernel', 'Datagrams a second for which the receive buffer had no room. Raise recv_buffer_bytes and net.core.rmem_max.', [
      { expr: rate('meshscope_statsd_kernel_dropped_packets', OWN, ['instance', 'receiver']), legend: '{{instance}} {{receiver}}' },
    ]),
    lines('StatsD: rejected lines', 'Lines a second that could not be read, by reason.', [
      { expr: rate('meshscope_statsd_rejected_lines', OWN, ['receiver', 'reason']), legend: '{{receiver}} {{reason}}' },
    ]),
    lines(
      'Faults of access-log streams',
      'Errors a second on streams of access logs, by reason. The entries of a message that never became whole cannot be counted.',
      [{ expr: rate('meshscope_envoyals_stream_errors', OWN, ['receiver', 'reason']), legend: '{{receiver}} {{reason}}' }],
    ),
    lines(
      'Dropped by exporters',
      'Items a second that exporters gave up, by reason: permanent, rejected, retries_exhausted, shutdown, damaged; and those that the queue did not take.',
      [
        { expr: rate('meshscope_exporter_dropped_log_records', OWN, ['exporter', 'reason']), legend: 'log records, {{exporter}} {{reason}}' },
        { expr: rate('meshscope_exporter_dropped_metric_points', OWN, ['exporter', 'reason']), legend: 'points, {{exporter}} {{reason}}' },
        { expr: rate('meshscope_exporter_dropped_spans', OWN, ['exporter', 'reason']), legend: 'spans, {{exporter}} {{reason}}' },
        { expr: rate('otelcol_exporter_enqueue_failed_log_records', OWN, ['exporter', 'reason']), legend: 'not queued, {{exporter}} {{reason}}' },
      ],
    ),
    lines(
      'Over a limit of series',
      'Entries a second that are counted in an overflow series because there are too many label values, and series that are not exposed.',
      [
        { expr: rate('meshscope_connector_log_records', `${OWN},outcome="overflow"`, ['connector', 'reason']), legend: '{{connector}} {{reason}}' },
        { expr: rate('meshscope_statsd_overflowed_series', OWN, ['receiver']), legend: '{{receiver}}' },
        { expr: rate('meshscope_prometheus_series_rejected', OWN, ['exporter', 'reason']), legend: '{{exporter}} {{reason}}' },
      ],
    ),
    lines(
      'Entries that do not count',
      'Access-log entries a second that are in no metric, by reason: attempts and duplicates are well, not_analysed is a config without the processor mesh.',
      [{ expr: rate('meshscope_connector_log_records', `${OWN},outcome="skipped"`, ['connector', 'reason']), legend: '{{connector}} {{reason}}' }],
    ),
    lines('Unknown peers', 'Entries a second with a side whose address the identity index does not know, by what the address is.', [
      { expr: rate('meshscope_mesh_unknown_addresses', OWN, ['side', 'class']), legend: '{{side}} {{class}}' },
    ]),
  ]
}

function pipelines(): PanelSpec[] {
  return [
    timeseries({
      title: 'Items into processors',
      description: 'Items a second that came to each processor, and that it handed on.',
      unit: 'cps',
      queries: [
        { expr: rate('otelcol_processor_incoming_items', OWN, ['processor', 'otel_signal']), legend: 'in, {{processor}} {{otel_signal}}' },
        { expr: rate('otelcol_processor_outgoing_items', OWN, ['processor', 'otel_signal']), legend: 'out, {{processor}} {{otel_signal}}' },
      ],
    }),
    timeseries({
      title: 'Series',
      description: 'Series that are kept: label tuples of mesh_metrics, statsD series, and series on the page for Prometheus.',
      unit: 'short',
      queries: [
        { expr: `sum by (instance) (meshscope_mesh_metrics_series{${OWN}})`, legend: 'mesh_metrics, {{instance}}' },
        { expr: `sum by (instance) (meshscope_statsd_series{${OWN}})`, legend: 'statsd, {{instance}}' },
        { expr: `sum by (instance) (meshscope_prometheus_series{${OWN}})`, legend: 'prometheus, {{instance}}' },
      ],
    }),
    timeseries({
      title: 'Bytes that wait to be decoded',
      description: 'Access logs that have arrived and wait for a worker. At queue_bytes_max of the receiver the oldest are shed.',
      unit: 'bytes',
      queries: [{ expr: `max by (instance) (meshscope_envoyals_queue_bytes{${OWN}})`, legend: '{{instance}}' }],
    }),
  ]
}

function exporters(): PanelSpec[] {
  return [
    timeseries({
      title: 'Sent',
      description: 'Items a second that backends took, or that were on a scraped page.',
      unit: 'cps',
      queries: [
        { expr: rate('otelcol_exporter_sent_log_records', OWN, ['exporter']), legend: 'log records, {{exporter}}' },
        { expr: rate('otelcol_exporter_sent_metric_points', OWN, ['exporter']), legend: 'points, {{exporter}}' },
        { expr: rate('otelcol_exporter_sent_spans', OWN, ['exporter']), legend: 'spans, {{exporter}}' },
      ],
    }),
    timeseries({
      title: 'Sending queues',
      description: 'How full each sending queue is. Near 100 %: the backend is slower than the data.',
      unit: 'percentunit',
      max: 1,
      steps: badAbove(0.5, 0.8),
      queries: [
        {
          expr: `max by (exporter, data_type) (otelcol_exporter_queue_size{${OWN}} / otelcol_exporter_queue_capacity{${OWN}})`,
          legend: '{{exporter}} {{data_type}}',
        },
      ],
    }),
    timeseries({
      title: 'Failed attempts',
      description: 'Requests a second that backends did not take and that are tried again, and items that failed for good.',
      unit: 'cps',
      queries: [
        { expr: rate('meshscope_exporter_failed_attempts', OWN, ['exporter', 'data_type']), legend: 'attempts, {{exporter}} {{data_type}}' },
        { expr: rate('otelcol_exporter_send_failed_log_records', OWN, ['exporter']), legend: 'log records, {{exporter}}' },
      ],
    }),
    timeseries({
      title: 'Scrapes of service metrics',
      description: 'Answered scrapes a second by outcome.',
      unit: 'reqps',
      queries: [{ expr: rate('meshscope_prometheus_scrapes', OWN, ['format', 'outcome']), legend: '{{format}} {{outcome}}' }],
    }),
    timeseries({
      title: 'Time of a scrape',
      description: 'Mean time from the request of Prometheus to the last byte of the answer.',
      unit: 's',
      queries: [
        {
          expr: `${rate('meshscope_prometheus_scrape_duration', OWN, ['instance'])} / ${rate('meshscope_prometheus_scrapes', `${OWN},outcome="ok"`, ['instance'])}`,
          legend: '{{instance}}',
        },
      ],
    }),
    timeseries({
      title: 'Queues on disk',
      description: 'Bytes of queues on disk and what they may take.',
      unit: 'bytes',
      queries: [
        { expr: `sum by (instance) (meshscope_file_storage_bytes{${OWN}})`, legend: 'taken, {{instance}}' },
        { expr: `sum by (instance) (meshscope_file_storage_capacity_bytes{${OWN}})`, legend: 'limit, {{instance}}' },
      ],
    }),
  ]
}

function cloudwatch(): PanelSpec[] {
  return [
    timeseries({
      title: 'Custom metrics',
      description: 'Metrics of this hour, each of which CloudWatch bills. At max_custom_metrics further ones go to one that is called other.',
      unit: 'short',
      queries: [{ expr: `sum by (exporter) (meshscope_awsemf_custom_metrics{${OWN}})`, legend: '{{exporter}}' }],
    }),
    timeseries({
      title: 'Documents',
      description: 'Bytes a second of documents, as CloudWatch Logs bills them.',
      unit: 'Bps',
      queries: [{ expr: rate('meshscope_awsemf_document_bytes', OWN, ['exporter']), legend: '{{exporter}}' }],
    }),
    timeseries({
      title: 'Requests to CloudWatch Logs',
      description: 'Requests a second by outcome; throttled ones are tried again.',
      unit: 'reqps',
      queries: [{ expr: rate('meshscope_awsemf_requests', OWN, ['operation', 'outcome']), legend: '{{operation}} {{outcome}}' }],
    }),
    timeseries({
      title: 'Points in no document',
      description: 'Metric points a second that are in no document, by reason: initial is in order, the first value of each cumulative series.',
      width: 12,
      unit: 'cps',
      queries: [{ expr: rate('meshscope_awsemf_unencoded_points', OWN, ['exporter', 'reason']), legend: '{{exporter}} {{reason}}' }],
    }),
    timeseries({
      title: 'Rejected documents',
      description: 'Documents a second that were given up, by reason.',
      width: 12,
      unit: 'cps',
      queries: [{ expr: rate('meshscope_awsemf_rejected_documents', OWN, ['exporter', 'reason']), legend: '{{exporter}} {{reason}}' }],
    }),
  ]
}

function threads(): PanelSpec[] {
  return [
    timeseries({
      title: 'Memory',
      description: 'Resident memory of each daemon, all threads, shared memory included.',
      unit: 'bytes',
      queries: [
        { expr: `max by (instance) (otelcol_process_memory_rss{${OWN}})`, legend: 'resident, {{instance}}' },
        { expr: `max by (instance) (otelcol_process_runtime_heap_alloc_bytes{${OWN}})`, legend: 'heap of main, {{instance}}' },
      ],
    }),
    timeseries({
      title: 'CPU',
      description: 'Cores that each daemon keeps busy, all threads.',
      unit: 'short',
      queries: [{ expr: rate('otelcol_process_cpu_seconds', OWN, ['instance']), legend: '{{instance}}' }],
    }),
    timeseries({
      title: 'Delay of event loops',
      description: 'How late the main thread and the ingest workers ran at most. Above a second all the time: the threads have too much to do.',
      unit: 's',
      steps: badAbove(0.5, 2),
      queries: [
        { expr: `max by (instance) (meshscope_event_loop_delay_seconds{${OWN},statistic="max"})`, legend: 'main, {{instance}}' },
        { expr: `max by (instance, worker) (meshscope_worker_event_loop_delay_seconds{${OWN},statistic="max"})`, legend: 'worker {{worker}}, {{instance}}' },
      ],
    }),
    timeseries({
      title: 'Ingest workers',
      description: 'Workers that are up, and restarts an hour by reason.',
      width: 12,
      unit: 'short',
      queries: [
        { expr: `sum by (instance) (meshscope_workers_running{${OWN}})`, legend: 'up, {{instance}}' },
        { expr: `sum by (reason) (increase(meshscope_worker_restarts{${OWN}}[1h]))`, legend: 'restarted in an hour, {{reason}}' },
      ],
    }),
    timeseries({
      title: 'Uptime',
      description: 'Seconds since the start of each daemon; a fall is a restart.',
      width: 12,
      unit: 's',
      queries: [{ expr: `max by (instance) (otelcol_process_uptime{${OWN}})`, legend: '{{instance}}' }],
    }),
  ]
}

function kubernetes(): PanelSpec[] {
  return [
    timeseries({
      title: 'Watches',
      description: 'Watches of the Kubernetes API that are complete, and that cannot go on for now: names grow stale.',
      unit: 'none',
      queries: [
        { expr: `sum by (resource) (meshscope_k8s_watches_synced{${OWN}})`, legend: 'synced, {{resource}}' },
        { expr: `sum by (resource) (meshscope_k8s_watches_failing{${OWN}})`, legend: 'failing, {{resource}}' },
      ],
    }),
    timeseries({
      title: 'Silence of watches',
      description: 'Seconds since the API server last sent anything for a resource. A bookmark comes every minute: above 180 s nothing arrives any more.',
      unit: 's',
      steps: badAbove(120, 180),
      queries: [{ expr: `max by (resource) (meshscope_k8s_watch_silence{${OWN}})`, legend: '{{resource}}' }],
    }),
    timeseries({
      title: 'Look-ups',
      description: 'Look-ups a second in the identity index, by outcome. Components remember answers, so these are far fewer than entries.',
      unit: 'cps',
      queries: [{ expr: rate('meshscope_k8s_lookups', OWN, ['kind', 'outcome']), legend: '{{kind}} {{outcome}}' }],
    }),
    timeseries({
      title: 'Objects',
      description: 'Objects in the identity index.',
      unit: 'short',
      queries: [{ expr: `max by (kind) (meshscope_k8s_objects{${OWN}})`, legend: '{{kind}}' }],
    }),
    timeseries({
      title: 'Index',
      description: 'Memory of the identity index, the largest daemon.',
      unit: 'bytes',
      queries: [{ expr: `max by (part) (meshscope_k8s_index_bytes{${OWN}})`, legend: '{{part}}' }],
    }),
    timeseries({
      title: 'Lists anew and what was refused',
      description: 'Complete lists after the first in an hour, each a load for the API server, and objects that could not be taken into the index.',
      unit: 'short',
      queries: [
        { expr: `sum by (resource) (increase(meshscope_k8s_relists{${OWN}}[1h]))`, legend: 'listed again, {{resource}}' },
        { expr: `sum by (reason) (increase(meshscope_k8s_refused{${OWN}}[1h]))`, legend: 'refused, {{reason}}' },
      ],
    }),
  ]
}
