{{/* Values that are good one by one and do not go together. Prints nothing. */}}
{{- define "meshscope.checks" -}}
{{- $presets := .Values.presets -}}
{{- $isDaemonset := eq .Values.mode "daemonset" -}}
{{- if and $isDaemonset .Values.autoscaling.enabled -}}
{{- fail "autoscaling.enabled: not with mode daemonset, which has one pod on every node; set mode: gateway" -}}
{{- end -}}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled -}}
{{- fail "serviceMonitor.enabled: not together with podMonitor.enabled, or everything is scraped twice; choose one" -}}
{{- end -}}
{{- if and (or .Values.podMonitor.enabled .Values.serviceMonitor.enabled) (not $presets.prometheus.enabled) (not $presets.selfMonitoring.enabled) -}}
{{- fail "podMonitor, serviceMonitor: nothing to scrape; enable presets.prometheus or presets.selfMonitoring" -}}
{{- end -}}
{{- if and .Values.service.headless (ne .Values.service.type "ClusterIP") -}}
{{- fail (printf "service.headless: not with type %s, which needs an address; set type: ClusterIP" .Values.service.type) -}}
{{- end -}}
{{- if and .Values.alternateConfig (not (include "meshscope.hasHealthCheck" .)) -}}
{{- fail (printf "alternateConfig.service.extensions: no health_check, which the probes ask; add it, with an endpoint at port %s" (include "meshscope.port" (dict "root" . "name" "health"))) -}}
{{- end -}}
{{- with $presets.kubernetesAttributes -}}
{{- if and .enabled (eq .scope "namespaces") (not .namespaces) -}}
{{- fail "presets.kubernetesAttributes.namespaces: empty; expected at least one with scope namespaces" -}}
{{- end -}}
{{- if and .enabled .namespaces (ne .scope "namespaces") -}}
{{- fail "presets.kubernetesAttributes.namespaces: only with scope: namespaces" -}}
{{- end -}}
{{- end -}}
{{- $reason := include "meshscope.aloneBecause" . -}}
{{- if and $reason .Values.rollout.maxSurge (ne (toString .Values.rollout.maxSurge) "0") -}}
{{- fail (printf "rollout.maxSurge: must be 0 with %s: two pods cannot be on one node" $reason) -}}
{{- end -}}
{{- if and (not $isDaemonset) (include "meshscope.sharesQueue" .) (or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1)) -}}
{{- fail "presets.otlpExport.queueVolume: one volume for several replicas; take an ephemeral volume, which each has for itself, or replicaCount: 1" -}}
{{- end -}}
{{- if le (int .Values.terminationGracePeriodSeconds) (int .Values.preStopSleepSeconds) -}}
{{- fail (printf "terminationGracePeriodSeconds: %d is not more than preStopSleepSeconds; expected that and the drain timeout (30 s) together, such as 45" (int .Values.terminationGracePeriodSeconds)) -}}
{{- end -}}
{{- if and (not .Values.alternateConfig) (not .Values.config) -}}
{{- if not (include "meshscope.flow" . | fromYaml).pipelines -}}
{{- fail "presets: nothing flows; enable a source (als, statsd, otlp) and where it goes (prometheus, otlpExport, cloudwatchEmf), or write config" -}}
{{- end -}}
{{- end -}}
{{- $isOpen := dict -}}
{{- range (include "meshscope.ports" . | fromYaml).open -}}
{{- $number := printf "%s/%v" .protocol .containerPort -}}
{{- if hasKey $isOpen $number -}}
{{- fail (printf "ports.%s.containerPort: %s is that of ports.%s, too" .name $number (get $isOpen $number)) -}}
{{- end -}}
{{- $_ := set $isOpen $number .name -}}
{{- end -}}
{{- end -}}

{{- define "meshscope.hasHealthCheck" -}}
{{- range (dig "service" "extensions" list .Values.alternateConfig) -}}
{{- if eq (first (splitList "/" .)) "health_check" -}}true{{- end -}}
{{- end -}}
{{- end -}}
