{{/*
The objects of one process: ServiceAccount, ConfigMap, Service, Deployment. Takes
  root, component, node   node is the name in the flow
  replicas, image, env, resources, timeoutReady   as in values
  port                    the Service's; the process answers gRPC on 8080
  timeoutSend             the longest call, in milliseconds
  command, args           lists
  file, config            a file in /etc/flow that the process reads, and its text
  admin                   whether port 9090 answers /healthz and /readyz; else gRPC's health does
  home                    whether the process needs a home folder to write to
*/}}
{{- define "flow.workload" -}}
{{- $_ := set . "name" (include "flow.object" .) -}}
{{- $meta := include "flow.meta" . -}}
apiVersion: v1
kind: ServiceAccount
{{ $meta }}
automountServiceAccountToken: false
---
{{- if .config }}
apiVersion: v1
kind: ConfigMap
{{ $meta }}
data:
  {{ .file }}: |
    {{- .config | nindent 4 }}
---
{{- end }}
apiVersion: v1
kind: Service
{{ $meta }}
spec:
  type: ClusterIP
  selector:
    {{- include "flow.selectorLabels" . | nindent 4 }}
  ports:
    - name: grpc
      port: {{ int64 .port }}
      targetPort: grpc
      # The only value by which Linkerd knows gRPC without detection.
      appProtocol: kubernetes.io/h2c
---
apiVersion: apps/v1
kind: Deployment
{{ $meta }}
spec:
  replicas: {{ int64 .replicas }}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  selector:
    matchLabels:
      {{- include "flow.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "flow.selectorLabels" . | nindent 8 }}
      annotations:
        kubectl.kubernetes.io/default-container: executor
        helm-flow.github.io/node: {{ .node | quote }}
        {{- if eq ((.root.Values.mesh).provider | default "linkerd") "linkerd" }}
        linkerd.io/inject: enabled
        {{- end }}
        {{- if .config }}
        checksum/config: {{ sha256sum .config }}
        {{- end }}
    spec:
      {{- include "flow.pod" . | nindent 6 }}
{{- end }}

{{/* A part of flow.workload, with its arguments and name. */}}
{{- define "flow.meta" -}}
metadata:
  name: {{ .name }}
  namespace: {{ include "flow.namespace" .root | quote }}
  labels:
    {{- include "flow.labels" . | nindent 4 }}
{{- end }}

{{/* A part of flow.workload, with its arguments and name. */}}
{{- define "flow.pod" -}}
serviceAccountName: {{ .name }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with (.root.Values.global).imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ .name }}{{ end }}
  {{- end }}
{{- end }}
# At least the longest call after the preStop sleep.
terminationGracePeriodSeconds: {{ max 30 (add 15 (ceil (divf .timeoutSend 1000))) }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
containers:
  - name: executor
    image: {{ include "flow.image" . | quote }}
    {{- with .image.pullPolicy }}
    imagePullPolicy: {{ . }}
    {{- end }}
    command: {{ toJson .command }}
    args:
      {{- include "flow.yaml" .args | nindent 6 }}
    {{- $env := dict }}
    {{- if .home }}
    {{- $_ := set $env "HOME" "/tmp" }}
    {{- end }}
    {{- $_ := include "flow.overlay" (dict "target" $env "values" .env) }}
    {{- with $env }}
    env:
      {{- range $key, $value := . }}
      - name: {{ $key | quote }}
        value: {{ $value | quote }}
      {{- end }}
    {{- end }}
    ports:
      - name: grpc
        containerPort: 8080
      {{- if .admin }}
      - name: admin
        containerPort: 9090
      {{- end }}
    {{- include "flow.probes" . | nindent 4 }}
    {{- if semverCompare ">=1.30-0" .root.Capabilities.KubeVersion.Version }}
    lifecycle:
      preStop:
        # Callers learn late that this pod goes away.
        sleep:
          seconds: 5
    {{- end }}
    {{- with .resources }}
    resources:
      {{- include "flow.yaml" . | nindent 6 }}
    {{- end }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
    {{- if or .config .home }}
    volumeMounts:
      {{- if .config }}
      - name: config
        mountPath: /etc/flow
        readOnly: true
      {{- end }}
      {{- if .home }}
      - name: tmp
        mountPath: /tmp
      {{- end }}
    {{- end }}
{{- if or .config .home }}
volumes:
  {{- if .config }}
  - name: config
    configMap:
      name: {{ .name }}
  {{- end }}
  {{- if .home }}
  - name: tmp
    emptyDir: {}
  {{- end }}
{{- end }}
{{- end }}

{{/* A part of flow.workload, with its arguments and name. */}}
{{- define "flow.probes" -}}
startupProbe:
  {{- if .admin }}
  httpGet:
    path: /readyz
    port: admin
  {{- else }}
  grpc:
    port: 8080
  {{- end }}
  periodSeconds: 1
  failureThreshold: {{ ceil (divf .timeoutReady 1000) }}
{{- if .admin }}
readinessProbe:
  httpGet:
    path: /readyz
    port: admin
  periodSeconds: 5
livenessProbe:
  httpGet:
    path: /healthz
    port: admin
  periodSeconds: 10
{{- else }}
# A Python process that computes answers nobody, health included, until it is done.
readinessProbe:
  grpc:
    port: 8080
  periodSeconds: 5
  timeoutSeconds: 10
  failureThreshold: 6
livenessProbe:
  grpc:
    port: 8080
  periodSeconds: 10
  timeoutSeconds: 10
  failureThreshold: 12
{{- end }}
{{- end }}
