{{/* Extensions and pipelines of the presets, as YAML: {extensions: […], pipelines: {…}}. A pipeline without an end is left out. */}}
{{- define "meshscope.flow" -}}
{{- $presets := .Values.presets -}}
{{- $guard := ternary (list "memory_limiter") (list) (ne (include "meshscope.limitsMemory" .) "") -}}
{{- $extensions := list "health_check" -}}
{{- if $presets.kubernetesAttributes.enabled }}{{ $extensions = append $extensions "k8s_metadata" }}{{ end -}}
{{- if include "meshscope.queuesOnDisk" . }}{{ $extensions = append $extensions "file_storage" }}{{ end -}}

{{- $backend := list -}}
{{- if $presets.otlpExport.enabled }}{{ $backend = list (printf "otlp_%s" $presets.otlpExport.protocol) }}{{ end -}}
{{- $metricsTo := $backend -}}
{{- if $presets.prometheus.enabled }}{{ $metricsTo = prepend $metricsTo "prometheus" }}{{ end -}}
{{- if $presets.cloudwatchEmf.enabled }}{{ $metricsTo = append $metricsTo "awsemf" }}{{ end -}}
{{- $sender := ternary (list "k8s_attributes") (list) $presets.kubernetesAttributes.enabled -}}

{{- $pipelines := dict -}}
{{- $metricsFrom := list -}}
{{- $tracesFrom := list -}}
{{- if $presets.als.enabled -}}
{{- $connectors := list "mesh_metrics" -}}
{{- $metricsFrom = list "mesh_metrics" -}}
{{- if and $backend $presets.otlpExport.meshTraces -}}
{{- $connectors = append $connectors "mesh_traces" -}}
{{- $tracesFrom = append $tracesFrom "mesh_traces" -}}
{{- end -}}
{{- if $metricsTo -}}
{{- $_ := set $pipelines "logs/mesh" (dict "receivers" (list "envoyals") "processors" (append $guard "mesh") "exporters" $connectors) -}}
{{- end -}}
{{- if include "meshscope.exportsAccessLogs" . -}}
{{- $records := concat $guard (list "mesh" "access_log_records") -}}
{{- $_ := set $pipelines "logs/access" (dict "receivers" (list "envoyals") "processors" $records "exporters" $backend) -}}
{{- end -}}
{{- end -}}

{{- if $presets.statsd.enabled -}}
{{- $metricsFrom = append $metricsFrom "statsd" -}}
{{- if $backend }}{{ $_ := set $pipelines "logs/statsd" (dict "receivers" (list "statsd") "exporters" $backend) }}{{ end -}}
{{- end -}}

{{- if and $metricsFrom $metricsTo -}}
{{- $_ := set $pipelines "metrics" (dict "receivers" $metricsFrom "exporters" $metricsTo) -}}
{{- end -}}

{{- if $presets.otlp.enabled -}}
{{- $processors := concat $guard $sender -}}
{{- if $metricsTo }}{{ $_ := set $pipelines "metrics/otlp" (dict "receivers" (list "otlp") "processors" $processors "exporters" $metricsTo) }}{{ end -}}
{{- if $backend -}}
{{- $_ := set $pipelines "logs/otlp" (dict "receivers" (list "otlp") "processors" $processors "exporters" $backend) -}}
{{- $_ := set $pipelines "traces/otlp" (dict "receivers" (list "otlp") "processors" $processors "exporters" $backend) -}}
{{- end -}}
{{- end -}}
{{- if $tracesFrom }}{{ $_ := set $pipelines "traces/mesh" (dict "receivers" $tracesFrom "exporters" $backend) }}{{ end -}}
{{- toYaml (dict "extensions" $extensions "pipelines" $pipelines) -}}
{{- end -}}
