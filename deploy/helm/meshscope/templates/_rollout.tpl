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
