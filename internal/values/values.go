// Package values holds the chart's values as Go types, from which values.schema.json is generated, and turns a flow
// into them.
//
// The comments of the fields are the schema's descriptions. A zero field is left out and means the default of charts/flow/values.yaml, so that values say only what the flow says.
package values

//go:generate go test -run ^TestSchema$ . -update

import (
	"encoding/json"
	"fmt"
)

// Values of the chart charts/flow.
type Values struct {
	// NameOverride replaces the chart's name in labels; object names then begin with release and name.
	NameOverride string `json:"nameOverride,omitzero"`
	// FullnameOverride replaces the release's name at the beginning of object names.
	FullnameOverride string `json:"fullnameOverride,omitzero"`
	// Global values are shared by all charts of an umbrella chart, which may add its own.
	Global Global `json:"global,omitzero"`
	// Gateway is the flow's door.
	Gateway Gateway `json:"gateway,omitzero"`
	// ExecutorDefaults hold for every executor that does not say otherwise.
	ExecutorDefaults ExecutorDefaults `json:"executorDefaults,omitzero"`
	// Executors by their names in the flow. An executor that is null is left out; without any there is one echo executor.
	Executors map[string]*Executor `json:"executors,omitempty"`
	// Mesh is the service mesh that carries the calls.
	Mesh Mesh `json:"mesh,omitzero"`
}

// Global values are shared by all charts of an umbrella chart.
type Global struct {
	// ImageRegistry replaces the registry of every image.
	ImageRegistry string `json:"imageRegistry,omitzero"`
	// ImagePullSecrets are names of Secrets, or {name: …} as Kubernetes writes them.
	ImagePullSecrets []any `json:"imagePullSecrets,omitempty"`
}

// Image is a container image: registry/repository:tag@digest.
type Image struct {
	// Registry is the host that serves the image; empty means the container runtime's default.
	Registry string `json:"registry,omitzero"`
	// Repository is the image's path in the registry.
	Repository string `json:"repository,omitzero"`
	// Tag defaults to the chart's appVersion for this project's own images.
	Tag string `json:"tag,omitzero"`
	// Digest pins the image; it wins over the tag.
	Digest string `json:"digest,omitzero"`
	// PullPolicy is Kubernetes' imagePullPolicy.
	PullPolicy string `json:"pullPolicy,omitzero" jsonschema:"enum=Always,enum=IfNotPresent,enum=Never"`
}

// Gateway is the flow's door.
type Gateway struct {
	// Image of flow-gateway.
	Image Image `json:"image,omitzero"`
	// Replicas of the gateway.
	Replicas int `json:"replicas,omitzero" jsonschema:"minimum=1"`
	// Port of the gateway's Service.
	Port int `json:"port,omitzero" jsonschema:"minimum=1,maximum=65535"`
	// Prefetch is the number of requests of one stream in flight at a time; 0 is unlimited. Default 1000.
	Prefetch *int `json:"prefetch,omitzero" jsonschema:"minimum=0"`
	// Retries is how often a call is tried again on network errors; -1, the default, means max(3, number of addresses).
	Retries *int `json:"retries,omitzero" jsonschema:"minimum=-1"`
	// TimeoutSend is the deadline of each try, in milliseconds; 0, the default, is none.
	TimeoutSend int `json:"timeoutSend,omitzero" jsonschema:"minimum=0"`
	// MaxMessageBytes bounds a message from a client or an executor, in bytes. Default 268435456 (256 MiB).
	MaxMessageBytes int `json:"maxMessageBytes,omitzero" jsonschema:"minimum=1,maximum=2147483647"`
	// Docarray is the document generation that joins decode: v1, v2, or auto, the default (recognised per request).
	Docarray string `json:"docarray,omitzero" jsonschema:"enum=auto,enum=v1,enum=v2"`
	// TimeoutReady is how long the gateway may take to start, in milliseconds. Default 600000.
	TimeoutReady int `json:"timeoutReady,omitzero" jsonschema:"minimum=1"`
	// Env are environment variables.
	Env map[string]string `json:"env,omitempty"`
	// Resources are Kubernetes' requests and limits.
	Resources map[string]any `json:"resources,omitempty"`
}

// ExecutorDefaults hold for every executor that does not say otherwise.
type ExecutorDefaults struct {
	// Image of Go executors that name none.
	Image Image `json:"image,omitzero"`
}

// Executor is one node of the graph.
type Executor struct {
	// Runtime is go for executors configured by a file (built-ins, or made with this project's SDK), the default, and
	// jina for Python executors, which take Jina's arguments.
	Runtime string `json:"runtime,omitzero" jsonschema:"enum=go,enum=jina"`
	// Image of the executor.
	Image Image `json:"image,omitzero"`
	// Uses is the name of a Go executor (default echo), or a Python executor's YAML file or class (default config.yml).
	Uses string `json:"uses,omitzero"`
	// UsesWith are the executor's own parameters.
	UsesWith map[string]any `json:"usesWith,omitempty"`
	// PyModules are the files that define a Python executor's class.
	PyModules []string `json:"pyModules,omitempty"`
	// Needs are the nodes whose answers this one takes, or gateway, the default; their order is the order of merging.
	Needs []string `json:"needs,omitempty" jsonschema:"minItems=1,uniqueItems=true"`
	// Floating: no answer to a client waits for this node.
	Floating bool `json:"floating,omitzero"`
	// Replicas of the executor.
	Replicas int `json:"replicas,omitzero" jsonschema:"minimum=1"`
	// NoReduce passes the parts of a join to the executor unmerged.
	NoReduce bool `json:"noReduce,omitzero"`
	// Metadata is gRPC metadata sent with every call.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Env are environment variables.
	Env map[string]string `json:"env,omitempty"`
	// External executors run elsewhere: nothing is deployed for them.
	External External `json:"external,omitzero"`
	// TimeoutReady is how long the executor may take to start, in milliseconds. Default 600000.
	TimeoutReady int `json:"timeoutReady,omitzero" jsonschema:"minimum=1"`
	// Resources are Kubernetes' requests and limits.
	Resources map[string]any `json:"resources,omitempty"`
}

// External is an executor that runs elsewhere.
type External struct {
	// Addresses of the replicas: grpc://host:port or grpcs://host:port.
	Addresses []string `json:"addresses,omitempty" jsonschema:"minItems=1"`
}

// Mesh is the service mesh that carries the calls.
type Mesh struct {
	// Provider is linkerd, the default, or none.
	Provider string `json:"provider,omitzero" jsonschema:"enum=linkerd,enum=none"`
}

// Map gives the values as Helm takes them: maps, lists and JSON scalars.
func (v Values) Map() (map[string]any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("values as JSON: %w", err)
	}
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		return nil, fmt.Errorf("values from JSON: %w", err)
	}
	return m, nil
}
