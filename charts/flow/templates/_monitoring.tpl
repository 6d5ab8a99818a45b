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
