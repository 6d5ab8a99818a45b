{{/*
Works out the whole flow, once for all templates, and keeps it in the root as .flow:
  said                 what a flow.yml says, if one was given as the value flow: see _flow.tpl
  values               the chart's values over that
  gateway, executors   values with their defaults; executors by name
  workloads            what runs in the cluster, the gateway first: see _workloads.tpl
  mesh, monitoring, networkPolicy   values with their defaults
  commonLabels, commonAnnotations   without what the chart says itself
  name, fullname, chart             see _names.tpl; chart and version
  kubernetes, linkerd               what the cluster's version can do, and the mesh's
  faults               what is wrong so far
Values of the chart are read nowhere else, as releases that were upgraded with --reuse-values lack the newer ones.
*/}}
{{- define "flow.load" -}}
{{- if not (hasKey . "flow") -}}
{{- $flow := dict "said" dict "values" dict "executors" dict "workloads" list "faults" list -}}
{{- $_ := set . "flow" $flow -}}
{{- with .Values.flow -}}
{{- include "flow.read" (dict "root" $ "text" .) -}}
{{- end -}}
{{- range $values := list $flow.said .Values -}}
{{- include "flow.overlay" (dict "on" $flow.values "values" (omit $values "executors" "flow")) -}}
{{- end -}}
{{- range $section := list "gateway" "mesh" "monitoring" "networkPolicy" -}}
{{- $_ := set $flow $section (get $flow.values $section | default dict) -}}
{{- end -}}
{{- include "flow.fill" (dict "values" $flow.mesh "defaults" (include "flow.meshDefaults" . | fromYaml)) -}}
{{- include "flow.versions" . -}}
{{- include "flow.common" . -}}
{{- $defaults := include "flow.gatewayDefaults" . | fromYaml -}}
{{- if $flow.gateway.ports -}}
{{- $_ := unset $defaults "ports" -}}
{{- end -}}
{{- include "flow.fill" (dict "values" $flow.gateway "defaults" $defaults) -}}
{{- include "flow.loadExecutors" . -}}
{{- include "flow.loadWorkloads" . -}}
{{- end -}}
{{- end }}

{{- define "flow.gatewayDefaults" -}}
runtime: go
ports: {grpc: 8080}
replicas: 1
prefetch: 1000
retries: -1
timeoutSend: 0
compression: none
maxMessageBytes: 268435456
docarray: auto
timeoutReady: 600000
watchConfig: true
{{- end }}

{{- define "flow.executorDefaults" -}}
runtime: go
needs: [gateway]
replicas: 1
shards: 1
timeoutReady: 600000
{{- end }}

{{- define "flow.meshDefaults" -}}
provider: linkerd
policy: "off"
linkerd: {}
{{- end }}

{{/*
A part of flow.load: executorDefaults, under what --set-file flow= says, under executors.
*/}}
{{- define "flow.loadExecutors" -}}
{{- $said := .flow.said.executors | default dict -}}
{{- $defaults := include "flow.executorDefaults" . | fromYaml -}}
{{- $common := omit (.flow.values.executorDefaults | default dict) "image" -}}
{{- include "flow.ownExecutors" . -}}
{{- $own := .flow.own -}}
{{- range $name := concat (keys $said) (keys $own) | uniq -}}
{{- if not (and (hasKey $own $name) (kindIs "invalid" (get $own $name))) -}}
{{- $executor := dict -}}
{{- range $values := list $common (get $said $name) (get $own $name) -}}
{{- include "flow.overlay" (dict "on" $executor "values" $values) -}}
{{- end -}}
{{- include "flow.fill" (dict "values" $executor "defaults" $defaults) -}}
{{- $_ := set $.flow.executors $name $executor -}}
{{- end -}}
{{- end -}}
{{- if not .flow.executors -}}
{{- $executor := dict "uses" "echo" -}}
{{- include "flow.overlay" (dict "on" $executor "values" $common) -}}
{{- include "flow.fill" (dict "values" $executor "defaults" $defaults) -}}
{{- $_ := set .flow.executors "echo" $executor -}}
{{- end -}}
{{- end }}

