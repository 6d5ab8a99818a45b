{{/*
A part of flow.load: what runs in the cluster, as .flow.workloads. Each has
  root
  node         its name in the flow
  what         its name in faults
  component    its name in labels
  name         that of its objects
  selector     labels of its pods that never change, as selectors cannot
  grace        how long it may take to end, in seconds
  monitored    whether its metrics are collected, and so, by a Python process, served
  process      gateway or executor
  values       of the gateway or the executor
  image        reference, pullPolicy
  ports        what its container listens on besides admin: name, port, service (the Service's port)
  shard        its number, where the executor is sharded
  kind         Deployment, or StatefulSet where it has claims
  claims       volumes of each replica
  config       the text of an executor's configuration
*/}}
{{- define "flow.loadWorkloads" -}}
{{- include "flow.addWorkload" (dict "root" . "node" "gateway" "what" "the gateway" "component" "gateway" "process" "gateway" "values" .flow.gateway) -}}
{{- range $name, $executor := .flow.executors -}}
{{- if ($executor.external).addresses -}}
{{- else if gt (int $executor.shards) 1 -}}
{{- range $i := until (int $executor.shards) -}}
{{- $what := printf "executors.%s, shard %d" $name $i -}}
{{- include "flow.addWorkload" (dict "root" $ "node" $name "what" $what "component" (include "flow.part" (dict "node" $name "part" $i)) "process" "executor" "values" $executor "shard" $i) -}}
{{- end -}}
{{- range $stage, $part := dict "usesBefore" "before" "usesAfter" "after" -}}
{{- with get $executor $stage -}}
{{- $values := pick $executor "env" "envFromSecret" "imagePullSecrets" "monitoring" "traces" "metrics" "timeoutReady" "timeoutSend" | deepCopy -}}
{{- include "flow.overlay" (dict "on" $values "values" .) -}}
{{- include "flow.fill" (dict "values" $values "defaults" (dict "runtime" "go" "replicas" 1)) -}}
{{- $what := printf "executors.%s.%s" $name $stage -}}
{{- include "flow.addWorkload" (dict "root" $ "node" $name "what" $what "component" (include "flow.part" (dict "node" $name "part" $part)) "process" "executor" "values" $values) -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- include "flow.addWorkload" (dict "root" $ "node" $name "what" (printf "executors.%s" $name) "component" (include "flow.component" $name) "process" "executor" "values" $executor) -}}
{{- with $executor.canary -}}
{{- $values := deepCopy (omit $executor "canary" "autoscaling") -}}
{{- include "flow.overlay" (dict "on" $values "values" (omit . "weight")) -}}
{{- $_ := set $values "replicas" (.replicas | default 1) -}}
{{- $what := printf "executors.%s.canary" $name -}}
{{- include "flow.addWorkload" (dict "root" $ "node" $name "what" $what "component" (include "flow.part" (dict "node" $name "part" "canary")) "process" "executor" "values" $values) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
The name in labels of one of the workloads that a node has. Takes node, part.
*/}}
{{- define "flow.part" -}}
{{- include "flow.cut" (printf "%s-%v" (include "flow.component" .node) .part) -}}
{{- end }}

