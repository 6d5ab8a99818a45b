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
{{- include "flow.cut" (printf "%s-%s" .root.flow.fullname .component) -}}
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
The metadata of an object of a workload. Takes a workload; or it as of, and what the object has of suffix, labels, annotations. For an object of no workload: root, name,
component. The labels must not reach pod templates: a new version of the chart would roll every pod.
*/}}
{{- define "flow.meta" -}}
{{- $w := .of | default . -}}
{{- $flow := $w.root.flow -}}
metadata:
  name: {{ $w.name }}{{ .suffix }}
  namespace: {{ include "flow.namespace" $w.root | quote }}
  labels:
    app.kubernetes.io/name: {{ $flow.name | quote }}
    app.kubernetes.io/instance: {{ $w.root.Release.Name | quote }}
    app.kubernetes.io/component: {{ $w.component | quote }}
    app.kubernetes.io/managed-by: {{ $w.root.Release.Service }}
    app.kubernetes.io/version: {{ $w.root.Chart.AppVersion | quote }}
    helm.sh/chart: {{ $flow.chart }}
    {{- if or $flow.commonLabels .labels }}
    {{- $labels := dict }}
    {{- range $more := list $flow.commonLabels .labels }}
    {{- include "flow.overlay" (dict "on" $labels "values" $more) }}
    {{- end }}
    {{- include "flow.texts" $labels | nindent 4 }}
    {{- end }}
  {{- if or $flow.commonAnnotations .annotations }}
  {{- $annotations := dict }}
  {{- range $more := list $flow.commonAnnotations .annotations }}
  {{- include "flow.overlay" (dict "on" $annotations "values" $more) }}
  {{- end }}
  {{- with $annotations }}
  annotations:
    {{- include "flow.texts" . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end }}
