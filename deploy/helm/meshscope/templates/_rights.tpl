{{/*
The rights that the config takes, exactly as `meshscope rbac` prints them, as YAML:
{cluster: [rule], namespaces: [{namespace, rules: [rule]}]}. They follow from the config as it is in the ConfigMap,
so that what is added by `config` counts too.
*/}}
{{- define "meshscope.rights" -}}
{{- $config := include "meshscope.config" . | fromYaml -}}
{{- $service := default dict $config.service -}}
{{- $processors := default dict $config.processors -}}
{{- $extension := dict -}}
{{- $isThere := false -}}
{{- range $id, $settings := $config.extensions -}}
{{- if eq (first (splitList "/" $id)) "k8s_metadata" }}{{ $extension = default dict $settings }}{{ end -}}
{{- end -}}
{{- range (default list $service.extensions) -}}
{{- if eq (first (splitList "/" .)) "k8s_metadata" }}{{ $isThere = true }}{{ end -}}
{{- end -}}

{{- $wanted := dict -}}
{{- $mesh := false -}}
{{- range $pipeline := $service.pipelines -}}
{{- range $id := $pipeline.processors -}}
{{- $type := first (splitList "/" $id) -}}
{{- $settings := default dict (get $processors $id) -}}
{{- if eq $type "mesh" -}}
{{- $kubernetes := default "auto" $settings.kubernetes -}}
{{- if ne $kubernetes "never" }}{{ $mesh = true }}{{ end -}}
{{- if eq $kubernetes "always" }}{{ $isThere = true }}{{ end -}}
{{- else if and (has $type (list "k8s_attributes" "k8sattributes")) (not $settings.passthrough) -}}
{{- $isThere = true -}}
{{- $_ := set $wanted "pods" true -}}
{{- $extract := default dict $settings.extract -}}
{{- $metadata := default list $extract.metadata -}}
{{- if has "k8s.cluster.uid" $metadata }}{{ $_ := set $wanted "namespaces" true }}{{ end -}}
{{- if has "k8s.node.uid" $metadata }}{{ $_ := set $wanted "nodes" true }}{{ end -}}
{{- range concat (default list $extract.labels) (default list $extract.annotations) -}}
{{- if has .from (list "namespace" "node") }}{{ $_ := set $wanted (printf "%ss" .from) true }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $id := $pipeline.receivers -}}
{{- $type := first (splitList "/" $id) -}}
{{- $settings := default dict (get (default dict $config.receivers) $id) -}}
{{- $discovers := eq (default "" $settings.sender) "kubernetes" -}}
{{- if eq $type "prometheus" -}}
{{- range (dig "config" "scrape_configs" list $settings) -}}
{{- if .kubernetes_sd_configs }}{{ $discovers = true }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and $discovers (has $type (list "statsd" "prometheus")) -}}
{{- $isThere = true -}}
{{- $_ := set $wanted "pods" true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $mesh $isThere -}}
{{- range list "pods" "nodes" "services" "endpointslices" "serviceentries" "workloadentries" }}{{ $_ := set $wanted . true }}{{ end -}}
{{- end -}}
{{- if not $isThere }}{{ $wanted = dict }}{{ end -}}
{{- if $isThere }}{{ $_ := include "meshscope.chosenResources" (dict "wanted" $wanted "extension" $extension) }}{{ end -}}
{{- include "meshscope.rules" (dict "wanted" $wanted "extension" $extension) -}}
{{- end -}}

{{/* Puts into `wanted` what the extension's own settings add, and takes from it what they forbid. Prints nothing. */}}
{{- define "meshscope.chosenResources" -}}
{{- $wanted := .wanted -}}
{{- $choices := default dict .extension.resources -}}
{{- $kinds := dict
  "services" (list "services")
  "endpoint_slices" (list "endpointslices")
  "nodes" (list "nodes")
  "namespaces" (list "namespaces")
  "istio" (list "serviceentries" "workloadentries") -}}
{{- range $key, $names := $kinds -}}
{{- $choice := default "auto" (get $choices $key) -}}
{{- range $names -}}
{{- if eq $choice "always" }}{{ $_ := set $wanted . true }}{{ else if eq $choice "never" }}{{ $_ := unset $wanted . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and .extension.exact_owners $wanted.pods -}}
{{- $_ := set $wanted "replicasets" true -}}
{{- $_ := set $wanted "jobs" true -}}
{{- end -}}
{{- end -}}

{{/* Rules for the `wanted` resources, in the order of `meshscope rbac`. */}}
{{- define "meshscope.rules" -}}
{{- $scope := default "node" .extension.scope -}}
{{- $namespaces := default list .extension.namespaces -}}
{{- $ownNode := ternary (default "" .extension.node) "" (eq $scope "node") -}}
{{- $groups := list
  (dict "group" "apps" "resources" (list "replicasets"))
  (dict "group" "batch" "resources" (list "jobs"))
  (dict "group" "" "resources" (list "nodes" "namespaces" "pods" "services"))
  (dict "group" "discovery.k8s.io" "resources" (list "endpointslices"))
  (dict "group" "networking.istio.io" "resources" (list "serviceentries" "workloadentries")) -}}
{{- $cluster := list -}}
{{- $within := list -}}
{{- range $group := $groups -}}
{{- $plain := list -}}
{{- $inNamespace := list -}}
{{- range $resource := $group.resources -}}
{{- if get $.wanted $resource -}}
{{- $rule := dict "apiGroups" (list $group.group) "resources" (list $resource) "verbs" (list "list" "watch") -}}
{{- if and (eq $resource "nodes") $ownNode -}}
{{- $cluster = append $cluster (set $rule "resourceNames" (list $ownNode)) -}}
{{- else if and (eq $resource "namespaces") (eq $scope "namespaces") -}}
{{- $cluster = append $cluster (set $rule "resourceNames" (sortAlpha $namespaces)) -}}
{{- else if and (eq $scope "namespaces") (ne $resource "nodes") -}}
{{- $inNamespace = append $inNamespace $resource -}}
{{- else -}}
{{- $plain = append $plain $resource -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $plain }}{{ $cluster = append $cluster (dict "apiGroups" (list $group.group) "resources" (sortAlpha $plain) "verbs" (list "list" "watch")) }}{{ end -}}
{{- if $inNamespace }}{{ $within = append $within (dict "apiGroups" (list $group.group) "resources" (sortAlpha $inNamespace) "verbs" (list "list" "watch")) }}{{ end -}}
{{- end -}}
{{- $roles := list -}}
{{- if $within }}{{ range sortAlpha $namespaces }}{{ $roles = append $roles (dict "namespace" . "rules" $within) }}{{ end }}{{ end -}}
{{- toYaml (dict "cluster" $cluster "namespaces" $roles) -}}
{{- end -}}

{{/* "true" when the daemon asks the API server, and its pods need a token. */}}
{{- define "meshscope.needsToken" -}}
{{- $rights := include "meshscope.rights" . | fromYaml -}}
{{- if or $rights.cluster $rights.namespaces -}}true{{- end -}}
{{- end -}}
