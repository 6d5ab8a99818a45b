// Package values holds the chart's values as Go types, from which values.schema.json is generated, and turns a flow
// into them.
//
// The comments of the fields are the schema's descriptions. The tag flow is the word that flow.yml has for a field; a field without
// one is said under x-flow. A zero field is left out and means the chart's default, so that values say only what the flow says.
package values

//go:generate go test -run "^(TestSchema|TestReference)$" . -update

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
	// Flow is the text of a flow.yml, for --set-file flow=flow.yml. What gateway and executors say wins over it.
	Flow string `json:"flow,omitzero" flow:"-"`
	// Gateway is the flow's door.
	Gateway Gateway `json:"gateway,omitzero"`
	// ExecutorDefaults hold for every executor that does not say otherwise.
	ExecutorDefaults ExecutorDefaults `json:"executorDefaults,omitzero"`
	// Executors by their names in the flow. An executor that is null is left out; without any there is one echo executor.
	Executors map[string]*Executor `json:"executors,omitempty" flow:"executors"`
	// Mesh is the service mesh that carries the calls.
	Mesh Mesh `json:"mesh,omitzero"`
	// Monitoring is how the cluster's Prometheus gets metrics.
	Monitoring Monitoring `json:"monitoring,omitzero"`
	// NetworkPolicy keeps everything but the graph's own calls away from pods.
	NetworkPolicy NetworkPolicy `json:"networkPolicy,omitzero"`
	// ExtraObjects are further objects of the release, as maps or texts; templates in them are filled in.
	ExtraObjects []any `json:"extraObjects,omitempty"`
	// CommonLabels are added to the labels of every object and pod.
	CommonLabels map[string]string `json:"commonLabels,omitempty"`
	// CommonAnnotations are added to the annotations of every object.
	CommonAnnotations map[string]string `json:"commonAnnotations,omitempty"`
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

// ExecutorDefaults hold for every executor that does not say otherwise.
type ExecutorDefaults struct {
	// Image of Go executors that name none.
	Image Image `json:"image,omitzero"`

	WorkloadExtras

	// Storage of the claims that volumes and workspaces make.
	Storage Storage `json:"storage,omitzero"`
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