{{/*
A part of flow.loadExecutors: the value executors as a map. A list becomes one; as in a flow.yml, an item of it then needs the one before.
*/}}
{{- define "flow.ownExecutors" -}}
{{- $executors := .Values.executors | default dict -}}
{{- if kindIs "slice" $executors -}}
{{- $map := dict -}}
{{- $before := "gateway" -}}
{{- range $i, $item := $executors -}}
{{- $name := $item.name | default (printf "executor%d" $i) -}}
{{- if hasKey $map $name -}}
{{- include "flow.fault" (dict "root" $ "text" (printf "executors[%d]: is called %s as another is; rename one of them" $i $name)) -}}
{{- else -}}
{{- $executor := omit $item "name" -}}
{{- if not $executor.needs -}}
{{- $_ := set $executor "needs" (list $before) -}}
{{- end -}}
{{- $_ := set $map $name $executor -}}
{{- if not $executor.floating -}}
{{- $before = $name -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $executors = $map -}}
{{- end -}}
{{- $_ := set .flow "own" $executors -}}
{{- end }}

{{/*
Lays values over a map, as Helm does: maps are merged, and null takes away what lies beneath. In what belongs to others null may mean
something, and stays. Takes on, values, others (within such).
*/}}
{{- define "flow.overlay" -}}
{{- $foreign := list "canary" "usesWith" "args" "when" "exposeEndpoints" "podSecurityContext" "securityContext" "startupProbe" "readinessProbe" "livenessProbe" -}}
{{- range $key, $value := .values | default dict -}}
{{- if kindIs "map" $value -}}
{{- $on := get $.on $key -}}
{{- if not (kindIs "map" $on) -}}
{{- $on = dict -}}
{{- $_ := set $.on $key $on -}}
{{- end -}}
{{- include "flow.overlay" (dict "on" $on "values" $value "others" (or $.others (has $key $foreign))) -}}
{{- else if and (kindIs "invalid" $value) (not $.others) -}}
{{- $_ := unset $.on $key -}}
{{- else -}}
{{- $_ := set $.on $key $value -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
Takes what is null out of a map of the chart's own that values were laid over. Takes the map.
*/}}
{{- define "flow.prune" -}}
{{- range $key, $value := . -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $ $key -}}
{{- else if kindIs "map" $value -}}
{{- include "flow.prune" $value -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
Puts in what is missing. Takes values, defaults.
*/}}
{{- define "flow.fill" -}}
{{- range $key, $value := .defaults -}}
{{- if not (hasKey $.values $key) -}}
{{- $_ := set $.values $key $value -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/*
A part of flow.load.
*/}}
{{- define "flow.versions" -}}
{{- $_ := set .flow "name" (include "flow.name" .) -}}
{{- $_ := set .flow "fullname" (include "flow.fullname" .) -}}
{{- $_ := set .flow "chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $kube := .Capabilities.KubeVersion.Version -}}
{{- $_ := set .flow "kubernetes" (dict "sleeps" (semverCompare ">=1.30-0" $kube) "matchesLabelKeys" (semverCompare ">=1.27-0" $kube)) -}}
{{- $linkerd := .flow.mesh.linkerd.version | default "2.20" | toString -}}
{{- $_ := set .flow "linkerd" (dict "beta" (semverCompare ">=2.19.0-0" $linkerd) "unified" (semverCompare ">=2.20.0-0" $linkerd)) -}}
{{- end }}

{{/*
What every object says, without what the chart says itself.
*/}}
{{- define "flow.common" -}}
{{- $labels := dict -}}
{{- include "flow.overlay" (dict "on" $labels "values" .flow.values.commonLabels) -}}
{{- $annotations := dict -}}
{{- include "flow.overlay" (dict "on" $annotations "values" .flow.values.commonAnnotations) -}}
{{- $_ := set .flow "commonLabels" (omit $labels "helm.sh/chart" "app.kubernetes.io/name" "app.kubernetes.io/instance"
  "app.kubernetes.io/component" "app.kubernetes.io/managed-by" "app.kubernetes.io/version") -}}
{{- $_ := set .flow "commonAnnotations" $annotations -}}
{{- end }}

{{/*
Notes that something is wrong; checks.yaml shows all faults together. Takes root, text.
*/}}
{{- define "flow.fault" -}}
{{- $_ := set .root.flow "faults" (append .root.flow.faults .text) -}}
{{- end }}

{{/*
toYaml, which gives nothing at all where it fails. What it makes of U+2028 and U+2029 ends the line where Helm reads it.
*/}}
{{- define "flow.yaml" -}}
{{- $text := toYaml . -}}
{{- if or (not $text) (regexMatch "[\\x{2028}\\x{2029}]" $text) -}}
{{- fail "a value holds a control character that YAML cannot" -}}
{{- end -}}
{{- $text -}}
{{- end }}
