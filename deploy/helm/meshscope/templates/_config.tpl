{{/* The config of the daemon: what presets make, with `config` laid on top, or `alternateConfig`. As YAML. */}}
{{- define "meshscope.config" -}}
{{- if .Values.alternateConfig -}}
{{- toYaml .Values.alternateConfig -}}
{{- else -}}
{{- $made := include "meshscope.madeConfig" . | fromYaml -}}
{{- if $made.Error }}{{ fail (printf "BUG: the config of the presets is not YAML: %s" $made.Error) }}{{ end -}}
{{- toYaml (mergeOverwrite $made (deepCopy .Values.config)) -}}
{{- end -}}
{{- end -}}

{{/* What presets make of a config. */}}
{{- define "meshscope.madeConfig" -}}
{{- $flow := include "meshscope.flow" . | fromYaml -}}
extensions:
  {{- include "meshscope.extensions" . | nindent 2 }}
{{- with include "meshscope.receivers" . | trim }}
receivers:
  {{- . | nindent 2 }}
{{- end }}
{{- with include "meshscope.processors" . | trim }}
processors:
  {{- . | nindent 2 }}
{{- end }}
{{- with include "meshscope.connectors" . | trim }}
connectors:
  {{- . | nindent 2 }}
{{- end }}
{{- with include "meshscope.exporters" . | trim }}
exporters:
  {{- . | nindent 2 }}
{{- end }}
service:
  extensions: {{ toJson $flow.extensions }}
  telemetry:
    logs:
      level: {{ .Values.presets.selfMonitoring.logLevel }}
      encoding: json
    {{- if .Values.presets.selfMonitoring.enabled }}
    metrics:
      address: {{ include "meshscope.listen" (dict "root" . "name" "metrics") | quote }}
    {{- end }}
  workers:
    threads: {{ .Values.workers.threads }}
    heap_mib_max: {{ include "meshscope.workerHeapMib" . }}
  {{- with $flow.pipelines }}
  pipelines:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "meshscope.extensions" -}}
{{- $presets := .Values.presets -}}
health_check:
  endpoint: {{ include "meshscope.listen" (dict "root" . "name" "health") | quote }}
{{- with $presets.kubernetesAttributes }}
{{- if .enabled }}
k8s_metadata:
  {{- $scope := default (ternary "node" "cluster" (eq $.Values.mode "daemonset")) .scope }}
  scope: {{ $scope }}
  {{- if eq $scope "namespaces" }}
  namespaces: {{ toJson .namespaces }}
  # Both are no objects of a namespace: to watch them takes a ClusterRole.
  resources: {nodes: never, namespaces: never}
  {{- end }}
  exact_owners: {{ .exactOwners }}
  wait_for_metadata: {{ .waitForMetadata }}
  memory_mib_max: {{ .memoryMibMax | int }}
{{- end }}
{{- end }}
{{- if include "meshscope.queuesOnDisk" . }}
file_storage:
  directory: /var/lib/meshscope/queue
  max_size_mib: {{ $presets.otlpExport.queueMibMax | int }}
{{- end }}
{{- end -}}

{{- define "meshscope.receivers" -}}
{{- $presets := .Values.presets -}}
{{- if $presets.als.enabled }}
envoyals:
  endpoint: {{ include "meshscope.listen" (dict "root" . "name" "als") | quote }}
  max_stream_age: {{ default (ternary "0s" "10m" (eq .Values.mode "daemonset")) $presets.als.maxStreamAge }}
{{- end }}
{{- if $presets.statsd.enabled }}
statsd:
  endpoint: {{ include "meshscope.listen" (dict "root" . "name" "statsd") | quote }}
  {{- if eq $presets.statsd.profile "envoy" }}
  profile: envoy
  {{- end }}
  {{- if $presets.kubernetesAttributes.enabled }}
  sender: kubernetes
  {{- end }}
{{- end }}
{{- if $presets.otlp.enabled }}
otlp:
  protocols:
    grpc:
      endpoint: {{ include "meshscope.listen" (dict "root" . "name" "otlp") | quote }}
      {{- if eq .Values.mode "gateway" }}
      # Clients come back to another replica from time to time.
      keepalive: {server_parameters: {max_connection_age: 10m, max_connection_age_grace: 30s}}
      {{- end }}
    http:
      endpoint: {{ include "meshscope.listen" (dict "root" . "name" "otlp-http") | quote }}
{{- end }}
{{- end -}}

