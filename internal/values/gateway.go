package values

// Gateway is the flow's door.
type Gateway struct {
	// Runtime is go for this project's flow-gateway, the default, and jina for a gateway of one's own in a Python image.
	Runtime string `json:"runtime,omitzero" jsonschema:"default=go,enum=go,enum=jina"`
	// Uses is a Python gateway's YAML file or class. Default config.yml. Only with the runtime jina.
	Uses string `json:"uses,omitzero"`

	Workload

	// Ports of the gateway's Service by protocol. Default: grpc 8080. A port that is null is left out.
	Ports Ports `json:"ports,omitzero" flow:"port"`
	// Prefetch is the number of requests of one stream in flight at a time; 0 is unlimited. Default 1000.
	Prefetch *int `json:"prefetch,omitzero" flow:"prefetch" jsonschema:"default=1000,minimum=0"`
	// Retries is how often a call is tried again on network errors; -1, the default, means max(3, number of addresses).
	Retries *int `json:"retries,omitzero" flow:"retries" jsonschema:"default=-1,minimum=-1"`
	// TimeoutSend is the deadline of each try, in milliseconds; 0, the default, is none.
	TimeoutSend int `json:"timeoutSend,omitzero" flow:"timeout_send" jsonschema:"default=0,minimum=0"`
	// Compression of calls to executors. Default none.
	Compression string `json:"compression,omitzero" flow:"compression" jsonschema:"default=none,enum=none,enum=gzip,enum=deflate"`
	// MaxMessageBytes bounds a message from a client or an executor, in bytes. Default 268435456 (256 MiB).
	MaxMessageBytes int `json:"maxMessageBytes,omitzero" jsonschema:"default=268435456,minimum=1,maximum=2147483647"`
	// Docarray is the document generation that joins decode: v1, v2, or auto, the default (recognised per request).
	Docarray string `json:"docarray,omitzero" jsonschema:"default=auto,enum=auto,enum=v1,enum=v2"`
	// HTTP is what the HTTP door offers.
	HTTP HTTP `json:"http,omitzero"`
	// TLS of the doors; none by default, as a mesh encrypts within the cluster.
	TLS TLS `json:"tls,omitzero"`
	// WatchConfig lets the gateway read its own ConfigMap from Kubernetes' API, and nothing else, so that a change is live within seconds. Default
	// true. Without it the gateway needs no rights, and waits for the kubelet, which takes up to two minutes.
	WatchConfig *bool `json:"watchConfig,omitzero" jsonschema:"default=true"`
	// Service that clients call.
	Service Service `json:"service,omitzero"`
	// Ingress leads to one door from outside the cluster.
	Ingress Ingress `json:"ingress,omitzero"`
	// Route leads to the doors from a Gateway of the Gateway API.
	Route Route `json:"route,omitzero"`
}

// Ports of the gateway's Service.
type Ports struct {
	// GRPC is the port for gRPC.
	GRPC int `json:"grpc,omitzero" jsonschema:"default=8080,minimum=1,maximum=65535"`
	// HTTP is the port for HTTP.
	HTTP int `json:"http,omitzero" jsonschema:"minimum=1,maximum=65535"`
	// WebSocket is the port for WebSocket.
	WebSocket int `json:"websocket,omitzero" jsonschema:"minimum=1,maximum=65535"`
}

// HTTP is what the HTTP door offers.
type HTTP struct {
	// Title of the API's documentation.
	Title string `json:"title,omitzero" flow:"title"`
	// Description of the API's documentation.
	Description string `json:"description,omitzero" flow:"description"`
	// CORS lets pages of any origin call.
	CORS bool `json:"cors,omitzero" flow:"cors"`
	// NoDebugEndpoints leaves out /status and /post.
	NoDebugEndpoints bool `json:"noDebugEndpoints,omitzero" flow:"no_debug_endpoints"`
	// NoCRUDEndpoints leaves out /index, /search, /update and /delete.
	NoCRUDEndpoints bool `json:"noCRUDEndpoints,omitzero" flow:"no_crud_endpoints"`
	// ExposeEndpoints are further routes: an endpoint of the executors to the route's arguments, such as {path: /x, methods: [GET]}.
	ExposeEndpoints map[string]any `json:"exposeEndpoints,omitempty" flow:"expose_endpoints"`
}

// TLS of the gateway's doors.
type TLS struct {
	// SecretName names a Secret of the type kubernetes.io/tls.
	SecretName string `json:"secretName,omitzero"`
	// CertFile is the certificate's path in the container, instead of a Secret.
	CertFile string `json:"certFile,omitzero" flow:"ssl_certfile"`
	// KeyFile is the key's path in the container, instead of a Secret.
	KeyFile string `json:"keyFile,omitzero" flow:"ssl_keyfile"`
}
