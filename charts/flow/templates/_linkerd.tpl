{{/*
Sets Linkerd's annotations of a workload's pods. Takes workload, on.
*/}}
{{- define "flow.linkerdPod" -}}
{{- $root := .workload.root -}}
{{- $on := .on -}}
{{- if eq $root.flow.mesh.provider "linkerd" -}}
{{- $linkerd := $root.flow.mesh.linkerd -}}
{{- $grace := .workload.grace -}}
{{- $_ := set $on "linkerd.io/inject" "enabled" -}}
{{- $_ := set $on "config.linkerd.io/shutdown-grace-period" ($linkerd.shutdownGracePeriod | default (printf "%ds" $grace)) -}}
{{- $stable := $root.flow.linkerd.unified -}}
{{- if hasKey $linkerd "nativeSidecar" -}}
{{- $stage := $root.flow.linkerd.beta | ternary "config.beta" "config.alpha" -}}
{{- $_ := set $on (printf "%s.linkerd.io/proxy-enable-native-sidecar" ($stable | ternary "config" $stage)) (toString $linkerd.nativeSidecar) -}}
{{- end -}}
{{- if not (hasKey $linkerd "nativeSidecar" | ternary $linkerd.nativeSidecar $stable) -}}
{{- /* Beside a sidecar of the old kind, which is told to end together with it, a process that drains could call nobody. */ -}}
{{- $_ := set $on "config.alpha.linkerd.io/proxy-wait-before-exit-seconds" (toString (sub $grace 5)) -}}
{{- end -}}
{{- range $key, $name := dict "cpuRequest" "cpu-request" "cpuLimit" "cpu-limit" "memoryRequest" "memory-request" "memoryLimit" "memory-limit" -}}
{{- with get ($linkerd.proxyResources | default dict) $key -}}
{{- $_ := set $on (printf "config.linkerd.io/proxy-%s" $name) . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
Sets the annotations of a workload's Service. Those that Linkerd reads are for calls to executors alone: on the gateway's they would end or repeat the streams of
clients. Takes workload, on.
*/}}
{{- define "flow.serviceAnnotations" -}}
{{- $root := .workload.root -}}
{{- $on := .on -}}
{{- if and (eq $root.flow.mesh.provider "linkerd") (eq .workload.process "executor") -}}
{{- $linkerd := $root.flow.mesh.linkerd -}}
{{- $new := $root.flow.linkerd.unified -}}
{{- if and $new (hasKey $linkerd "penalizeFailures" | ternary $linkerd.penalizeFailures true) -}}
{{- $_ := set $on "balancer.alpha.linkerd.io/penalize-failures" "true" -}}
{{- end -}}
{{- with $linkerd.retries -}}
{{- if .grpc -}}
{{- $_ := set $on "retry.linkerd.io/grpc" (join "," .grpc) -}}
{{- with .limit -}}{{- $_ := set $on "retry.linkerd.io/limit" (toString (int .)) -}}{{- end -}}
{{- with .timeout -}}{{- $_ := set $on "retry.linkerd.io/timeout" . -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- range $key, $value := $linkerd.timeouts -}}
{{- $_ := set $on (printf "timeout.linkerd.io/%s" $key) $value -}}
{{- end -}}
{{- include "flow.linkerdBreaker" (dict "breaker" ($linkerd.breaker | default dict) "on" $on) -}}
{{- end -}}
{{- include "flow.overlay" (dict "on" $on "values" .workload.values.serviceAnnotations) -}}
{{- end }}

{{/*
A part of flow.serviceAnnotations. Takes breaker, on.
*/}}
{{- define "flow.linkerdBreaker" -}}
{{- $breaker := .breaker -}}
{{- $on := .on -}}
{{- $mode := $breaker.mode | default "off" -}}
{{- if ne $mode "off" -}}
{{- $_ := set $on "balancer.linkerd.io/failure-accrual" $mode -}}
{{- $keys := dict
  "maxFailures" "balancer.linkerd.io/failure-accrual-consecutive-max-failures"
  "minPenalty" "balancer.linkerd.io/failure-accrual-consecutive-min-penalty"
  "maxPenalty" "balancer.linkerd.io/failure-accrual-consecutive-max-penalty"
  "jitterRatio" "balancer.linkerd.io/failure-accrual-consecutive-jitter-ratio" -}}
{{- if eq $mode "unified" -}}
{{- $keys = merge $keys (dict
  "successRate" "balancer.alpha.linkerd.io/failure-accrual-success-rate-threshold"
  "successRateWindow" "balancer.alpha.linkerd.io/failure-accrual-success-rate-window"
  "successRateMinRequests" "balancer.alpha.linkerd.io/failure-accrual-success-rate-min-requests") -}}
{{- end -}}
{{- range $key, $annotation := $keys -}}
{{- if hasKey $breaker $key -}}
{{- $value := get $breaker $key -}}
{{- $_ := set $on $annotation (kindIs "string" $value | ternary $value (toJson $value)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
Milliseconds of one of Linkerd's durations for Services.
*/}}
{{- define "flow.milliseconds" -}}
{{- $unit := regexFind "[a-z]*$" . -}}
{{- mul (regexFind "^[0-9]+" . | int64) (get (dict "" 0 "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000) $unit) -}}
{{- end }}
