// Package flow reads a flow.yml in Jina 3's format.
//
// A file is refused whole, with every fault it has, or comes back as a Flow in which all variables and defaults are
// resolved: names, needs, what floats. Each field remembers where it was written.
package flow

// Flow is a graph of executors behind one gateway. A file of one Deployment is a flow of one executor.
type Flow struct {
	// Path of the file as the caller named it; the place that faults begin with.
	Path string
	// Name is what `with: name:` says; empty when the file does not name the flow.
	Name Field[string]
	// Gateway is the flow's door.
	Gateway Gateway
	// Executors in the order of the file; at least one of them does not float.
	Executors []Executor
	// Own is the flow's `x-flow`.
	Own Own
	// Warnings are what the file says without effect here.
	Warnings Faults
}

// Pos is a place in the file. Lines and columns start at 1; the zero Pos means that the file does not say it.
type Pos struct {
	Line, Column int
}

// Field is a value of the file, or its default.
type Field[T any] struct {
	Value T
	// Pos is where the value was written: in the section itself or in the flow's `with`, which sections inherit from.
	Pos Pos
}

// Set reports whether the file says this field, so that its value is no default.
func (f Field[T]) Set() bool { return f.Pos.Line > 0 }

// Process is what the file says of the processes of a gateway or an executor, wherever they run.
type Process struct {
	// Replicas behind one address. Default 1.
	Replicas Field[int]
	// TimeoutReady is how long a replica may take to start, in milliseconds. Default 600000.
	TimeoutReady Field[int]
	// TimeoutSend is the deadline of each try of a call, in milliseconds. Default 0: none. At an executor it is for calls to it; default: the
	// gateway's.
	TimeoutSend Field[int]
	// Retries is how often a call is tried again on network errors. Default -1: max(3, number of addresses). At an executor as TimeoutSend.
	Retries Field[int]
	// Compression of calls to executors: none, gzip or deflate. Default none. At an executor as TimeoutSend.
	Compression Field[string]
	// UsesWith are the constructor's parameters: JSON values (string, bool, int, float64, nil, []any, map[string]any).
	UsesWith Field[map[string]any]
	// PyModules are Python files. Absolute for Python sources; as written for images, in which they lie.
	PyModules Field[[]string]
	// Env are environment variables.
	Env Field[map[string]string]
	// EnvFromSecret are environment variables from keys of Secrets.
	EnvFromSecret Field[map[string]SecretKey]
	// ImagePullSecrets are names of Secrets.
	ImagePullSecrets Field[[]string]
	// Monitoring asks for Prometheus metrics.
	Monitoring Field[bool]
	// Traces and Metrics are where OpenTelemetry goes; without Enabled nothing does.
	Traces, Metrics Exporter
	// Args are Jina's further arguments, by their full names in snake_case, which mean something to Python processes alone: JSON values.
	// Nothing that stands in another field is among them.
	Args map[string]Field[any]
}

// SecretKey names a value in a Secret.
type SecretKey struct {
	Name, Key string
}

// Exporter sends telemetry by OTLP over gRPC.
type Exporter struct {
	Enabled Field[bool]
	Host    Field[string]
	Port    Field[int]
}

// Gateway holds the arguments of the gateway: the `gateway` section over the flow's `with`.
type Gateway struct {
	Process
	// Pos of the section; zero without one.
	Pos Pos
	// Uses is a gateway of one's own, an Image or Python source; Builtin with an empty name is this project's.
	Uses Uses
	// Doors are the protocols that the gateway speaks, each on a port of its own. Default: gRPC on 8080; further ports without a number
	// count up from the first.
	Doors Field[[]Door]
	// Prefetch is the number of requests of one stream in flight at a time; 0 is unlimited. Default 1000.
	Prefetch Field[int]
	// Title and Description are shown by the HTTP API's documentation.
	Title, Description Field[string]
	// CORS lets pages of any origin call.
	CORS Field[bool]
	// NoDebugEndpoints and NoCRUDEndpoints leave out HTTP's /status and /post, and /index, /search, /update, /delete.
	NoDebugEndpoints, NoCRUDEndpoints Field[bool]
	// ExposeEndpoints are further HTTP endpoints: the endpoint of the executors to arguments of its route, as JSON values.
	ExposeEndpoints Field[map[string]any]
	// CertFile and KeyFile are the server's TLS certificate and key, paths where the gateway runs.
	CertFile, KeyFile Field[string]
}

// Protocols of doors.
const (
	GRPC      = "grpc"
	HTTP      = "http"
	WebSocket = "websocket"
)

// Door is a protocol and the port that clients connect to.
type Door struct {
	Protocol string
	Port     int
}

// Executor is one node of the graph.
type Executor struct {
	Process
	// Pos of the entry.
	Pos Pos
	// Name of the node, a Python identifier. Default executor<N>, N being the number of entries before it.
	Name Field[string]
	// Uses is what answers here; Uses.Pos tells whether the file says it.
	Uses Uses
	// UsesBefore and UsesAfter work on a request before its shards and on all their answers; nil without. Only with Shards > 1.
	UsesBefore, UsesAfter *Uses
	// Needs are the nodes whose answers this one takes, or "gateway"; their order is the order of merging.
	// Default: the node before it that is not declared floating, or the gateway for the first.
	Needs Field[[]string]
	// Floating: the answer to the client does not wait for this node. True for every node from which the answering
	// node, the last one not declared floating, cannot be reached, whether or not the file says so.
	Floating Field[bool]
	// When is the condition that documents fulfil which this node gets, as JSON values; nil lets all pass.
	When Field[map[string]any]
	// NoReduce passes the parts of a join, or the answers of shards, on unmerged.
	NoReduce Field[bool]
	// Shards between which documents are split. Default 1.
	Shards Field[int]
	// Polling by endpoint, any or all; "*" is for the endpoints not named. Default empty: Jina's, all for /search and any else.
	Polling Field[map[string]string]
	// Metadata is gRPC metadata sent with every call.
	Metadata Field[map[string]string]
	// External executors run elsewhere: nothing is started, Addresses are called.
	External Field[bool]
	// Addresses of an external executor's replicas: grpc://host:port or grpcs://host:port. Empty otherwise.
	Addresses []string
	// Volumes are mounted into every replica, each with a claim of its own.
	Volumes Field[[]Volume]
	// Workspace is the folder that the executor keeps its state in; empty without.
	Workspace Field[string]
	// GPUs of each replica; "all" means every one of its machine, without a claim. Default 0.
	GPUs Field[GPUs]
	// Own is the executor's `x-flow`.
	Own Own
}

// Volume is a `host:container` of `volumes`, or a container path alone.
type Volume struct {
	// Source is what stands before the colon: a folder of the machine for Docker; for Kubernetes only a name. Empty if nothing does.
	Source string
	// MountPath is the folder in the container, absolute.
	MountPath string
}

// GPUs is a `gpus`: a number, all, or a map for Kubernetes' resource names.
type GPUs struct {
	// Count of nvidia.com/gpu.
	Count int
	// All: no claim.
	All bool
	// Resources are counts by resource name, such as amd.com/gpu.
	Resources map[string]int
}