{{- define "meshscope.processors" -}}
{{- $presets := .Values.presets -}}
{{- /* StatsD does not go through it: there is nobody to be told to come back later. */ -}}
{{- if and (include "meshscope.limitsMemory" .) (or $presets.als.enabled $presets.otlp.enabled) }}
memory_limiter:
  limit_percentage: {{ .Values.memoryLimiter.limitPercentage | int }}
  spike_limit_percentage: {{ .Values.memoryLimiter.spikeLimitPercentage | int }}
{{- end }}
{{- if $presets.als.enabled }}
mesh: {}
{{- if include "meshscope.exportsAccessLogs" . }}
access_log_records:
  include: {{ $presets.otlpExport.accessLogs }}
{{- end }}
{{- end }}
{{- if and $presets.otlp.enabled $presets.kubernetesAttributes.enabled }}
k8s_attributes: {}
{{- end }}
{{- if and $presets.otlpExport.enabled (or $presets.als.enabled $presets.statsd.enabled) }}
{{- if eq $presets.otlpExport.temporality "delta" }}
cumulativetodelta: {}
{{- else }}
# Daemons count the same edges on several nodes: without this a backend would take their series for one.
resource/instance:
  attributes:
    - {key: service.name, value: meshscope, action: insert}
    - {key: service.instance.id, value: "${env:K8S_POD_NAME}", action: insert}
    - {key: k8s.node.name, value: "${env:K8S_NODE_NAME}", action: insert}
{{- end }}
{{- end }}
{{- end -}}

{{- define "meshscope.connectors" -}}
{{- $presets := .Values.presets -}}
{{- if $presets.als.enabled }}
mesh_metrics:
  semantic: {{ $presets.als.metrics }}
  {{- if $presets.cloudwatchEmf.enabled }}
  metrics_flush_interval: {{ $presets.cloudwatchEmf.interval }}
  {{- end }}
{{- if and $presets.otlpExport.enabled $presets.otlpExport.meshTraces }}
mesh_traces: {}
{{- end }}
{{- end }}
{{- end -}}

{{- define "meshscope.exporters" -}}
{{- $presets := .Values.presets -}}
{{- if $presets.prometheus.enabled }}
prometheus:
  endpoint: {{ include "meshscope.listen" (dict "root" . "name" "prometheus") | quote }}
{{- end }}
{{- with $presets.otlpExport }}
{{- if .enabled }}
{{ printf "otlp_%s" .protocol }}:
  endpoint: {{ required "presets.otlpExport.endpoint: missing; expected such as gateway:4317, or http://gateway:4318 with protocol http" .endpoint | quote }}
  {{- with .headers }}
  headers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if and .insecure (eq .protocol "grpc") }}
  tls: {insecure: true}
  {{- end }}
  {{- if eq .queue "disk" }}
  retry_on_failure: {max_elapsed_time: 0s}
  {{- end }}
  sending_queue:
    batch: {}
    {{- if eq .queue "disk" }}
    storage: file_storage
    {{- end }}
{{- end }}
{{- end }}
{{- range $source, $declared := include "meshscope.emfSources" . | fromYaml }}
awsemf/{{ $source }}:
  {{- with $presets.cloudwatchEmf }}
  {{- with .region }}
  region: {{ . | quote }}
  {{- end }}
  namespace: {{ .namespace | quote }}
  log_group_name: {{ .logGroupName | quote }}
  log_stream_name: {{ .logStreamName | quote }}
  log_retention: {{ .logRetentionDays | int }}
  metric_declaration_preset: {{ $declared }}
  {{- end }}
{{- end }}
{{- end -}}

{{/*
Where metrics for CloudWatch come from, and which of them are declared, as YAML: {source: declarations}. One exporter for
each, since what an exporter declares leaves everything else out of CloudWatch.
*/}}
{{- define "meshscope.emfSources" -}}
{{- $presets := .Values.presets -}}
{{- $sources := dict -}}
{{- if $presets.cloudwatchEmf.enabled -}}
{{- if $presets.als.enabled }}{{ $_ := set $sources "mesh" "mesh" }}{{ end -}}
{{- if $presets.statsd.enabled }}{{ $_ := set $sources "statsd" (ternary "envoy_statsd" "none" (eq $presets.statsd.profile "envoy")) }}{{ end -}}
{{- if $presets.otlp.enabled }}{{ $_ := set $sources "otlp" "none" }}{{ end -}}
{{- end -}}
{{- toYaml $sources -}}
{{- end -}}

{{- define "meshscope.exportsAccessLogs" -}}
{{- $export := .Values.presets.otlpExport -}}
{{- if and .Values.presets.als.enabled $export.enabled (ne $export.accessLogs "none") -}}true{{- end -}}
{{- end -}}

{{- define "meshscope.queuesOnDisk" -}}
{{- if and .Values.presets.otlpExport.enabled (eq .Values.presets.otlpExport.queue "disk") -}}true{{- end -}}
{{- end -}}
