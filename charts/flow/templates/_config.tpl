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

{{/*
gateway.yaml, as package internal/config reads it.
*/}}
{{- define "flow.gatewayConfig" -}}
{{- $gateway := include "flow.gateway" . | fromJson -}}
{{- $nodes := list -}}
{{- range $name, $executor := include "flow.executors" . | fromJson -}}
{{- $component := include "flow.component" $name -}}
{{- $host := printf "%s.%s.svc" (include "flow.object" (dict "root" $ "component" $component)) (include "flow.namespace" $) -}}
{{- $node := dict
  "name" $name
  "needs" $executor.needs
  "addresses" (($executor.external).addresses | default (list (printf "grpc://%s:8080" $host))) -}}
{{- range $key := list "floating" "noReduce" "metadata" -}}
{{- with get $executor $key -}}
{{- $_ := set $node $key . -}}
{{- end -}}
{{- end -}}
{{- $nodes = append $nodes $node -}}
{{- end -}}
{{- include "flow.yaml" (dict
  "name" (include "flow.fullname" .)
  "prefetch" (int64 $gateway.prefetch)
  "maxMessageBytes" (int64 $gateway.maxMessageBytes)
  "retries" (int64 $gateway.retries)
  "timeoutSend" (int64 $gateway.timeoutSend)
  "docarray" $gateway.docarray
  "executors" $nodes) -}}
{{- end }}

{{/*
executor.yaml of a Go executor. The parameters stand first, as line ends at the end of a file get lost. Takes name,
executor.
*/}}
{{- define "flow.executorConfig" -}}
{{- with .executor.usesWith -}}
{{- include "flow.yaml" (dict "usesWith" .) }}
{{ end -}}
{{- include "flow.yaml" (dict "name" .name "uses" (.executor.uses | default "echo")) -}}
{{- end }}

{{/*
The arguments of Jina's executor, as JSON. A $ would begin a variable in a container's arguments. Takes name, executor.
*/}}
{{- define "flow.jinaArgs" -}}
{{- $args := list "executor" "--name" .name "--uses" (.executor.uses | default "config.yml") -}}
{{- with .executor.usesWith -}}
{{- $args = concat $args (list "--uses-with" (toJson . | replace "$" "$$")) -}}
{{- end -}}
{{- with .executor.pyModules -}}
{{- $args = concat $args (list "--py-modules") . -}}
{{- end -}}
{{- concat $args (list "--host" "0.0.0.0" "--port" "8080" "--native") | toJson -}}
{{- end }}
