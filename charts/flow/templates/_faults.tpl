{{/*
What is wrong with the values beyond what the schema sees, one fault a line. The gateway would refuse a graph with any of
them, but only once it runs.
*/}}
{{- define "flow.faults" -}}
{{- $executors := include "flow.executors" . | fromJson -}}
{{- $components := dict "gateway" "the gateway" -}}
{{- $needed := dict -}}
{{- range $name, $executor := $executors }}
{{- $component := include "flow.component" $name }}
{{- if not (regexMatch "^[A-Za-z_]*[A-Za-z][A-Za-z0-9_]*$" $name) }}
executors.{{ $name }}: is no name, expected letters, digits and _, not a digit first
{{- else if hasKey $components $component }}
executors.{{ $name }}: gets the same name in Kubernetes, {{ $component }}, as {{ get $components $component }}; rename one of them
{{- end }}
{{- $_ := set $components $component (printf "executors.%s" $name) }}
{{- if and (eq $executor.runtime "jina") (not $executor.external) (not $executor.image.repository) }}
executors.{{ $name }}.image.repository: missing, expected the image that holds the Python executor
{{- end }}
{{- range $executor.needs }}
{{- if not $executor.floating }}
{{- $_ := set $needed . true }}
{{- end }}
{{- if eq . "gateway" }}
{{- else if not (hasKey $executors .) }}
executors.{{ $name }}.needs: {{ . }} is no executor of this flow, expected one of them or gateway
{{- else if and (get $executors .).floating (not $executor.floating) }}
executors.{{ $name }}.needs: {{ . }} is floating, so no answer can wait for {{ $name }}; let {{ $name }} float too
{{- end }}
{{- end }}
{{- end }}
{{- with include "flow.circle" $executors }}
executors: {{ . }} wait for each other in a circle; change needs
{{- end }}
{{- $answering := list }}
{{- range $name, $executor := $executors }}
{{- if not (or $executor.floating (hasKey $needed $name)) }}
{{- $answering = append $answering $name }}
{{- end }}
{{- end }}
{{- if gt (len $answering) 1 }}
executors: {{ join ", " $answering }} would all answer the client, expected one that no other needs; join them, or let the others float
{{- end }}
{{- end }}

{{/*
The executors that are never called: what is left when all whose needs are met have been taken away, again and again.
*/}}
{{- define "flow.circle" -}}
{{- $left := dict -}}
{{- range $name, $executor := omit . "gateway" -}}
{{- $_ := set $left $name $executor.needs -}}
{{- end -}}
{{- range . -}}
{{- $before := len $left -}}
{{- range $name, $needs := $left -}}
{{- $waits := false -}}
{{- range $needs -}}
{{- $waits = or $waits (hasKey $left .) -}}
{{- end -}}
{{- if not $waits -}}
{{- $_ := unset $left $name -}}
{{- end -}}
{{- end -}}
{{- if eq $before (len $left) -}}{{- break -}}{{- end -}}
{{- end -}}
{{- keys $left | sortAlpha | join ", " -}}
{{- end }}
