{{/*
The pod template of a workload. What every pod has is written out, as it takes far less time than toYaml.
*/}}
{{- define "flow.podTemplate" -}}
{{- $labels := .selector -}}
{{- if or .root.flow.commonLabels .values.podLabels -}}
{{- $labels = dict -}}
{{- range $more := list .root.flow.commonLabels .values.podLabels .selector -}}
{{- include "flow.overlay" (dict "on" $labels "values" $more) -}}
{{- end -}}
{{- end -}}
{{- $annotations := dict "kubectl.kubernetes.io/default-container" "executor" -}}
{{- include "flow.linkerdPod" (dict "workload" . "on" $annotations) -}}
{{- include "flow.overlay" (dict "on" $annotations "values" .values.podAnnotations) -}}
{{- $_ := set $annotations "helm-flow.github.io/node" .node -}}
{{- if and (eq .process "executor") (eq .runtime "go") -}}
{{- $_ := set $annotations "checksum/config" (sha256sum .config) -}}
{{- end -}}
metadata:
  labels:
    {{- include "flow.texts" $labels | nindent 4 }}
  annotations:
    {{- include "flow.texts" $annotations | nindent 4 }}
spec:
  {{- include "flow.podSpec" . | nindent 2 }}
{{- end }}

{{/*
A map of texts as YAML.
*/}}
{{- define "flow.texts" -}}
{{- $lines := list -}}
{{- range $key, $value := . -}}
{{- $lines = append $lines (printf "%q: %q" $key $value) -}}
{{- end -}}
{{- join "\n" $lines -}}
{{- end }}

{{/*
A part of flow.podTemplate.
*/}}
{{- define "flow.podSpec" -}}
{{- $w := . -}}
{{- $v := .values -}}
serviceAccountName: {{ ($v.serviceAccount).name | default .name }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: {{ .grace }}
{{- $secrets := list }}
{{- range concat ((.root.flow.values.global).imagePullSecrets | default list) ($v.imagePullSecrets | default list) }}
{{- $secrets = append $secrets (kindIs "string" . | ternary (dict "name" .) .) }}
{{- end }}
{{- with uniq $secrets }}
imagePullSecrets:
  {{- include "flow.yaml" . | nindent 2 }}
{{- end }}
securityContext:
  {{- if $v.podSecurityContext }}
  {{- $context := dict "runAsNonRoot" true "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532 "seccompProfile" (dict "type" "RuntimeDefault") }}
  {{- include "flow.merged" (dict "on" $context "values" $v.podSecurityContext) | nindent 2 }}
  {{- else }}
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
  {{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" "runtimeClassName" "initContainers" }}
{{- with get $v $key }}
{{ $key }}:
  {{- include "flow.yaml" . | nindent 2 }}
{{- end }}
{{- end }}
topologySpreadConstraints:
  {{- if $v.topologySpreadConstraints }}
  {{- include "flow.yaml" $v.topologySpreadConstraints | nindent 2 }}
  {{- else }}
  {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "flow.texts" $w.selector | nindent 8 }}
    {{- if and (eq $w.kind "Deployment") $w.root.flow.kubernetes.matchesLabelKeys }}
    matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
  {{- end }}
containers:
  - name: executor
    {{- include "flow.container" . | nindent 4 }}
  {{- with $v.extraContainers }}
  {{- include "flow.yaml" . | nindent 2 }}
  {{- end }}
volumes:
  {{- include "flow.volumes" . | nindent 2 }}
{{- end }}

{{/*
A map of the chart's own with values laid over it, as YAML. Takes on, values.
*/}}
{{- define "flow.merged" -}}
{{- include "flow.overlay" . -}}
{{- include "flow.yaml" .on -}}
{{- end }}

{{/*
A part of flow.podSpec. flow.volumeMounts says where the container has them.
*/}}
{{- define "flow.volumes" -}}
{{- if eq .runtime "go" -}}
- name: config
  configMap:
    name: {{ .name }}
{{- else -}}
- name: tmp
  emptyDir: {}
{{- end }}
{{- if eq .process "gateway" }}
{{- with (.values.tls).secretName }}
- name: tls
  secret:
    secretName: {{ . }}
{{- end }}
{{- if eq (include "flow.watches" .root) "true" }}
# The one pod that talks to Kubernetes gets its token this way, so that no other container of the pod sees it.
- name: kubernetes
  projected:
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3607
      - configMap:
          name: kube-root-ca.crt
          items:
            - key: ca.crt
              path: ca.crt
{{- end }}
{{- end }}
{{- with .values.extraVolumes }}
{{ include "flow.yaml" . }}
{{- end }}
{{- end }}

{{/*
A part of flow.container.
*/}}
{{- define "flow.volumeMounts" -}}
{{- if eq .runtime "go" -}}
- name: config
  mountPath: /etc/flow
  readOnly: true
{{- else -}}
- name: tmp
  mountPath: /tmp
{{- end }}
{{- if eq .process "gateway" }}
{{- if (.values.tls).secretName }}
- name: tls
  mountPath: /etc/flow-tls
  readOnly: true
{{- end }}
{{- if eq (include "flow.watches" .root) "true" }}
- name: kubernetes
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}
{{- end }}
{{- range .claims }}
- name: {{ .name }}
  mountPath: {{ .mountPath | quote }}
{{- end }}
{{- with .values.extraVolumeMounts }}
{{ include "flow.yaml" . }}
{{- end }}
{{- end }}
