package values

// Autoscaling changes the number of replicas by load; `replicas` then has no effect.
type Autoscaling struct {
	// Provider is hpa (Kubernetes' own, by CPU and memory), keda (by waiting requests, also from none) or none, the default.
	Provider string `json:"provider,omitzero" jsonschema:"default=none,enum=none,enum=hpa,enum=keda"`
	// MinReplicas is 1 by default; 0 takes keda.
	MinReplicas *int `json:"minReplicas,omitzero" jsonschema:"default=1,minimum=0"`
	// MaxReplicas is required.
	MaxReplicas int `json:"maxReplicas,omitzero" jsonschema:"minimum=1"`
	// CPU is the use of the container's requested CPU to keep to, in percent. Only hpa; default 80 where nothing else is said.
	CPU int `json:"cpu,omitzero" jsonschema:"minimum=1"`
	// Memory is the use of the container's requested memory to keep to, in percent. Only hpa.
	Memory int `json:"memory,omitzero" jsonschema:"minimum=1"`
	// Backlog is the number of requests that may wait or be worked on for each replica. Only keda; default 2.
	Backlog int `json:"backlog,omitzero" jsonschema:"default=2,minimum=1"`
	// Prometheus is the URL of the server that has the gateway's metrics, such as http://prometheus.monitoring.svc:9090. keda needs it.
	Prometheus string `json:"prometheus,omitzero"`
	// PollingInterval of keda, in seconds. Default 15.
	PollingInterval int `json:"pollingInterval,omitzero" jsonschema:"default=15,minimum=1"`
	// CooldownPeriod of keda before it goes down to none, in seconds. Default 300.
	CooldownPeriod int `json:"cooldownPeriod,omitzero" jsonschema:"default=300,minimum=0"`
	// Metrics are further ones, as a HorizontalPodAutoscaler or, for keda, triggers of a ScaledObject write them.
	Metrics []map[string]any `json:"metrics,omitempty"`
	// Behavior of scaling up and down, as a HorizontalPodAutoscaler writes it.
	Behavior map[string]any `json:"behavior,omitempty"`
}

// PodDisruptionBudget bounds how many pods may be evicted at a time. There is one by default wherever more than one replica runs.
type PodDisruptionBudget struct {
	// Enabled false leaves it out.
	Enabled *bool `json:"enabled,omitzero"`
	// MaxUnavailable is a number or a percentage. Default 1.
	MaxUnavailable any `json:"maxUnavailable,omitempty"`
}
