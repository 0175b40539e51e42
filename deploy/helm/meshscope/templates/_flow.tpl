{{/* Extensions and pipelines of the presets, as YAML: {extensions: […], pipelines: {…}}. A pipeline without an end is left out. */}}
{{- define "meshscope.flow" -}}
{{- $presets := .Values.presets -}}
{{- $guard := ternary (list "memory_limiter") (list) (ne (include "meshscope.limitsMemory" .) "") -}}
{{- $extensions := list "health_check" -}}
{{- if $presets.kubernetesAttributes.enabled }}{{ $extensions = append $extensions "k8s_metadata" }}{{ end -}}
{{- if include "meshscope.queuesOnDisk" . }}{{ $extensions = append $extensions "file_storage" }}{{ end -}}

{{- $backend := list -}}
{{- if $presets.otlpExport.enabled }}{{ $backend = list (printf "otlp_%s" $presets.otlpExport.protocol) }}{{ end -}}
{{- $metricsTo := dict -}}
{{- range $source := list "mesh" "statsd" "otlp" -}}
{{- $to := list -}}
{{- if $presets.prometheus.enabled }}{{ $to = append $to "prometheus" }}{{ end -}}
{{- if $presets.cloudwatchEmf.enabled }}{{ $to = append $to (printf "awsemf/%s" $source) }}{{ end -}}
{{- $_ := set $metricsTo $source $to -}}
{{- end -}}
{{- $identity := ternary "cumulativetodelta" "resource/instance" (eq $presets.otlpExport.temporality "delta") -}}

{{- $pipelines := dict -}}
{{- if $presets.als.enabled -}}
{{- $connectors := list -}}
{{- if or $metricsTo.mesh $backend }}{{ $connectors = append $connectors "mesh_metrics" }}{{ end -}}
{{- if $metricsTo.mesh }}{{ $_ := set $pipelines "metrics/mesh" (dict "receivers" (list "mesh_metrics") "exporters" $metricsTo.mesh) }}{{ end -}}
{{- if $backend -}}
{{- $_ := set $pipelines "metrics/mesh_export" (dict "receivers" (list "mesh_metrics") "processors" (list $identity) "exporters" $backend) -}}
{{- end -}}
{{- if and $backend $presets.otlpExport.meshTraces -}}
{{- $connectors = append $connectors "mesh_traces" -}}
{{- $_ := set $pipelines "traces/mesh" (dict "receivers" (list "mesh_traces") "exporters" $backend) -}}
{{- end -}}
{{- if $connectors -}}
{{- $_ := set $pipelines "logs/mesh" (dict "receivers" (list "envoyals") "processors" (append $guard "mesh") "exporters" $connectors) -}}
{{- end -}}
{{- if include "meshscope.exportsAccessLogs" . -}}
{{- $records := concat $guard (list "mesh" "access_log_records") -}}
{{- $_ := set $pipelines "logs/access" (dict "receivers" (list "envoyals") "processors" $records "exporters" $backend) -}}
{{- end -}}
{{- end -}}

{{- if $presets.statsd.enabled -}}
{{- if $metricsTo.statsd }}{{ $_ := set $pipelines "metrics/statsd" (dict "receivers" (list "statsd") "exporters" $metricsTo.statsd) }}{{ end -}}
{{- if $backend -}}
{{- $_ := set $pipelines "metrics/statsd_export" (dict "receivers" (list "statsd") "processors" (list $identity) "exporters" $backend) -}}
{{- /* Events and service checks of DogStatsD. */ -}}
{{- $_ := set $pipelines "logs/statsd" (dict "receivers" (list "statsd") "exporters" $backend) -}}
{{- end -}}
{{- end -}}

{{- if $presets.otlp.enabled -}}
{{- $processors := concat $guard (ternary (list "k8s_attributes") (list) $presets.kubernetesAttributes.enabled) -}}
{{- $to := concat $metricsTo.otlp $backend -}}
{{- if $to }}{{ $_ := set $pipelines "metrics/otlp" (dict "receivers" (list "otlp") "processors" $processors "exporters" $to) }}{{ end -}}
{{- if $backend -}}
{{- $_ := set $pipelines "logs/otlp" (dict "receivers" (list "otlp") "processors" $processors "exporters" $backend) -}}
{{- $_ := set $pipelines "traces/otlp" (dict "receivers" (list "otlp") "processors" $processors "exporters" $backend) -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "extensions" $extensions "pipelines" $pipelines) -}}
{{- end -}}
