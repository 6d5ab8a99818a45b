{{/*
Whether the mesh is Linkerd of at least a version. Takes root, version.
*/}}
{{- define "flow.linkerdSince" -}}
{{- $mesh := .root.flow.mesh -}}
{{- if and (eq $mesh.provider "linkerd") (semverCompare (printf ">=%s-0" .version) ($mesh.linkerd.version | default "2.20" | toString)) }}true{{ end -}}
{{- end }}

{{/*
Linkerd's annotations of a workload's pods, as YAML.
*/}}
{{- define "flow.linkerdPod" -}}
{{- if eq .root.flow.mesh.provider "linkerd" -}}
{{- $linkerd := .root.flow.mesh.linkerd -}}
{{- $grace := include "flow.grace" . | int -}}
{{- $stable := eq (include "flow.linkerdSince" (dict "root" .root "version" "2.20.0")) "true" -}}
{{- $beta := eq (include "flow.linkerdSince" (dict "root" .root "version" "2.19.0")) "true" -}}
linkerd.io/inject: enabled
config.linkerd.io/shutdown-grace-period: {{ $linkerd.shutdownGracePeriod | default (printf "%ds" $grace) }}
{{- if hasKey $linkerd "nativeSidecar" }}
{{- $key := $beta | ternary "config.beta.linkerd.io" "config.alpha.linkerd.io" }}
{{ $stable | ternary "config.linkerd.io" $key }}/proxy-enable-native-sidecar: {{ $linkerd.nativeSidecar | quote }}
{{- end }}
{{- if not (hasKey $linkerd "nativeSidecar" | ternary $linkerd.nativeSidecar $stable) }}
# Beside a sidecar of the old kind, which is told to end together with it, a process that drains could call nobody.
config.alpha.linkerd.io/proxy-wait-before-exit-seconds: {{ sub $grace 5 | quote }}
{{- end }}
{{- range $key, $name := dict "cpuRequest" "cpu-request" "cpuLimit" "cpu-limit" "memoryRequest" "memory-request" "memoryLimit" "memory-limit" }}
{{- with get ($linkerd.proxyResources | default dict) $key }}
config.linkerd.io/proxy-{{ $name }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}
{{- end }}

{{/*
The annotations of a workload's Service, as YAML. Those that Linkerd reads are for calls to executors alone: on the gateway's they would end or repeat the streams of clients.
*/}}
{{- define "flow.linkerdService" -}}
{{- $all := dict -}}
{{- if and (eq .root.flow.mesh.provider "linkerd") (eq .process "executor") -}}
{{- $linkerd := .root.flow.mesh.linkerd -}}
{{- $new := eq (include "flow.linkerdSince" (dict "root" .root "version" "2.20.0")) "true" -}}
{{- if and $new (hasKey $linkerd "penalizeFailures" | ternary $linkerd.penalizeFailures true) -}}
{{- $_ := set $all "balancer.alpha.linkerd.io/penalize-failures" "true" -}}
{{- end -}}
{{- with $linkerd.retries -}}
{{- if .grpc -}}
{{- $_ := set $all "retry.linkerd.io/grpc" (join "," .grpc) -}}
{{- with .limit -}}{{- $_ := set $all "retry.linkerd.io/limit" (toString (int .)) -}}{{- end -}}
{{- with .timeout -}}{{- $_ := set $all "retry.linkerd.io/timeout" . -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- range $key, $value := $linkerd.timeouts -}}
{{- $_ := set $all (printf "timeout.linkerd.io/%s" $key) $value -}}
{{- end -}}
{{- with $linkerd.breaker -}}
{{- if has (.mode | default "off") (list "consecutive" "unified") -}}
{{- $_ := set $all "balancer.linkerd.io/failure-accrual" .mode -}}
{{- $keys := dict
  "maxFailures" "balancer.linkerd.io/failure-accrual-consecutive-max-failures"
  "minPenalty" "balancer.linkerd.io/failure-accrual-consecutive-min-penalty"
  "maxPenalty" "balancer.linkerd.io/failure-accrual-consecutive-max-penalty"
  "jitterRatio" "balancer.linkerd.io/failure-accrual-consecutive-jitter-ratio" -}}
{{- if eq .mode "unified" -}}
{{- $keys = merge $keys (dict
  "successRate" "balancer.alpha.linkerd.io/failure-accrual-success-rate-threshold"
  "successRateWindow" "balancer.alpha.linkerd.io/failure-accrual-success-rate-window"
  "successRateMinRequests" "balancer.alpha.linkerd.io/failure-accrual-success-rate-min-requests") -}}
{{- end -}}
{{- range $key, $annotation := $keys -}}
{{- if hasKey $linkerd.breaker $key -}}
{{- $value := get $linkerd.breaker $key -}}
{{- $_ := set $all $annotation (kindIs "string" $value | ternary $value (toJson $value)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- include "flow.overlay" (dict "on" $all "values" .values.serviceAnnotations) -}}
{{- toYaml $all -}}
{{- end }}

{{/*
Milliseconds of one of Linkerd's durations for Services.
*/}}
{{- define "flow.milliseconds" -}}
{{- $unit := regexFind "[a-z]*$" . -}}
{{- mul (regexFind "^[0-9]+" . | int64) (get (dict "" 0 "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000) $unit) -}}
{{- end }}
