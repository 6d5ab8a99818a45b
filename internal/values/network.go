package values

// Service that clients call.
type Service struct {
	// Type of the Service. Default ClusterIP.
	Type string `json:"type,omitzero" jsonschema:"default=ClusterIP,enum=ClusterIP,enum=NodePort,enum=LoadBalancer"`
	// Spec is merged into the Service's, as Kubernetes writes it, such as {loadBalancerSourceRanges: [10.0.0.0/8]}.
	Spec map[string]any `json:"spec,omitempty"`
}

// Ingress leads to one door from outside the cluster.
type Ingress struct {
	// Enabled makes an Ingress.
	Enabled bool `json:"enabled,omitzero"`
	// ClassName names an IngressClass; default: the cluster's.
	ClassName string `json:"className,omitzero"`
	// Annotations of the Ingress, such as those by which a controller knows gRPC.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Hosts that it answers for; default: all.
	Hosts []string `json:"hosts,omitempty"`
	// TLSSecretName names the Secret with the hosts' certificate.
	TLSSecretName string `json:"tlsSecretName,omitzero"`
	// Door that it leads to; default: http if there is one, else grpc.
	Door string `json:"door,omitzero" jsonschema:"enum=grpc,enum=http,enum=websocket"`
}

// Route leads to the doors from a Gateway of the Gateway API: a GRPCRoute, and an HTTPRoute for http or else websocket.
type Route struct {
	// Enabled makes the routes.
	Enabled bool `json:"enabled,omitzero"`
	// Annotations of the routes.
	Annotations map[string]string `json:"annotations,omitempty"`
	// ParentRefs name the Gateways, as the Gateway API writes them. Required.
	ParentRefs []map[string]any `json:"parentRefs,omitempty"`
	// Hostnames that they answer for; default: the Gateway's.
	Hostnames []string `json:"hostnames,omitempty"`
	// Doors that they lead to. Default: all, but of http and websocket only the first.
	Doors []string `json:"doors,omitempty" jsonschema:"enum=grpc,enum=http,enum=websocket"`
}

// NetworkPolicy lets each executor be called by those alone that the graph says.
type NetworkPolicy struct {
	// Enabled makes one for each workload.
	Enabled bool `json:"enabled,omitzero"`
	// Clients may call the gateway: peers, as Kubernetes writes them. Default: everybody.
	Clients []map[string]any `json:"clients,omitempty"`
	// Scrapers may read metrics: peers, as Kubernetes writes them. Default: everybody in the cluster.
	Scrapers []map[string]any `json:"scrapers,omitempty"`
	// Egress limits what pods may call, too: the gateway its executors, executors nothing but names and telemetry.
	Egress bool `json:"egress,omitzero"`
	// ExtraEgress are further rules for executors' calls, as Kubernetes writes them.
	ExtraEgress []map[string]any `json:"extraEgress,omitempty"`
}
