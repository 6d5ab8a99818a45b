{{/*
The pod template of a workload.
*/}}
{{- define "flow.podTemplate" -}}
{{- $labels := dict -}}
{{- range $more := list .root.flow.commonLabels .values.podLabels -}}
{{- include "flow.overlay" (dict "on" $labels "values" $more) -}}
{{- end -}}
{{- include "flow.overlay" (dict "on" $labels "values" (include "flow.selectorLabels" . | fromYaml)) -}}
{{- $annotations := dict "kubectl.kubernetes.io/default-container" "executor" -}}
{{- include "flow.overlay" (dict "on" $annotations "values" (include "flow.linkerdPod" . | fromYaml)) -}}
{{- include "flow.overlay" (dict "on" $annotations "values" .values.podAnnotations) -}}
{{- $_ := set $annotations "helm-flow.github.io/node" .node -}}
{{- if and (eq .process "executor") (eq .runtime "go") -}}
{{- $_ := set $annotations "checksum/config" (include "flow.executorConfig" . | sha256sum) -}}
{{- end -}}
metadata:
  labels:
    {{- include "flow.yaml" $labels | nindent 4 }}
  annotations:
    {{- include "flow.yaml" $annotations | nindent 4 }}
spec:
  {{- include "flow.podSpec" . | nindent 2 }}
{{- end }}

{{/*
A part of flow.podTemplate.
*/}}
{{- define "flow.podSpec" -}}
{{- $v := .values -}}
{{- $volumes := include "flow.volumes" . | fromYaml -}}
serviceAccountName: {{ ($v.serviceAccount).name | default .name }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ include "flow.grace" . }}
{{- $secrets := list }}
{{- range concat ((.root.Values.global).imagePullSecrets | default list) ($v.imagePullSecrets | default list) }}
{{- $secrets = append $secrets (kindIs "string" . | ternary (dict "name" .) .) }}
{{- end }}
{{- with uniq $secrets }}
imagePullSecrets:
  {{- include "flow.yaml" . | nindent 2 }}
{{- end }}
securityContext:
  {{- $context := dict "runAsNonRoot" true "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532 "seccompProfile" (dict "type" "RuntimeDefault") }}
  {{- include "flow.merged" (dict "on" $context "values" $v.podSecurityContext) | nindent 2 }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" "runtimeClassName" "initContainers" }}
{{- with get $v $key }}
{{ $key }}:
  {{- include "flow.yaml" . | nindent 2 }}
{{- end }}
{{- end }}
topologySpreadConstraints:
  {{- include "flow.spread" . | nindent 2 }}
containers:
  - name: executor
    {{- include "flow.container" (dict "workload" . "mounts" $volumes.mounts) | nindent 4 }}
  {{- with $v.extraContainers }}
  {{- include "flow.yaml" . | nindent 2 }}
  {{- end }}
{{- with $volumes.volumes }}
volumes:
  {{- include "flow.yaml" . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
A part of flow.podSpec: softly over machines and zones, unless the values say otherwise.
*/}}
{{- define "flow.spread" -}}
{{- $w := . -}}
{{- $spread := list -}}
{{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" -}}
{{- $constraint := dict "maxSkew" 1 "topologyKey" $key "whenUnsatisfiable" "ScheduleAnyway"
  "labelSelector" (dict "matchLabels" (include "flow.selectorLabels" $w | fromYaml)) -}}
{{- if and (eq $w.kind "Deployment") (semverCompare ">=1.27-0" $w.root.Capabilities.KubeVersion.Version) -}}
{{- $_ := set $constraint "matchLabelKeys" (list "pod-template-hash") -}}
{{- end -}}
{{- $spread = append $spread $constraint -}}
{{- end -}}
{{- include "flow.yaml" (.values.topologySpreadConstraints | default $spread) -}}
{{- end }}

{{/*
A map of the chart's own with values laid over it, as YAML. Takes on, values.
*/}}
{{- define "flow.merged" -}}
{{- include "flow.overlay" . -}}
{{- include "flow.yaml" .on -}}
{{- end }}

{{/*
A part of flow.podSpec: the volumes of a workload and where its container has them.
*/}}
{{- define "flow.volumes" -}}
{{- $v := .values -}}
{{- $volumes := list -}}
{{- $mounts := list -}}
{{- if eq .runtime "go" -}}
{{- $volumes = append $volumes (dict "name" "config" "configMap" (dict "name" .name)) -}}
{{- $mounts = append $mounts (dict "name" "config" "mountPath" "/etc/flow" "readOnly" true) -}}
{{- else -}}
{{- $volumes = append $volumes (dict "name" "tmp" "emptyDir" dict) -}}
{{- $mounts = append $mounts (dict "name" "tmp" "mountPath" "/tmp") -}}
{{- end -}}
{{- if eq .process "gateway" -}}
{{- with ($v.tls).secretName -}}
{{- $volumes = append $volumes (dict "name" "tls" "secret" (dict "secretName" .)) -}}
{{- $mounts = append $mounts (dict "name" "tls" "mountPath" "/etc/flow-tls" "readOnly" true) -}}
{{- end -}}
{{- if eq (include "flow.watches" .root) "true" -}}
{{- /* The one pod that talks to Kubernetes gets its token this way, so that no other container of the pod sees it. */ -}}
{{- $sources := list
  (dict "serviceAccountToken" (dict "path" "token" "expirationSeconds" 3607))
  (dict "configMap" (dict "name" "kube-root-ca.crt" "items" (list (dict "key" "ca.crt" "path" "ca.crt")))) -}}
{{- $volumes = append $volumes (dict "name" "kubernetes" "projected" (dict "sources" $sources)) -}}
{{- $mounts = append $mounts (dict "name" "kubernetes" "mountPath" "/var/run/secrets/kubernetes.io/serviceaccount" "readOnly" true) -}}
{{- end -}}
{{- end -}}
{{- range .claims -}}
{{- $mounts = append $mounts (dict "name" .name "mountPath" .mountPath) -}}
{{- end -}}
{{- dict "volumes" (concat $volumes ($v.extraVolumes | default list)) "mounts" (concat $mounts ($v.extraVolumeMounts | default list)) | toYaml -}}
{{- end }}
