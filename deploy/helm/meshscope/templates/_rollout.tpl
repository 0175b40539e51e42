{{/* A number, or a share such as 10%; what is empty becomes `otherwise`. */}}
{{- define "meshscope.intOrShare" -}}
{{- if eq (toString .given) "" -}}
{{- .otherwise -}}
{{- else if kindIs "string" .given -}}
{{- .given | quote -}}
{{- else -}}
{{- .given | int -}}
{{- end -}}
{{- end -}}

{{/* Why two pods cannot be on one node, not even during an update; empty when they can. */}}
{{- define "meshscope.aloneBecause" -}}
{{- $hasHostPort := .Values.hostNetwork -}}
{{- range (include "meshscope.ports" . | fromYaml).open }}{{ if .hostPort }}{{ $hasHostPort = true }}{{ end }}{{ end -}}
{{- if $hasHostPort -}}
host ports
{{- else if include "meshscope.sharesQueue" . -}}
a queue volume that pods share
{{- end -}}
{{- end -}}

{{/* "true" when the volume of the queue is not each pod's own: only one daemon at a time may have it. */}}
{{- define "meshscope.sharesQueue" -}}
{{- $volume := .Values.presets.otlpExport.queueVolume -}}
{{- if and (include "meshscope.queuesOnDisk" .) $volume (not $volume.emptyDir) (not $volume.ephemeral) -}}true{{- end -}}
{{- end -}}
