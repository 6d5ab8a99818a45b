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
a workload's name.
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
The one place that knows the namespace.
*/}}
{{- define "flow.namespace" -}}
{{- .Release.Namespace -}}
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
Labels of objects. Takes root, component. They must not reach pod templates: a new chart version would roll every pod.
*/}}
{{- define "flow.labels" -}}
{{ include "flow.selectorLabels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .root.flow.commonLabels }}
{{ include "flow.yaml" . }}
{{- end }}
{{- end }}

{{/*
The metadata of an object of a workload. Takes a workload, or root, name, component; and annotations, if the object has any.
*/}}
{{- define "flow.meta" -}}
metadata:
  name: {{ .name }}
  namespace: {{ include "flow.namespace" .root | quote }}
  labels:
    {{- include "flow.labels" . | nindent 4 }}
  {{- with mergeOverwrite (dict) (.root.flow.commonAnnotations) (.annotations | default dict) }}
  annotations:
    {{- include "flow.yaml" . | nindent 4 }}
  {{- end }}
{{- end }}
