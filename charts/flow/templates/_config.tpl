{{/*
gateway.yaml, as package internal/config reads it.
*/}}
{{- define "flow.gatewayConfig" -}}
{{- $gateway := .flow.gateway -}}
{{- $nodes := list -}}
{{- range $name, $executor := .flow.executors -}}
{{- $nodes = append $nodes (include "flow.nodeConfig" (dict "root" $ "node" $name "executor" $executor) | fromJson) -}}
{{- end -}}
{{- $config := dict
  "name" .flow.fullname
  "prefetch" (int64 $gateway.prefetch)
  "retries" (int64 $gateway.retries)
  "timeoutSend" (int64 $gateway.timeoutSend)
  "compression" $gateway.compression
  "docarray" $gateway.docarray
  "executors" $nodes -}}
{{- with $gateway.http -}}
{{- $_ := set $config "http" . -}}
{{- end -}}
{{- include "flow.yaml" $config -}}
{{- end }}

{{/*
A node of gateway.yaml, as JSON. Takes root, node, executor.
*/}}
{{- define "flow.nodeConfig" -}}
{{- $executor := .executor -}}
{{- $config := pick $executor "needs" "metadata" "when" "compression" -}}
{{- $_ := set $config "name" .node -}}
{{- range $key := list "floating" "noReduce" -}}
{{- if get $executor $key -}}
{{- $_ := set $config $key true -}}
{{- end -}}
{{- end -}}
{{- range $key := list "timeoutSend" "retries" -}}
{{- if hasKey $executor $key -}}
{{- $_ := set $config $key (int64 (get $executor $key)) -}}
{{- end -}}
{{- end -}}
{{- if and (eq (($executor.autoscaling).provider | default "none") "keda") (eq (int (dig "minReplicas" 1 $executor.autoscaling)) 0) -}}
{{- $_ := set $config "waitForReplicas" (int64 $executor.timeoutReady) -}}
{{- end -}}
{{- if ($executor.external).addresses -}}
{{- $_ := set $config "addresses" $executor.external.addresses -}}
{{- else if gt (int $executor.shards) 1 -}}
{{- $shards := list -}}
{{- range $i := until (int $executor.shards) -}}
{{- $shards = append $shards (list (include "flow.address" (dict "root" $.root "component" (include "flow.part" (dict "node" $.node "part" $i))))) -}}
{{- end -}}
{{- $_ := set $config "shards" $shards -}}
{{- with $executor.polling -}}
{{- $_ := set $config "polling" . -}}
{{- end -}}
{{- if $executor.usesBefore -}}
{{- $_ := set $config "before" (list (include "flow.address" (dict "root" .root "component" (include "flow.part" (dict "node" .node "part" "before"))))) -}}
{{- end -}}
{{- if $executor.usesAfter -}}
{{- $_ := set $config "after" (list (include "flow.address" (dict "root" .root "component" (include "flow.part" (dict "node" .node "part" "after"))))) -}}
{{- end -}}
{{- else -}}
{{- $_ := set $config "addresses" (list (include "flow.address" (dict "root" .root "component" (include "flow.component" .node)))) -}}
{{- with $executor.canary -}}
{{- $address := include "flow.address" (dict "root" $.root "component" (include "flow.part" (dict "node" $.node "part" "canary"))) -}}
{{- $_ := set $config "canary" (dict "weight" (int64 (.weight | default 0)) "addresses" (list $address)) -}}
{{- end -}}
{{- end -}}
{{- toJson $config -}}
{{- end }}

{{/*
executor.yaml of a Go executor. The parameters stand first, as line ends at the end of a file get lost. Takes a workload.
*/}}
{{- define "flow.executorConfig" -}}
{{- with .values.usesWith -}}
{{- include "flow.yaml" (dict "usesWith" .) }}
{{ end -}}
{{- $config := dict "name" .node -}}
{{- /* A program of one's own with one executor needs no name for it. */ -}}
{{- with .values.uses | default (ternary "" "echo" .image.own) -}}
{{- $_ := set $config "uses" . -}}
{{- end -}}
{{- include "flow.yaml" $config -}}
{{- end }}
