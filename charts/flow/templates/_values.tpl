{{/*
Works out the whole flow, once for all templates, and keeps it in the root as .flow:
  gateway, executors   values with their defaults; executors by name
  workloads            what runs in the cluster, the gateway first: see _workloads.tpl
  mesh                 linkerd or none
  commonLabels, commonAnnotations
Values of the chart are read nowhere else, as releases that were upgraded with --reuse-values lack the newer ones.
*/}}
{{- define "flow.load" -}}
{{- if not (hasKey . "flow") -}}
{{- $flow := dict "gateway" dict "executors" dict "workloads" list "mesh" ((.Values.mesh).provider | default "linkerd") -}}
{{- $_ := set . "flow" $flow -}}
{{- with .Values.flow -}}
{{- include "flow.read" (dict "text" . "into" $flow) -}}
{{- end -}}
{{- include "flow.common" . -}}
{{- $_ := set $flow "gateway" (mergeOverwrite $flow.gateway (.Values.gateway | default dict)) -}}
{{- include "flow.settle" (dict "values" $flow.gateway "defaults" (include "flow.gatewayDefaults" . | fromYaml)) -}}
{{- include "flow.loadExecutors" . -}}
{{- include "flow.loadWorkloads" . -}}
{{- end -}}
{{- end }}

{{/* The gateway's defaults. */}}
{{- define "flow.gatewayDefaults" -}}
runtime: go
ports: {grpc: 8080}
replicas: 1
prefetch: 1000
retries: -1
timeoutSend: 0
compression: none
maxMessageBytes: 268435456
docarray: auto
timeoutReady: 600000
{{- end }}

{{/* An executor's defaults, under executorDefaults. */}}
{{- define "flow.executorDefaults" -}}
runtime: go
needs: [gateway]
replicas: 1
shards: 1
timeoutReady: 600000
{{- end }}

{{/* A part of flow.load. */}}
{{- define "flow.loadExecutors" -}}
{{- $executors := .flow.executors -}}
{{- $common := omit (.Values.executorDefaults | default dict) "image" -}}
{{- $defaults := include "flow.executorDefaults" . | fromYaml -}}
{{- range $name, $values := .Values.executors -}}
{{- $_ := set $executors $name (kindIs "invalid" $values | ternary nil (mergeOverwrite (get $executors $name | default dict) ($values | default dict))) -}}
{{- end -}}
{{- range $name, $values := $executors -}}
{{- if kindIs "invalid" $values -}}
{{- $_ := unset $executors $name -}}
{{- else -}}
{{- $executor := $common | ternary (mergeOverwrite (deepCopy $common) $values) $values -}}
{{- include "flow.settle" (dict "values" $executor "defaults" $defaults) -}}
{{- $_ := set $executors $name $executor -}}
{{- end -}}
{{- end -}}
{{- if not $executors -}}
{{- $_ := set $executors "echo" (mergeOverwrite (deepCopy $common) $defaults (dict "uses" "echo")) -}}
{{- end -}}
{{- end }}

{{/*
Takes nulls out of values, which is how users take away what others set, and puts in the defaults that are missing. Takes values,
defaults.
*/}}
{{- define "flow.settle" -}}
{{- include "flow.prune" .values -}}
{{- range $key, $value := .defaults -}}
{{- if not (hasKey $.values $key) -}}
{{- $_ := set $.values $key $value -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
Takes nulls out of a map at every depth; but not of what belongs to others, to whom null may mean something.
*/}}
{{- define "flow.prune" -}}
{{- $others := list "usesWith" "args" "when" "exposeEndpoints" "podSecurityContext" "securityContext" -}}
{{- range $key, $value := . -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $ $key -}}
{{- else if and (kindIs "map" $value) (not (has $key $others)) -}}
{{- include "flow.prune" $value -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
What every object says, without what the chart says itself.
*/}}
{{- define "flow.common" -}}
{{- $labels := omit (.Values.commonLabels | default dict) "helm.sh/chart" "app.kubernetes.io/name" "app.kubernetes.io/instance"
  "app.kubernetes.io/component" "app.kubernetes.io/managed-by" "app.kubernetes.io/version" -}}
{{- $annotations := deepCopy (.Values.commonAnnotations | default dict) -}}
{{- include "flow.prune" $labels -}}
{{- include "flow.prune" $annotations -}}
{{- $_ := set .flow "commonLabels" $labels -}}
{{- $_ := set .flow "commonAnnotations" $annotations -}}
{{- end }}

{{/*
toYaml, which gives nothing at all where it fails. What it makes of U+2028 and U+2029 ends the line where Helm reads it.
*/}}
{{- define "flow.yaml" -}}
{{- $text := toYaml . -}}
{{- if or (not $text) (regexMatch "[\\x{2028}\\x{2029}]" $text) -}}
{{- fail "a value holds a control character that YAML cannot" -}}
{{- end -}}
{{- $text -}}
{{- end }}
