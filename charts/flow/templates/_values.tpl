{{/*
Sets the fields of values in target, without those that are null, which is how users take away what others set. Takes
target, values.
*/}}
{{- define "flow.overlay" -}}
{{- $target := .target -}}
{{- range $key, $value := .values -}}
{{- if and (kindIs "map" $value) (has $key (list "env" "metadata")) -}}
{{- $texts := dict -}}
{{- $_ := include "flow.overlay" (dict "target" $texts "values" $value) -}}
{{- $value = $texts -}}
{{- end -}}
{{- if not (kindIs "invalid" $value) -}}
{{- $_ := set $target $key $value -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
The gateway's values as JSON. The defaults are those of values.yaml once more, for releases that were upgraded with
--reuse-values and lack the newer ones.
*/}}
{{- define "flow.gateway" -}}
{{- $gateway := dict
  "replicas" 1 "prefetch" 1000 "retries" -1 "timeoutSend" 0 "maxMessageBytes" 268435456 "docarray" "auto"
  "timeoutReady" 600000 "env" dict "resources" dict "image" dict -}}
{{- $_ := include "flow.overlay" (dict "target" $gateway "values" .Values.gateway) -}}
{{- $_ := set $gateway "port" (($gateway.ports).grpc | default 8080) -}}
{{- toJson $gateway -}}
{{- end }}

{{/*
The executors as JSON, without those that are null.
*/}}
{{- define "flow.executors" -}}
{{- $executors := dict -}}
{{- range $name, $values := .Values.executors | default (dict "echo" (dict "uses" "echo")) -}}
{{- if not (kindIs "invalid" $values) -}}
{{- $executor := dict "runtime" "go" "needs" (list "gateway") "replicas" 1 "timeoutReady" 600000 "env" dict "image" dict -}}
{{- $_ := include "flow.overlay" (dict "target" $executor "values" $values) -}}
{{- $_ := set $executors $name $executor -}}
{{- end -}}
{{- end -}}
{{- toJson $executors -}}
{{- end }}

{{/*
An image of this project as JSON: the last of layers that says a field wins. Takes root, repository, layers.
*/}}
{{- define "flow.ownImage" -}}
{{- $image := dict "registry" "ghcr.io" "repository" .repository "tag" .root.Chart.AppVersion -}}
{{- range .layers -}}
{{- range $key, $value := . -}}
{{- if $value -}}
{{- $_ := set $image $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $image -}}
{{- end }}

{{/*
registry/repository:tag@digest. Takes root, image.
*/}}
{{- define "flow.image" -}}
{{- with (.root.Values.global).imageRegistry | default .image.registry }}{{ . }}/{{ end -}}
{{- .image.repository -}}
{{- with .image.tag }}:{{ . }}{{ end -}}
{{- with .image.digest }}@{{ . }}{{ end -}}
{{- end }}
