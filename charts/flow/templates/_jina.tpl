{{/*
The arguments of Jina's processes, as Jina's own export writes them: those that differ from its defaults. Takes a workload; gives JSON.
*/}}
{{- define "flow.jinaArgs" -}}
{{- $v := .values -}}
{{- $args := list .process -}}
{{- if eq .process "executor" -}}
{{- $name := .node -}}
{{- if hasKey . "shard" -}}
{{- $name = printf "%s-%d" .node (int .shard) -}}
{{- else if ne .component (include "flow.component" .node) -}}
{{- $name = printf "%s/%s" .node (last (splitList "-" .component)) -}}
{{- end -}}
{{- $args = concat $args (list "--name" $name) -}}
{{- end -}}
{{- $args = concat $args (list "--k8s-namespace" (include "flow.namespace" .root) "--uses" ($v.uses | default "config.yml")) -}}
{{- with $v.usesWith -}}
{{- $args = concat $args (list "--uses-with" (toJson .)) -}}
{{- end -}}
{{- with $v.pyModules -}}
{{- $args = concat $args (list "--py-modules") . -}}
{{- end -}}
{{- range $name, $value := $v.args -}}
{{- $args = concat $args (include "flow.jinaArg" (dict "name" $name "value" $value) | fromJsonArray) -}}
{{- end -}}
{{- if hasKey . "shard" -}}
{{- $args = concat $args (list "--shards" (toString (int $v.shards)) "--shard-id" (toString (int .shard))) -}}
{{- end -}}
{{- with $v.workspace -}}
{{- $args = concat $args (list "--workspace" .) -}}
{{- end -}}
{{- if .monitored -}}
{{- $args = concat $args (list "--monitoring" "--port-monitoring" "9090") -}}
{{- end -}}
{{- range $signal, $flag := dict "traces" "--tracing" "metrics" "--metrics" -}}
{{- with get $v $signal -}}
{{- if .enabled -}}
{{- $args = append $args $flag -}}
{{- with .host -}}
{{- $args = concat $args (list (printf "--%s-exporter-host" $signal) .) -}}
{{- end -}}
{{- if or .host .port -}}
{{- $args = concat $args (list (printf "--%s-exporter-port" $signal) (toString (int (.port | default 4317)))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if eq .process "gateway" -}}
{{- $args = concat $args (include "flow.jinaGatewayArgs" .root | fromJsonArray) -}}
{{- end -}}
{{- $args = concat $args (list "--host" "0.0.0.0" "--port") -}}
{{- range .ports -}}
{{- $args = append $args (toString .port) -}}
{{- end -}}
{{- if eq .process "executor" -}}
{{- $args = append $args "--native" -}}
{{- else -}}
{{- $args = append $args "--protocol" -}}
{{- range .ports -}}
{{- $args = append $args (upper .name) -}}
{{- end -}}
{{- end -}}
{{- $safe := list -}}
{{- range $args -}}
{{- /* $(NAME) would be a variable in a container's arguments. */ -}}
{{- $safe = append $safe (replace "$" "$$" .) -}}
{{- end -}}
{{- toJson $safe -}}
{{- end }}

{{/*
One further argument of Jina's, as a JSON list of words. Takes name, value.
*/}}
{{- define "flow.jinaArg" -}}
{{- $flag := printf "--%s" (replace "_" "-" .name) -}}
{{- $words := list $flag -}}
{{- if kindIs "bool" .value -}}
{{- $words = .value | ternary $words list -}}
{{- else if kindIs "invalid" .value -}}
{{- $words = list -}}
{{- else if kindIs "map" .value -}}
{{- $words = append $words (toJson .value) -}}
{{- else if kindIs "slice" .value -}}
{{- range .value -}}
{{- $words = append $words (kindIs "string" . | ternary . (toJson .)) -}}
{{- end -}}
{{- else if kindIs "string" .value -}}
{{- $words = append $words .value -}}
{{- else -}}
{{- $words = append $words (toJson .value) -}}
{{- end -}}
{{- toJson $words -}}
{{- end }}

{{/*
What a gateway of Jina's gets of the graph, as JSON. Takes the root.
*/}}
{{- define "flow.jinaGatewayArgs" -}}
{{- $graph := dict "start-gateway" list -}}
{{- $addresses := dict -}}
{{- $conditions := dict -}}
{{- $metadata := dict -}}
{{- $noReduce := list -}}
{{- $needed := dict -}}
{{- range $name, $executor := .flow.executors -}}
{{- range $executor.needs -}}
{{- $from := eq . "gateway" | ternary "start-gateway" . -}}
{{- $_ := set $graph $from (append (get $graph $from | default list) $name) -}}
{{- if not $executor.floating -}}
{{- $_ := set $needed . true -}}
{{- end -}}
{{- end -}}
{{- $node := include "flow.nodeConfig" (dict "root" $ "node" $name "executor" $executor) | fromJson -}}
{{- $_ := set $addresses $name ($node.addresses | default list) -}}
{{- with $node.when -}}{{- $_ := set $conditions $name . -}}{{- end -}}
{{- with $node.metadata -}}{{- $_ := set $metadata $name . -}}{{- end -}}
{{- if $node.noReduce -}}{{- $noReduce = append $noReduce $name -}}{{- end -}}
{{- end -}}
{{- range $name, $executor := .flow.executors -}}
{{- $next := get $graph $name | default list -}}
{{- if not (or $executor.floating (hasKey $needed $name)) -}}
{{- $next = append $next "end-gateway" -}}
{{- end -}}
{{- $_ := set $graph $name $next -}}
{{- end -}}
{{- $gateway := .flow.gateway -}}
{{- $args := list
  "--expose-endpoints" (toJson (($gateway.http).exposeEndpoints | default dict))
  "--graph-description" (toJson $graph)
  "--deployments-addresses" (toJson $addresses) -}}
{{- with $conditions -}}{{- $args = concat $args (list "--graph-conditions" (toJson .)) -}}{{- end -}}
{{- with $metadata -}}{{- $args = concat $args (list "--deployments-metadata" (toJson .)) -}}{{- end -}}
{{- with $noReduce -}}{{- $args = concat $args (list "--deployments-no-reduce" (toJson .)) -}}{{- end -}}
{{- $args = concat $args (list "--prefetch" (toString (int64 $gateway.prefetch)) "--retries" (toString (int64 $gateway.retries))) -}}
{{- with $gateway.timeoutSend -}}{{- $args = concat $args (list "--timeout-send" (toString (int64 .))) -}}{{- end -}}
{{- if ne $gateway.compression "none" -}}{{- $args = concat $args (list "--compression" (title $gateway.compression)) -}}{{- end -}}
{{- with $gateway.http -}}
{{- with .title -}}{{- $args = concat $args (list "--title" .) -}}{{- end -}}
{{- with .description -}}{{- $args = concat $args (list "--description" .) -}}{{- end -}}
{{- if .cors -}}{{- $args = append $args "--cors" -}}{{- end -}}
{{- if .noDebugEndpoints -}}{{- $args = append $args "--no-debug-endpoints" -}}{{- end -}}
{{- if .noCRUDEndpoints -}}{{- $args = append $args "--no-crud-endpoints" -}}{{- end -}}
{{- end -}}
{{- with $gateway.tls -}}
{{- $args = concat $args (list "--ssl-certfile" (ternary .certFile "/etc/flow-tls/tls.crt" (empty .secretName)) "--ssl-keyfile" (ternary .keyFile "/etc/flow-tls/tls.key" (empty .secretName))) -}}
{{- end -}}
{{- toJson $args -}}
{{- end }}
