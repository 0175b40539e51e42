{{- define "meshscope.monitoringName" -}}
{{- printf "%s-monitoring" (include "meshscope.fullname" . | trunc 52 | trimSuffix "-") -}}
{{- end -}}

{{- define "meshscope.servicePort" -}}
- name: {{ .name }}
  port: {{ .servicePort | int }}
  targetPort: {{ .name }}
  protocol: {{ .protocol }}
  {{- with .appProtocol }}
  appProtocol: {{ . }}
  {{- end }}
{{- end -}}

{{/* Endpoints of a PodMonitor or ServiceMonitor: own metrics, and service metrics, whose labels win over those of the target. */}}
{{- define "meshscope.scrapeEndpoints" -}}
{{- $monitor := .monitor -}}
{{- $presets := .root.Values.presets -}}
{{- if $presets.selfMonitoring.enabled }}
- port: metrics
  {{- include "meshscope.scrapeTarget" (dict "monitor" $monitor "job" "meshscope") | nindent 2 }}
{{- end }}
{{- if $presets.prometheus.enabled }}
- port: prometheus
  honorLabels: true
  {{- include "meshscope.scrapeTarget" (dict "monitor" $monitor "job" "meshscope-mesh") | nindent 2 }}
  {{- with $monitor.metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "meshscope.scrapeTarget" -}}
path: /metrics
{{- with .monitor.interval }}
interval: {{ . }}
{{- end }}
relabelings:
  - targetLabel: job
    replacement: {{ .job }}
  - sourceLabels: [__meta_kubernetes_pod_node_name]
    targetLabel: node
  {{- with .monitor.relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
