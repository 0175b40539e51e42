{{/* The ports that are open, in an order of our own: as YAML, a list of the entries of `ports` with their names. */}}
{{- define "meshscope.ports" -}}
{{- $presets := .Values.presets -}}
{{- $byPreset := dict
  "als" $presets.als.enabled
  "statsd" $presets.statsd.enabled
  "otlp" $presets.otlp.enabled
  "otlp-http" $presets.otlp.enabled
  "prometheus" $presets.prometheus.enabled
  "metrics" $presets.selfMonitoring.enabled
  "health" true -}}
{{- $open := list -}}
{{- range $name, $port := .Values.ports -}}
{{- if $port -}}
{{- $isOpen := get $byPreset $name -}}
{{- if not (kindIs "invalid" $port.enabled) }}{{ $isOpen = $port.enabled }}{{ end -}}
{{- if $isOpen -}}
{{- $open = append $open (merge (dict "name" $name "isMonitoring" (has $name (list "prometheus" "metrics" "health"))) $port) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml (dict "open" $open) -}}
{{- end -}}

{{/* Number of the port of that name. */}}
{{- define "meshscope.port" -}}
{{- $port := get .root.Values.ports .name -}}
{{- if not $port }}{{ fail (printf "ports.%s: missing, and a preset that is on needs it" .name) }}{{ end -}}
{{- $port.containerPort | int -}}
{{- end -}}

{{/* Address to listen on at the port of that name. */}}
{{- define "meshscope.listen" -}}
{{- printf "%s:%s" .root.Values.bindAddress (include "meshscope.port" .) -}}
{{- end -}}
