package local

// What the chart calls the things that a run must tell apart.
const (
	componentLabel   = "app.kubernetes.io/component"
	gatewayComponent = "gateway"
	nodeAnnotation   = "helm-flow.github.io/node"
	doorPort         = "grpc"
)
