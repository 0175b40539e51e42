{{/* Sizes that follow from the memory limit. */}}

{{/* The memory limit in MiB, as a whole number; 0 without one. */}}
{{- define "meshscope.memoryLimitMib" -}}
{{- $text := dig "limits" "memory" "" .Values.resources | toString -}}
{{- if not $text -}}
0
{{- else -}}
{{- $number := regexFind "^[0-9]+(\\.[0-9]+)?" $text -}}
{{- $unit := trimPrefix $number $text -}}
{{- $bytes := dict "" 1 "k" 1000 "Ki" 1024 "M" 1000000 "Mi" 1048576 "G" 1000000000 "Gi" 1073741824 "T" 1000000000000 "Ti" 1099511627776 -}}
{{- if or (not $number) (not (hasKey $bytes $unit)) -}}
{{- fail (printf "resources.limits.memory: %q is not an amount of memory; expected such as 512Mi or 2Gi" $text) -}}
{{- end -}}
{{- divf (mulf (float64 $number) (get $bytes $unit)) 1048576 | floor | int64 -}}
{{- end -}}
{{- end -}}

{{/* Heap of the main thread in MiB; 0 without a limit. */}}
{{- define "meshscope.mainHeapMib" -}}
{{- div (mul (include "meshscope.memoryLimitMib" . | int64) .Values.mainHeapPercentage) 100 -}}
{{- end -}}

{{/* Heap of each ingest worker in MiB; 0 without a limit. With `auto` there may be four of them. */}}
{{- define "meshscope.workerHeapMib" -}}
{{- $limit := include "meshscope.memoryLimitMib" . | int64 -}}
{{- $threads := ternary 4 .Values.workers.threads (eq (toString .Values.workers.threads) "auto") | int64 -}}
{{- if or (eq $limit 0) (eq $threads 0) -}}
0
{{- else -}}
{{- max 32 (div (div (mul $limit .Values.workers.heapPercentage) 100) $threads) -}}
{{- end -}}
{{- end -}}

{{- define "meshscope.limitsMemory" -}}
{{- if and .Values.memoryLimiter.enabled (gt (include "meshscope.memoryLimitMib" . | int64) 0) -}}true{{- end -}}
{{- end -}}
