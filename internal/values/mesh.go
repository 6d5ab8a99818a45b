package values

// Mesh is the service mesh that carries the calls.
type Mesh struct {
	// Provider is linkerd, the default, or none: then the gateway balances over the pods' addresses itself.
	Provider string `json:"provider,omitzero" jsonschema:"default=linkerd,enum=linkerd,enum=none"`
	// Policy of calls to executors, which follows from the graph: off, the default, admits everybody; audit logs who should not be admitted; deny
	// refuses them.
	Policy string `json:"policy,omitzero" jsonschema:"default=off,enum=off,enum=audit,enum=deny"`
	// Linkerd is what is Linkerd's alone.
	Linkerd Linkerd `json:"linkerd,omitzero"`
}

// Linkerd are its settings. It drops values that it does not understand in silence, so all of them are checked here. There are two kinds of durations: those
// of proxies are Go's, such as 1m30s; those of Services are a whole number and one unit, such as 90s.
type Linkerd struct {
	// Version of the control plane, which decides on the names of annotations. Default 2.20.
	Version string `json:"version,omitzero" jsonschema:"default=2.20"`
	// ControlPlaneNamespace is where it runs. Default linkerd.
	ControlPlaneNamespace string `json:"controlPlaneNamespace,omitzero" jsonschema:"default=linkerd"`
	// NativeSidecar makes the proxy an init container that keeps running. Default: the control plane's, which is true since 2.20.
	NativeSidecar *bool `json:"nativeSidecar,omitzero"`
	// ShutdownGracePeriod is how long the proxy lets open streams end. Default: the pod's.
	ShutdownGracePeriod string `json:"shutdownGracePeriod,omitzero"`
	// ProxyResources of the proxies.
	ProxyResources ProxyResources `json:"proxyResources,omitzero"`
	// Retries of calls to executors by the proxy, beside those of the gateway. It never retries what is larger than 64 KiB.
	Retries LinkerdRetries `json:"retries,omitzero"`
	// Timeouts of calls to executors by the proxy.
	Timeouts LinkerdTimeouts `json:"timeouts,omitzero"`
	// Breaker takes replicas that fail out of the balance.
	Breaker LinkerdBreaker `json:"breaker,omitzero"`
	// PenalizeFailures sends less, not more, to a replica that is quick to refuse. Default true, from 2.20 on.
	PenalizeFailures *bool `json:"penalizeFailures,omitzero" jsonschema:"default=true"`
}

// ProxyResources are requests and limits of Linkerd's proxy: Kubernetes' quantities.
type ProxyResources struct {
	// CPURequest of the proxy.
	CPURequest string `json:"cpuRequest,omitzero"`
	// CPULimit of the proxy.
	CPULimit string `json:"cpuLimit,omitzero"`
	// MemoryRequest of the proxy.
	MemoryRequest string `json:"memoryRequest,omitzero"`
	// MemoryLimit of the proxy.
	MemoryLimit string `json:"memoryLimit,omitzero"`
}

// LinkerdRetries are off unless GRPC says of which answers.
type LinkerdRetries struct {
	// GRPC are the codes to retry.
	GRPC []string `json:"grpc,omitempty" jsonschema:"enum=cancelled,enum=deadline-exceeded,enum=internal,enum=resource-exhausted,enum=unavailable"`
	// Limit of retries of one call. Default 1.
	Limit int `json:"limit,omitzero" jsonschema:"default=1,minimum=1,maximum=65535"`
	// Timeout of each try.
	Timeout string `json:"timeout,omitzero"`
}

// LinkerdTimeouts end calls, and are not retried.
type LinkerdTimeouts struct {
	// Request bounds the whole call. It ends long streams too.
	Request string `json:"request,omitzero"`
	// Response bounds the time to the end of the answer.
	Response string `json:"response,omitzero"`
	// Idle bounds the time without a byte either way.
	Idle string `json:"idle,omitzero"`
}

// LinkerdBreaker is Linkerd's failure accrual.
type LinkerdBreaker struct {
	// Mode is off, the default; consecutive, for failures in a row; or unified, from 2.20 on, for the rate of success too.
	Mode string `json:"mode,omitzero" jsonschema:"default=off,enum=off,enum=consecutive,enum=unified"`
	// MaxFailures in a row. Default 7.
	MaxFailures int `json:"maxFailures,omitzero" jsonschema:"default=7,minimum=1,maximum=4294967295"`
	// MinPenalty is the first time that a replica is left out. Default 1s.
	MinPenalty string `json:"minPenalty,omitzero" jsonschema:"default=1s"`
	// MaxPenalty is the longest time that a replica is left out. Default 60s.
	MaxPenalty string `json:"maxPenalty,omitzero" jsonschema:"default=60s"`
	// JitterRatio varies those times. Default 0.5.
	JitterRatio *float64 `json:"jitterRatio,omitzero" jsonschema:"minimum=0,maximum=100"`
	// SuccessRate below which a replica is left out; 0 is never. Only unified; default 0.8.
	SuccessRate *float64 `json:"successRate,omitzero" jsonschema:"minimum=0,maximum=1"`
	// SuccessRateWindow is the time that the rate is measured over. Only unified; default 10s.
	SuccessRateWindow string `json:"successRateWindow,omitzero" jsonschema:"default=10s"`
	// SuccessRateMinRequests in the window before the rate counts. Only unified; default 5.
	SuccessRateMinRequests int `json:"successRateMinRequests,omitzero" jsonschema:"default=5,minimum=1,maximum=1000000"`
}
