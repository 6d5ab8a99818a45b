package values

// Monitoring is how the cluster's Prometheus gets metrics.
type Monitoring struct {
	// Enabled collects the metrics of every node; else of those that say `monitoring` themselves.
	Enabled bool `json:"enabled,omitzero"`
	// Kind of the objects by which the Prometheus operator finds them: PodMonitor, ServiceMonitor, none, or auto, the default: PodMonitor where the
	// cluster knows it.
	Kind string `json:"kind,omitzero" jsonschema:"default=auto,enum=auto,enum=PodMonitor,enum=ServiceMonitor,enum=none"`
	// Labels of these objects, by which operators select them.
	Labels map[string]string `json:"labels,omitempty"`
	// Interval between two readings. Default: Prometheus' own.
	Interval string `json:"interval,omitzero"`
	// Rules are alerts.
	Rules Rules `json:"rules,omitzero"`
}

// Rules are alerts for the Prometheus operator.
type Rules struct {
	// Enabled makes a PrometheusRule.
	Enabled bool `json:"enabled,omitzero"`
	// Labels of every alert, such as the team to call.
	Labels map[string]string `json:"labels,omitempty"`
	// ErrorRatio of the requests from which on to call somebody. Default 0.05.
	ErrorRatio *float64 `json:"errorRatio,omitzero" jsonschema:"minimum=0,maximum=1"`
	// Extra rules, as Prometheus writes them.
	Extra []map[string]any `json:"extra,omitempty"`
}