{{/*
A part of flow.loadWorkloads: completes a workload and adds it.
*/}}
{{- define "flow.addWorkload" -}}
{{- $w := . -}}
{{- $_ := set $w "runtime" .values.runtime -}}
{{- $_ := set $w "name" (include "flow.object" $w) -}}
{{- $_ := set $w "selector" (include "flow.selector" $w | fromJson) -}}
{{- $_ := set $w "grace" (include "flow.grace" $w | int64) -}}
{{- $_ := set $w "monitored" (or .values.monitoring .root.flow.monitoring.enabled | default false) -}}
{{- $_ := set $w "image" (include "flow.image" $w | fromJson) -}}
{{- $ports := list -}}
{{- if eq .process "executor" -}}
{{- $ports = list (dict "name" "grpc" "port" 8080 "service" 8080) -}}
{{- else -}}
{{- $number := 8080 -}}
{{- range $door := list "grpc" "http" "websocket" -}}
{{- with get $w.values.ports $door -}}
{{- $ports = append $ports (dict "name" $door "port" $number "service" (int .)) -}}
{{- end -}}
{{- /* Jina counts up from 8080; our gateway has a port of its own for each door, so that adding one moves no other. */ -}}
{{- if or (eq $w.runtime "go") (get $w.values.ports $door) -}}
{{- $number = add1 $number -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $w "ports" $ports -}}
{{- $claims := list -}}
{{- if eq .process "executor" -}}
{{- range .values.volumes -}}
{{- $name := .name | default (printf "volume%s" (regexReplaceAll "[^a-z0-9]+" (lower .mountPath) "-")) | trunc 63 | trimSuffix "-" -}}
{{- $claims = append $claims (merge (dict "name" $name) .) -}}
{{- end -}}
{{- with .values.workspace -}}
{{- $within := false -}}
{{- range $claims -}}
{{- $within = or $within (hasPrefix (printf "%s/" (trimSuffix "/" .mountPath)) (printf "%s/" $w.values.workspace)) -}}
{{- end -}}
{{- if not $within -}}
{{- $claims = append $claims (dict "name" "workspace" "mountPath" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $w "claims" $claims -}}
{{- $_ := set $w "kind" (ternary "StatefulSet" "Deployment" (gt (len $claims) 0)) -}}
{{- if and (eq .process "executor") (eq .runtime "jina") -}}
{{- $_ := set .root.flow "hasJinaExecutors" true -}}
{{- else if eq .process "executor" -}}
{{- $_ := set $w "config" (include "flow.executorConfig" $w) -}}
{{- end -}}
{{- $_ := set .root.flow "workloads" (append .root.flow.workloads $w) -}}
{{- end }}

{{/*
The image of a workload as JSON: reference, registry/repository:tag@digest, pullPolicy, and own: not one of this project's. Where the values name no repository it is this project's own,
of which they may say another registry or tag.
*/}}
{{- define "flow.image" -}}
{{- $image := dict -}}
{{- $layers := list .values.image -}}
{{- $own := not (not (.values.image).repository) -}}
{{- if and (eq .runtime "go") (not $own) -}}
{{- $image = dict "registry" "ghcr.io" "repository" (printf "helm-flow/flow-%s" .process) "tag" .root.Chart.AppVersion -}}
{{- if eq .process "executor" -}}
{{- $layers = list (.root.flow.values.executorDefaults).image .values.image -}}
{{- end -}}
{{- end -}}
{{- range $layer := $layers -}}
{{- range $key, $value := $layer -}}
{{- if $value -}}
{{- $_ := set $image $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $reference := $image.repository | default "" -}}
{{- with (.root.flow.values.global).imageRegistry | default $image.registry -}}
{{- $reference = printf "%s/%s" . $reference -}}
{{- end -}}
{{- with $image.tag -}}
{{- $reference = printf "%s:%v" $reference . -}}
{{- end -}}
{{- with $image.digest -}}
{{- $reference = printf "%s@%s" $reference . -}}
{{- end -}}
{{- dict "reference" $reference "named" (not (not $image.repository)) "own" $own "pullPolicy" ($image.pullPolicy | default "") | toJson -}}
{{- end }}

{{/*
Whether a number of replicas other than the values' may run.
*/}}
{{- define "flow.autoscaled" -}}
{{- if has (.values.autoscaling).provider (list "hpa" "keda") }}true{{ end -}}
{{- end }}

{{/*
How long a workload may take to end, in seconds: the sleep before it is told to, the longest call, and some to spare; in steps of 60, 120, 240 and so
on, as another timeout is nothing to roll pods for.
*/}}
{{- define "flow.grace" -}}
{{- $longest := .root.flow.gateway.timeoutSend -}}
{{- if and (eq .process "executor") (hasKey .values "timeoutSend") -}}
{{- $longest = .values.timeoutSend -}}
{{- end -}}
{{- $needed := add 15 (ceil (divf $longest 1000)) -}}
{{- $grace := 60 -}}
{{- range until 32 -}}
{{- if lt (int64 $grace) (int64 $needed) -}}
{{- $grace = mul 2 $grace -}}
{{- end -}}
{{- end -}}
{{- .values.terminationGracePeriodSeconds | default $grace -}}
{{- end }}

{{/*
Labels of a component that never change, as JSON. Takes root, component.
*/}}
{{- define "flow.selector" -}}
{{- dict "app.kubernetes.io/name" .root.flow.name "app.kubernetes.io/instance" .root.Release.Name "app.kubernetes.io/component" .component | toJson -}}
{{- end }}
