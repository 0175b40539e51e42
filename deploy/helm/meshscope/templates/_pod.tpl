{{/* The pod template of the DaemonSet and the Deployment. */}}
{{- define "meshscope.pod" -}}
metadata:
  labels:
    # Not the chart's version: pods need no restart for it.
    {{- include "meshscope.selectorLabels" . | nindent 4 }}
    app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
    {{- with .Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with include "meshscope.podAnnotations" . | trim }}
  annotations:
    {{- . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "meshscope.serviceAccountName" . }}
  automountServiceAccountToken: {{ ternary "true" "false" (ne (include "meshscope.needsToken" .) "") }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml .Values.podSecurityContext | nindent 4 }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds | int }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: meshscope
      {{- include "meshscope.container" . | nindent 6 }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "meshscope.configMapName" . }}
        items:
          - key: relay
            path: relay.yaml
    {{- if include "meshscope.queuesOnDisk" . }}
    - name: queue
      {{- if .Values.presets.otlpExport.queueVolume }}
      {{- toYaml .Values.presets.otlpExport.queueVolume | nindent 6 }}
      {{- else }}
      emptyDir:
        # The files of the queue and their indexes.
        sizeLimit: {{ printf "%dMi" (add (int .Values.presets.otlpExport.queueMibMax) 64) }}
      {{- end }}
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- if .Values.hostNetwork }}
  hostNetwork: true
  {{- end }}
  {{- with default (ternary "ClusterFirstWithHostNet" "" .Values.hostNetwork) .Values.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- range $key := list "nodeSelector" "affinity" "tolerations" "topologySpreadConstraints" }}
  {{- with get $.Values $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{- define "meshscope.podAnnotations" -}}
{{- if eq .Values.configReload "checksum" }}
checksum/config: {{ include "meshscope.config" . | sha256sum }}
{{- end }}
{{- if and .Values.presets.prometheus.enabled .Values.presets.prometheus.scrapeAnnotations }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ include "meshscope.port" (dict "root" . "name" "prometheus") | quote }}
{{- end }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "meshscope.container" -}}
image: {{ include "meshscope.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - run
  - --config=/conf/relay.yaml
  {{- if eq .Values.configReload "watch" }}
  - --watch
  {{- end }}
  {{- range .Values.extraArgs }}
  - {{ . | quote }}
  {{- end }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
env:
  {{- include "meshscope.env" . | trim | nindent 2 }}
{{- with .Values.extraEnvsFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- range (include "meshscope.ports" . | fromYaml).open }}
  - name: {{ .name }}
    containerPort: {{ .containerPort | int }}
    protocol: {{ .protocol }}
    {{- if .hostPort }}
    hostPort: {{ .hostPort | int }}
    {{- end }}
  {{- end }}
{{- range $probe, $path := dict "startupProbe" "/readyz" "livenessProbe" "/livez" "readinessProbe" "/readyz" }}
{{ $probe }}:
  httpGet:
    path: {{ $path }}
    port: health
  {{- toYaml (get $.Values $probe) | nindent 2 }}
{{- end }}
{{- if .Values.preStopSleepSeconds }}
lifecycle:
  preStop:
    sleep:
      seconds: {{ .Values.preStopSleepSeconds | int }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.resizePolicy }}
resizePolicy:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  # A folder, not a file of it: only folders follow when the ConfigMap changes.
  - name: config
    mountPath: /conf
    readOnly: true
  {{- if include "meshscope.queuesOnDisk" . }}
  - name: queue
    mountPath: /var/lib/meshscope
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* The Collector chart's names for what the downward API tells, so that its configs work as they are. */}}
{{- define "meshscope.env" -}}
{{- range list
  (list "K8S_NODE_NAME" "spec.nodeName")
  (list "K8S_NODE_IP" "status.hostIP")
  (list "K8S_POD_NAME" "metadata.name")
  (list "K8S_POD_UID" "metadata.uid")
  (list "K8S_NAMESPACE" "metadata.namespace")
  (list "MY_POD_IP" "status.podIP") }}
- name: {{ first . }}
  valueFrom:
    fieldRef:
      fieldPath: {{ last . }}
{{- end }}
{{- with include "meshscope.mainHeapMib" . | int }}
# Of the main thread; ingest workers have a limit of their own in the config.
- name: NODE_OPTIONS
  value: --max-old-space-size={{ . }}
{{- end }}
{{- with .Values.extraEnvs }}
{{ toYaml . }}
{{- end }}
{{- end -}}
