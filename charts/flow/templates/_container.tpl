{{/*
The container of a workload. Takes workload, mounts.
*/}}
{{- define "flow.container" -}}
{{- $w := .workload -}}
{{- $v := $w.values -}}
image: {{ $w.image.reference | quote }}
{{- with $w.image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
command: [{{ eq $w.runtime "go" | ternary (printf "flow-%s" $w.process) "jina" }}]
args:
  {{- include "flow.args" $w | fromJsonArray | include "flow.yaml" | nindent 2 }}
{{- with include "flow.env" $w | fromJsonArray }}
env:
  {{- include "flow.yaml" . | nindent 2 }}
{{- end }}
{{- with $v.envFrom }}
envFrom:
  {{- include "flow.yaml" . | nindent 2 }}
{{- end }}
ports:
  {{- range $w.ports }}
  - name: {{ .name }}
    containerPort: {{ .port }}
  {{- end }}
  {{- if eq $w.runtime "go" }}
  - name: admin
    containerPort: 9090
  {{- else if eq (include "flow.monitored" $w) "true" }}
  - name: monitoring
    containerPort: 9090
  {{- end }}
{{ include "flow.probes" $w }}
{{- if semverCompare ">=1.30-0" $w.root.Capabilities.KubeVersion.Version }}
lifecycle:
  preStop:
    # Callers learn late that this pod goes away.
    sleep:
      seconds: 5
{{- end }}
{{- $resources := deepCopy ($v.resources | default dict) }}
{{- range $name, $count := $v.gpus }}
{{- $_ := set $resources "limits" (merge (dict $name (int $count)) ($resources.limits | default dict)) }}
{{- end }}
{{- with $resources }}
resources:
  {{- include "flow.yaml" . | nindent 2 }}
{{- end }}
securityContext:
  {{- $context := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) }}
  {{- include "flow.merged" (dict "on" $context "values" $v.securityContext) | nindent 2 }}
{{- with .mounts }}
volumeMounts:
  {{- include "flow.yaml" . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
The arguments of a workload's container, as JSON.
*/}}
{{- define "flow.args" -}}
{{- if eq .runtime "jina" -}}
{{- include "flow.jinaArgs" . -}}
{{- else -}}
{{- $args := list (printf "--config=/etc/flow/%s.yaml" .process) -}}
{{- range .ports -}}
{{- $args = append $args (printf "--%s=:%d" .name (int .port)) -}}
{{- end -}}
{{- /* What the pod has, without the sleep before, and some to spare. */ -}}
{{- $args = concat $args (list "--admin=:9090" (printf "--drain-timeout=%ds" (sub (include "flow.grace" . | int) 7 | max 1))) -}}
{{- if eq .process "gateway" -}}
{{- $args = append $args (printf "--max-message-bytes=%d" (int64 .values.maxMessageBytes)) -}}
{{- with .values.tls -}}
{{- $args = append $args (printf "--tls-cert=%s" (ternary .certFile "/etc/flow-tls/tls.crt" (empty .secretName))) -}}
{{- $args = append $args (printf "--tls-key=%s" (ternary .keyFile "/etc/flow-tls/tls.key" (empty .secretName))) -}}
{{- end -}}
{{- if eq (include "flow.watches" .root) "true" -}}
{{- $args = append $args (printf "--watch=%s/%s" (include "flow.namespace" .root) .name) -}}
{{- end -}}
{{- end -}}
{{- toJson $args -}}
{{- end -}}
{{- end }}

{{/*
Whether the gateway reads its ConfigMap from Kubernetes' API. Takes the root.
*/}}
{{- define "flow.watches" -}}
{{- if and (eq .flow.gateway.runtime "go") .flow.gateway.watchConfig }}true{{ end -}}
{{- end }}

{{/*
The environment of a workload's container, as JSON: what stands further down replaces what has its name further up, as Kubernetes refuses a name that stands
twice.
*/}}
{{- define "flow.env" -}}
{{- $v := .values -}}
{{- $all := list -}}
{{- if eq .runtime "jina" -}}
{{- $all = list
  (dict "name" "HOME" "value" "/tmp")
  (dict "name" "JINA_DEPLOYMENT_NAME" "value" .node)
  (dict "name" "K8S_DEPLOYMENT_NAME" "value" .name)
  (dict "name" "K8S_NAMESPACE_NAME" "value" (include "flow.namespace" .root))
  (dict "name" "K8S_POD_NAME" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.name")))
  (dict "name" "POD_UID" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.uid"))) -}}
{{- else -}}
{{- range $signal := list "traces" "metrics" -}}
{{- with get $v $signal -}}
{{- if .enabled -}}
{{- $all = append $all (dict "name" (printf "OTEL_%s_EXPORTER" (upper $signal)) "value" "otlp") -}}
{{- if .host -}}
{{- $url := printf "http://%s:%d" .host (int (.port | default 4317)) -}}
{{- $all = append $all (dict "name" (printf "OTEL_EXPORTER_OTLP_%s_ENDPOINT" (upper $signal)) "value" $url) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $value := $v.env -}}
{{- $all = append $all (dict "name" $name "value" $value) -}}
{{- end -}}
{{- range $name, $key := $v.envFromSecret -}}
{{- $all = append $all (dict "name" $name "valueFrom" (dict "secretKeyRef" (pick $key "name" "key"))) -}}
{{- end -}}
{{- $all = concat $all ($v.extraEnv | default list) -}}
{{- $last := dict -}}
{{- range $i, $variable := $all -}}
{{- $_ := set $last $variable.name $i -}}
{{- end -}}
{{- $env := list -}}
{{- range $i, $variable := $all -}}
{{- if eq $i (get $last $variable.name) -}}
{{- $env = append $env $variable -}}
{{- end -}}
{{- end -}}
{{- toJson $env -}}
{{- end }}

{{/*
The probes of a workload's container, with those of the values laid over.
*/}}
{{- define "flow.probes" -}}
{{- $startup := dict "httpGet" (dict "path" "/readyz" "port" "admin") "periodSeconds" 1 -}}
{{- $readiness := dict "httpGet" (dict "path" "/readyz" "port" "admin") "periodSeconds" 5 -}}
{{- $liveness := dict "httpGet" (dict "path" "/healthz" "port" "admin") "periodSeconds" 10 -}}
{{- if eq .runtime "jina" -}}
{{- $port := first .ports -}}
{{- $ask := dict "grpc" (dict "port" $port.port) -}}
{{- if ne $port.name "grpc" -}}
{{- $ask = dict "httpGet" (dict "path" "/" "port" $port.name) -}}
{{- end -}}
{{- /* A Python process that computes answers nobody, health included, until it is done. */ -}}
{{- $startup = merge (dict "periodSeconds" 1 "timeoutSeconds" 5) $ask -}}
{{- $readiness = merge (dict "periodSeconds" 5 "timeoutSeconds" 10 "failureThreshold" 6) $ask -}}
{{- $liveness = merge (dict "periodSeconds" 10 "timeoutSeconds" 10 "failureThreshold" 12) $ask -}}
{{- end -}}
{{- $_ := set $startup "failureThreshold" (ceil (divf .values.timeoutReady 1000) | int64) -}}
startupProbe:
  {{- include "flow.merged" (dict "on" $startup "values" .values.startupProbe) | nindent 2 }}
readinessProbe:
  {{- include "flow.merged" (dict "on" $readiness "values" .values.readinessProbe) | nindent 2 }}
livenessProbe:
  {{- include "flow.merged" (dict "on" $liveness "values" .values.livenessProbe) | nindent 2 }}
{{- end }}
