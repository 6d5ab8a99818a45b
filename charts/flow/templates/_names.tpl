{{/*
The chart's name in labels.
*/}}
{{- define "flow.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/*
What object names begin with: the release's name; with the chart's too where it was given another one, as umbrella charts
do. A Service's name has no dots and begins with a letter, a release's may.
*/}}
{{- define "flow.fullname" -}}
{{- $name := include "flow.name" . -}}
{{- $full := eq $name "flow" | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- $full = .Values.fullnameOverride | default $full | replace "." "-" -}}
{{- regexMatch "^[0-9]" $full | ternary (printf "flow-%s" $full) $full -}}
{{- end }}

{{/*
A text of at most 52 characters: what is longer ends in a hash of the whole. 52 leaves room for what Kubernetes appends to
a workload's name, and for the longest of our own suffixes, -metrics.
*/}}
{{- define "flow.cut" -}}
{{- if gt (len .) 52 -}}
{{- printf "%s-%s" (trunc 43 . | trimSuffix "-") (sha256sum . | trunc 8) -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end }}

{{/*
An executor's name in labels.
*/}}
{{- define "flow.component" -}}
{{- include "flow.cut" (lower . | replace "_" "-" | trimAll "-") -}}
{{- end }}

{{/*
The name of a workload's objects. Takes root, component.
*/}}
{{- define "flow.object" -}}
{{- include "flow.cut" (printf "%s-%s" (include "flow.fullname" .root) .component) -}}
{{- end }}

{{/*
The one place that knows the namespace.
*/}}
{{- define "flow.namespace" -}}
{{- .Release.Namespace -}}
{{- end }}

{{/*
Where the gateway calls a workload. A mesh balances behind the Service's address; without one the gateway does, over the pods' addresses.
Takes root, component.
*/}}
{{- define "flow.address" -}}
{{- $suffix := eq .root.flow.mesh.provider "none" | ternary "-pods" "" -}}
{{- printf "grpc://%s%s.%s.svc:8080" (include "flow.object" .) $suffix (include "flow.namespace" .root) -}}
{{- end }}

{{/*
Labels that never change, as selectors cannot. Takes root, component.
*/}}
{{- define "flow.selectorLabels" -}}
app.kubernetes.io/name: {{ include "flow.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component | quote }}
{{- end }}

{{/*
The metadata of an object of a workload. Takes a workload, or root, name, component; and what the object has of suffix, labels, annotations.
The labels must not reach pod templates: a new version of the chart would roll every pod.
*/}}
{{- define "flow.meta" -}}
{{- $labels := dict -}}
{{- range $more := list .root.flow.commonLabels .labels -}}
{{- include "flow.overlay" (dict "on" $labels "values" $more) -}}
{{- end -}}
{{- $_ := set $labels "app.kubernetes.io/name" (include "flow.name" .root) -}}
{{- $_ := set $labels "app.kubernetes.io/instance" .root.Release.Name -}}
{{- $_ := set $labels "app.kubernetes.io/component" .component -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $labels "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $annotations := dict -}}
{{- range $more := list .root.flow.commonAnnotations .annotations -}}
{{- include "flow.overlay" (dict "on" $annotations "values" $more) -}}
{{- end -}}
metadata:
  name: {{ .name }}{{ .suffix }}
  namespace: {{ include "flow.namespace" .root | quote }}
  labels:
    {{- include "flow.yaml" $labels | nindent 4 }}
  {{- with $annotations }}
  annotations:
    {{- include "flow.yaml" . | nindent 4 }}
  {{- end }}
{{- end }}
