{{/*
The container of a workload.
*/}}
{{- define "flow.container" -}}
{{- $w := . -}}
{{- $v := .values -}}
image: {{ .image.reference | quote }}
{{- with .image.pullPolicy }}
imagePullPolicy: {{ . }}
{{- end }}
command: [{{ eq .runtime "go" | ternary (printf "flow-%s" .process) "jina" }}]
args:
  {{- range include "flow.args" . | fromJsonArray }}
  - {{ . | quote }}
  {{- end }}
{{- with include "flow.env" . }}
env:
  {{- . | nindent 2 }}
{{- end }}
{{- with $v.envFrom }}
envFrom:
  {{- include "flow.yaml" . | nindent 2 }}
{{- end }}
ports:
  {{- range .ports }}
  - name: {{ .name }}
    containerPort: {{ .port }}
  {{- end }}
  {{- if eq .runtime "go" }}
  - name: admin
    containerPort: 9090
  {{- else if .monitored }}
  - name: monitoring
    containerPort: 9090
  {{- end }}
{{ include "flow.probes" . }}
{{- if .root.flow.kubernetes.sleeps }}
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
  {{- if $v.securityContext }}
  {{- $context := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) }}
  {{- include "flow.merged" (dict "on" $context "values" $v.securityContext) | nindent 2 }}
  {{- else }}
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
  {{- end }}
volumeMounts:
  {{- include "flow.volumeMounts" . | nindent 2 }}
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
{{- $args = concat $args (list "--admin=:9090" (printf "--drain-timeout=%ds" (sub .grace 7 | max 1))) -}}
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
The environment of a workload's container: what stands further down replaces what has its name further up, as Kubernetes refuses a name that stands
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
  (dict "name" "K8S_POD_NAME" "field" "metadata.name")
  (dict "name" "POD_UID" "field" "metadata.uid") -}}
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
{{- $all = append $all (dict "name" $name "secret" $key) -}}
{{- end -}}
{{- range $variable := $v.extraEnv -}}
{{- $all = append $all (dict "name" $variable.name "extra" $variable) -}}
{{- end -}}
{{- $last := dict -}}
{{- range $i, $variable := $all -}}
{{- $_ := set $last $variable.name $i -}}
{{- end -}}
{{- range $i, $variable := $all }}
{{- if eq $i (get $last .name) }}
{{- if .extra }}
{{ include "flow.yaml" (list .extra) }}
{{- else }}
- name: {{ .name | quote }}
  {{- if .field }}
  valueFrom:
    fieldRef:
      fieldPath: {{ .field }}
  {{- else if .secret }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret.name | quote }}
      key: {{ .secret.key | quote }}
  {{- else }}
  value: {{ .value | quote }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/*
The probes of a workload's container, with those of the values laid over.
*/}}
{{- define "flow.probes" -}}
{{- $failures := ceil (divf .values.timeoutReady 1000) | int64 -}}
{{- $probes := dict
  "startupProbe" (dict "periodSeconds" 1 "failureThreshold" $failures)
  "readinessProbe" (dict "periodSeconds" 5)
  "livenessProbe" (dict "periodSeconds" 10) -}}
{{- $port := first .ports -}}
{{- if eq .runtime "go" -}}
{{- range $probe, $path := dict "startupProbe" "/readyz" "readinessProbe" "/readyz" "livenessProbe" "/healthz" -}}
{{- $_ := set (get $probes $probe) "httpGet" (dict "path" $path "port" "admin") -}}
{{- end -}}
{{- else -}}
{{- range $probe := keys $probes -}}
{{- if eq $port.name "grpc" -}}
{{- $_ := set (get $probes $probe) "grpc" (dict "port" $port.port) -}}
{{- else -}}
{{- $_ := set (get $probes $probe) "httpGet" (dict "path" "/" "port" $port.name) -}}
{{- end -}}
{{- end -}}
{{- /* A Python process that computes answers nobody, health included, until it is done. */ -}}
{{- $_ := set $probes.startupProbe "timeoutSeconds" 5 -}}
{{- $_ := set $probes.readinessProbe "timeoutSeconds" 10 -}}
{{- $_ := set $probes.readinessProbe "failureThreshold" 6 -}}
{{- $_ := set $probes.livenessProbe "timeoutSeconds" 10 -}}
{{- $_ := set $probes.livenessProbe "failureThreshold" 12 -}}
{{- end -}}
{{- range $name := list "startupProbe" "readinessProbe" "livenessProbe" }}
{{- $probe := get $probes $name }}
{{- with get $.values $name }}
{{- include "flow.overlay" (dict "on" $probe "values" .) }}
{{- end }}
{{ $name }}:
  {{- range $key, $value := $probe }}
  {{- if kindIs "map" $value }}
  {{ $key }}:
    {{- range $inner, $setting := $value }}
    {{ $inner }}: {{ toJson $setting }}
    {{- end }}
  {{- else }}
  {{ $key }}: {{ toJson $value }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end }}
