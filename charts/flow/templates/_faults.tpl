{{/*
What is wrong with the values beyond what the schema sees, one fault a line.
*/}}
{{- define "flow.faults" -}}
{{- $faults := .flow.faults -}}
{{- range $part := list "gatewayFaults" "executorFaults" "workloadFaults" "graphFaults" "meshFaults" -}}
{{- $faults = concat $faults (include (printf "flow.%s" $part) $ | splitList "\n") -}}
{{- end -}}
{{- without (uniq $faults) "" | join "\n" -}}
{{- end }}

{{/* A part of flow.faults. */}}
{{- define "flow.gatewayFaults" -}}
{{- $gateway := .flow.gateway }}
{{- $w := first .flow.workloads }}
{{- $doors := list }}
{{- $numbers := list }}
{{- range $w.ports }}
{{- if has .service $numbers }}
gateway.ports.{{ .name }}: {{ .service }} is the port of another door, expected one of its own
{{- end }}
{{- $doors = append $doors .name }}
{{- $numbers = append $numbers .service }}
{{- end }}
{{- if not $doors }}
gateway.ports: none is left, expected at least one of grpc, http and websocket
{{- end }}
{{- with $gateway.tls }}
{{- if and .secretName (or .certFile .keyFile) }}
gateway.tls: has both a Secret and files, expected one of them
{{- else if ne (empty .certFile) (empty .keyFile) }}
gateway.tls: has one of certFile and keyFile, expected both
{{- end }}
{{- end }}
{{- with $gateway.ingress }}
{{- if and .enabled .door (not (has .door $doors)) }}
gateway.ingress.door: the gateway has no door {{ .door }}, expected one of {{ join ", " $doors }}
{{- end }}
{{- end }}
{{- with $gateway.route }}
{{- if and .enabled (not .parentRefs) }}
gateway.route.parentRefs: missing, expected the Gateways that lead here
{{- end }}
{{- range .doors }}
{{- if not (has . $doors) }}
gateway.route.doors: the gateway has no door {{ . }}, expected some of {{ join ", " $doors }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq $gateway.runtime "jina" }}
{{- range $name, $executor := .flow.executors }}
{{- if gt (int $executor.shards) 1 }}
executors.{{ $name }}.shards: a gateway of one's own cannot call them; let gateway.runtime be go
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A part of flow.faults. */}}
{{- define "flow.executorFaults" -}}
{{- range $name, $executor := .flow.executors }}
{{- if not (regexMatch "^[A-Za-z_]*[A-Za-z][A-Za-z0-9_]*$" $name) }}
executors.{{ $name }}: is no name, expected letters, digits and _, not a digit first
{{- end }}
{{- if le (int $executor.shards) 1 }}
{{- range $stage := list "usesBefore" "usesAfter" }}
{{- if get $executor $stage }}
executors.{{ $name }}.{{ $stage }}: works on shards, and there are none; set shards, or leave it out
{{- end }}
{{- end }}
{{- else if $executor.canary }}
executors.{{ $name }}.canary: cannot be with shards; leave one of them out
{{- end }}
{{- end }}
{{- end }}

