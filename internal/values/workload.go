package values

// Workload is what gateway and executors have in common: where their processes come from and how Kubernetes runs them.
type Workload struct {
	// Image of the process.
	Image Image `json:"image,omitzero"`
	// UsesWith are the process's own parameters.
	UsesWith map[string]any `json:"usesWith,omitempty" flow:"uses_with"`
	// PyModules are the files that define a Python class. Only with the runtime jina.
	PyModules []string `json:"pyModules,omitempty" flow:"py_modules"`
	// Args are further arguments of Jina's processes by their names in snake_case: true is a flag, a list several words, a map JSON.
	// Only with the runtime jina.
	Args map[string]any `json:"args,omitempty" flow:"ARGUMENT"`
	// Replicas of the process. Default 1.
	Replicas int `json:"replicas,omitzero" flow:"replicas" jsonschema:"default=1,minimum=1"`
	// TimeoutReady is how long a replica may take to start, in milliseconds. Default 600000.
	TimeoutReady int `json:"timeoutReady,omitzero" flow:"timeout_ready" jsonschema:"default=600000,minimum=1"`
	// Env are environment variables.
	Env map[string]string `json:"env,omitempty" flow:"env"`
	// EnvFromSecret are environment variables from keys of Secrets.
	EnvFromSecret map[string]SecretKey `json:"envFromSecret,omitempty" flow:"env_from_secret"`
	// ImagePullSecrets are names of Secrets, beside the global ones.
	ImagePullSecrets []string `json:"imagePullSecrets,omitempty" flow:"image_pull_secrets"`
	// Monitoring asks for Prometheus metrics to be served and collected.
	Monitoring bool `json:"monitoring,omitzero" flow:"monitoring"`
	// Traces are sent by OTLP over gRPC.
	Traces Exporter `json:"traces,omitzero" flow:"tracing"`
	// Metrics are sent by OTLP over gRPC.
	Metrics Exporter `json:"metrics,omitzero" flow:"metrics"`

	WorkloadExtras
}

// WorkloadExtras are what Jina has no word for; a flow says them under x-flow.
type WorkloadExtras struct {
	// Resources are Kubernetes' requests and limits.
	Resources map[string]any `json:"resources,omitempty"`
	// Autoscaling changes the number of replicas by load.
	Autoscaling Autoscaling `json:"autoscaling,omitzero"`
	// UpdateStrategy of the Deployment or StatefulSet, as Kubernetes writes it. Default: a new pod must be ready before an old one goes.
	UpdateStrategy map[string]any `json:"updateStrategy,omitempty"`
	// PodDisruptionBudget bounds how many pods may be evicted at a time.
	PodDisruptionBudget PodDisruptionBudget `json:"podDisruptionBudget,omitzero"`
	// ServiceAnnotations are added to the Service's.
	ServiceAnnotations map[string]string `json:"serviceAnnotations,omitempty"`
	// StartupProbe is merged into the chart's; null takes a field away.
	StartupProbe map[string]any `json:"startupProbe,omitempty"`
	// ReadinessProbe is merged into the chart's; null takes a field away.
	ReadinessProbe map[string]any `json:"readinessProbe,omitempty"`
	// LivenessProbe is merged into the chart's; null takes a field away.
	LivenessProbe map[string]any `json:"livenessProbe,omitempty"`
	// PodLabels are added to the pods'.
	PodLabels map[string]string `json:"podLabels,omitempty"`
	// PodAnnotations are added to the pods'.
	PodAnnotations map[string]string `json:"podAnnotations,omitempty"`
	// NodeSelector names labels of the machines to run on.
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`
	// Tolerations let pods run on tainted machines, as Kubernetes writes them.
	Tolerations []map[string]any `json:"tolerations,omitempty"`
	// Affinity as Kubernetes writes it.
	Affinity map[string]any `json:"affinity,omitempty"`
	// TopologySpreadConstraints as Kubernetes writes them; default: softly over machines and zones.
	TopologySpreadConstraints []map[string]any `json:"topologySpreadConstraints,omitempty"`
	// PriorityClassName names a PriorityClass.
	PriorityClassName string `json:"priorityClassName,omitzero"`
	// RuntimeClassName names a RuntimeClass, such as nvidia.
	RuntimeClassName string `json:"runtimeClassName,omitzero"`
	// ServiceAccount of the pods.
	ServiceAccount ServiceAccount `json:"serviceAccount,omitzero"`
	// PodSecurityContext is merged into the chart's restricted one; null takes a field away.
	PodSecurityContext map[string]any `json:"podSecurityContext,omitempty"`
	// SecurityContext of the container is merged into the chart's restricted one; null takes a field away.
	SecurityContext map[string]any `json:"securityContext,omitempty"`
	// ExtraEnv are environment variables as Kubernetes writes them, such as those from fields of the pod.
	ExtraEnv []map[string]any `json:"extraEnv,omitempty"`
	// EnvFrom are whole ConfigMaps and Secrets as environment, as Kubernetes writes them.
	EnvFrom []map[string]any `json:"envFrom,omitempty"`
	// ExtraVolumes of the pod, as Kubernetes writes them.
	ExtraVolumes []map[string]any `json:"extraVolumes,omitempty"`
	// ExtraVolumeMounts of the container, as Kubernetes writes them.
	ExtraVolumeMounts []map[string]any `json:"extraVolumeMounts,omitempty"`
	// InitContainers as Kubernetes writes them.
	InitContainers []map[string]any `json:"initContainers,omitempty"`
	// ExtraContainers beside the executor's, as Kubernetes writes them.
	ExtraContainers []map[string]any `json:"extraContainers,omitempty"`
	// TerminationGracePeriodSeconds is how long pods may take to end; default: the longest call and 15 s, at least 30 s.
	TerminationGracePeriodSeconds int `json:"terminationGracePeriodSeconds,omitzero" jsonschema:"minimum=1"`
}

// ServiceAccount of a workload's pods. Each workload has one, as a mesh's identity hangs on it.
type ServiceAccount struct {
	// Name of an account that exists; empty makes one.
	Name string `json:"name,omitzero"`
	// Annotations of the account, such as those for a cloud's identity.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// SecretKey names a value in a Secret.
type SecretKey struct {
	// Name of the Secret.
	Name string `json:"name"`
	// Key in it.
	Key string `json:"key"`
}

// Exporter sends telemetry by OTLP over gRPC.
type Exporter struct {
	// Enabled switches it on.
	Enabled bool `json:"enabled,omitzero"`
	// Host that receives it; default: the one that the process's environment names.
	Host string `json:"host,omitzero"`
	// Port that receives it. Default 4317.
	Port int `json:"port,omitzero" jsonschema:"default=4317,minimum=1,maximum=65535"`
}
