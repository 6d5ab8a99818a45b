{{/*
Whether the metrics of a workload are collected, and so, by a Python process, served.
*/}}
{{- define "flow.monitored" -}}
{{- if or .values.monitoring .root.flow.monitoring.enabled }}true{{ end -}}
{{- end }}

{{/*
The kind of monitors that the release has, or nothing. Takes the root.
*/}}
{{- define "flow.monitorKind" -}}
{{- $kind := .flow.monitoring.kind | default "auto" -}}
{{- if eq $kind "auto" -}}
{{- if .Capabilities.APIVersions.Has "monitoring.coreos.com/v1/PodMonitor" }}PodMonitor{{ end -}}
{{- else if ne $kind "none" -}}
{{- $kind -}}
{{- end -}}
{{- end }}