{{/* A part of flow.faults. */}}
{{- define "flow.workloadFaults" -}}
{{- $suffixes := list "" }}
{{- if eq .flow.mesh.provider "none" }}
{{- $suffixes = append $suffixes "-pods" }}
{{- end }}
{{- if ne .flow.mesh.policy "off" }}
{{- $suffixes = concat $suffixes (list "-admin" "-metrics" "-health" "-calls") }}
{{- end }}
{{- if eq (include "flow.monitorKind" .) "ServiceMonitor" }}
{{- $suffixes = append $suffixes "-metrics" }}
{{- end }}
{{- $names := dict (include "flow.object" (dict "root" . "component" "helm-test")) "the test of the release" }}
{{- range $w := .flow.workloads }}
{{- $v := $w.values }}
{{- range $suffix := uniq $suffixes }}
{{- $name := printf "%s%s" $w.name $suffix }}
{{- if hasKey $names $name }}
{{ $w.what }}: gets the same name in Kubernetes, {{ $name }}, as {{ get $names $name }}; rename one of them
{{- end }}
{{- $_ := set $names $name $w.what }}
{{- end }}
{{- $path := eq $w.process "gateway" | ternary "gateway" (first (splitList "," $w.what)) }}
{{- if not $w.image.named }}
{{ $path }}.image.repository: missing, expected the image that holds the Python {{ $w.process }}
{{- end }}
{{- if eq $w.runtime "go" }}
{{- range $key := list "args" "pyModules" }}
{{- if get $v $key }}
{{ $path }}.{{ $key }}: is for Python processes; let runtime be jina, or leave it out
{{- end }}
{{- end }}
{{- end }}
{{- with $v.autoscaling }}
{{- $least := hasKey . "minReplicas" | ternary .minReplicas 1 | int }}
{{- $provider := .provider | default "none" }}
{{- if ne $provider "none" }}
{{- if not .maxReplicas }}
{{ $path }}.autoscaling.maxReplicas: missing, expected the most replicas that may run
{{- else if lt (int .maxReplicas) $least }}
{{ $path }}.autoscaling.maxReplicas: is {{ int .maxReplicas }}, less than minReplicas, {{ $least }}
{{- end }}
{{- end }}
{{- if and (eq $provider "hpa") (eq $least 0) }}
{{ $path }}.autoscaling.minReplicas: is 0, which takes the provider keda
{{- end }}
{{- if and (eq $provider "keda") (not .prometheus) (not .metrics) }}
{{ $path }}.autoscaling.prometheus: missing, expected the URL of the Prometheus that has the gateway's metrics, or metrics of your own
{{- end }}
{{- if and (eq $provider "keda") (eq $w.process "gateway") (eq $least 0) }}
{{ $path }}.autoscaling.minReplicas: is 0, and a gateway that does not run takes no request that could start it
{{- end }}
{{- end }}
{{- $claims := dict }}
{{- range $w.claims }}
{{- range $key := list .name .mountPath }}
{{- if hasKey $claims $key }}
{{ $path }}.volumes: {{ $key }} is there twice, expected names and mount paths that differ
{{- end }}
{{- $_ := set $claims $key true }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* A part of flow.faults. The gateway would refuse a graph with any of them, but only once it runs. */}}
{{- define "flow.graphFaults" -}}
{{- $executors := .flow.executors }}
{{- $needed := dict }}
{{- range $name, $executor := $executors }}
{{- range $executor.needs }}
{{- if not $executor.floating }}
{{- $_ := set $needed . true }}
{{- end }}
{{- if eq . "gateway" }}
{{- else if not (hasKey $executors .) }}
executors.{{ $name }}.needs: {{ . }} is no executor of this flow, expected one of them or gateway
{{- else if and (get $executors .).floating (not $executor.floating) }}
executors.{{ $name }}.needs: {{ . }} is floating, so no answer can wait for {{ $name }}; let {{ $name }} float too
{{- end }}
{{- end }}
{{- end }}
{{- with include "flow.circle" $executors }}
executors: {{ . }} wait for each other in a circle; change needs
{{- end }}
{{- $answering := list }}
{{- range $name, $executor := $executors }}
{{- if not (or $executor.floating (hasKey $needed $name)) }}
{{- $answering = append $answering $name }}
{{- end }}
{{- end }}
{{- if gt (len $answering) 1 }}
executors: {{ join ", " $answering }} would all answer the client, expected one that no other needs; join them, or let the others float
{{- end }}
{{- end }}

{{/*
The executors that are never called: what is left when all whose needs are met have been taken away, again and again.
*/}}
{{- define "flow.circle" -}}
{{- $executors := omit . "gateway" -}}
{{- $waits := dict -}}
{{- $next := dict -}}
{{- $met := list -}}
{{- range $name, $executor := $executors -}}
{{- $count := 0 -}}
{{- range $executor.needs -}}
{{- if hasKey $executors . -}}
{{- $count = add1 $count -}}
{{- $_ := set $next . (append (get $next . | default list) $name) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $waits $name $count -}}
{{- if eq (int $count) 0 -}}{{- $met = append $met $name -}}{{- end -}}
{{- end -}}
{{- range $executors -}}
{{- if not $met -}}{{- break -}}{{- end -}}
{{- $now := $met -}}
{{- $met = list -}}
{{- range $name := $now -}}
{{- $_ := unset $waits $name -}}
{{- range $to := get $next $name | default list -}}
{{- $left := sub (get $waits $to) 1 -}}
{{- $_ := set $waits $to $left -}}
{{- if eq (int $left) 0 -}}{{- $met = append $met $to -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- keys $waits | sortAlpha | join ", " -}}
{{- end }}

{{/* A part of flow.faults. */}}
{{- define "flow.meshFaults" -}}
{{- $mesh := .flow.mesh }}
{{- if and (ne $mesh.provider "linkerd") (ne $mesh.policy "off") }}
mesh.policy: is {{ $mesh.policy }}, and without a mesh nobody could tell callers apart; let mesh.provider be linkerd, or use networkPolicy
{{- end }}
{{- if and (eq $mesh.provider "linkerd") (not .flow.linkerd.unified) }}
{{- if eq (($mesh.linkerd.breaker).mode | default "off") "unified" }}
mesh.linkerd.breaker.mode: unified takes Linkerd 2.20, and mesh.linkerd.version is {{ $mesh.linkerd.version }}; use consecutive
{{- end }}
{{- if $mesh.linkerd.penalizeFailures }}
mesh.linkerd.penalizeFailures: takes Linkerd 2.20, and mesh.linkerd.version is {{ $mesh.linkerd.version }}; leave it out
{{- end }}
{{- end }}
{{- with $mesh.linkerd.breaker }}
{{- $least := include "flow.milliseconds" (.minPenalty | default "1s") | int64 }}
{{- $most := include "flow.milliseconds" (.maxPenalty | default "60s") | int64 }}
{{- if or (gt $least $most) (eq $most 0) }}
mesh.linkerd.breaker.maxPenalty: is {{ .maxPenalty | default "60s" }}, expected more than nothing and no less than minPenalty, {{ .minPenalty | default "1s" }}
{{- end }}
{{- end }}
{{- end }}
