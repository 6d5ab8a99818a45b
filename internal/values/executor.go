package values

// Executor is one node of the graph.
type Executor struct {
	// Runtime is go for executors configured by a file (built-ins, or made with this project's SDK), the default, and
	// jina for Python executors, which take Jina's arguments.
	Runtime string `json:"runtime,omitzero" jsonschema:"default=go,enum=go,enum=jina"`
	// Uses is the name of a Go executor, or a Python executor's YAML file or class. Default: echo; in an image of one's own its only
	// Go executor, or config.yml.
	Uses string `json:"uses,omitzero"`

	Workload

	// Needs are the nodes whose answers this one takes, or gateway, the default; their order is the order of merging.
	Needs []string `json:"needs,omitempty" flow:"needs" jsonschema:"minItems=1,uniqueItems=true"`
	// Floating: no answer to a client waits for this node.
	Floating bool `json:"floating,omitzero" flow:"floating"`
	// When is the condition that documents fulfil which this node gets, such as {tags__price: {$lt: 5}}.
	When map[string]any `json:"when,omitempty" flow:"when"`
	// NoReduce passes the parts of a join, or the answers of shards, on unmerged.
	NoReduce bool `json:"noReduce,omitzero" flow:"no_reduce"`
	// Metadata is gRPC metadata sent with every call.
	Metadata map[string]string `json:"metadata,omitempty" flow:"grpc_metadata"`
	// TimeoutSend is the deadline of each try of a call, in milliseconds. Default: the gateway's.
	TimeoutSend *int `json:"timeoutSend,omitzero" flow:"timeout_send" jsonschema:"minimum=0"`
	// Retries is how often a call is tried again on network errors. Default: the gateway's.
	Retries *int `json:"retries,omitzero" flow:"retries" jsonschema:"minimum=-1"`
	// Compression of calls. Default: the gateway's.
	Compression string `json:"compression,omitzero" flow:"compression" jsonschema:"enum=none,enum=gzip,enum=deflate"`
	// Shards between which documents are split, each with Replicas. Default 1.
	Shards int `json:"shards,omitzero" flow:"shards" jsonschema:"default=1,minimum=1"`
	// Polling by endpoint: any asks one shard, all asks every one; "*" is for the endpoints not named. Default: all for /search, any else.
	Polling map[string]string `json:"polling,omitempty" flow:"polling"`
	// UsesBefore works on a request before its shards. Only with shards.
	UsesBefore *Stage `json:"usesBefore,omitzero"`
	// UsesAfter works on the answers of all shards. Only with shards.
	UsesAfter *Stage `json:"usesAfter,omitzero"`
	// External executors run elsewhere: nothing is deployed for them.
	External External `json:"external,omitzero" flow:"external"`
	// Volumes are mounted into every replica, each replica having a claim of its own.
	Volumes []Volume `json:"volumes,omitempty" flow:"volumes"`
	// Workspace is the folder that the executor keeps its state in: a volume too.
	Workspace string `json:"workspace,omitzero" flow:"workspace"`
	// GPUs of each replica, by resource name, such as {nvidia.com/gpu: 1}.
	GPUs map[string]int `json:"gpus,omitempty" flow:"gpus"`
	// Storage of the claims that volumes and workspace make.
	Storage Storage `json:"storage,omitzero"`
	// Canary is a second version of the executor, which gets a part of the requests. Not with shards.
	Canary *Canary `json:"canary,omitzero"`
}

// Canary is a version of an executor on trial. What it does not say is the executor's.
type Canary struct {
	// Weight is the part of the requests that it gets, in percent; the rest goes to the executor. Default 0.
	Weight int `json:"weight,omitzero" jsonschema:"default=0,minimum=0,maximum=100"`
	// Replicas of the canary. Default 1.
	Replicas int `json:"replicas,omitzero" jsonschema:"minimum=1"`
	// Image of the canary.
	Image Image `json:"image,omitzero"`
	// Uses is what answers, as of executors.
	Uses string `json:"uses,omitzero"`
	// UsesWith are merged into the executor's.
	UsesWith map[string]any `json:"usesWith,omitempty"`
	// Env is merged into the executor's.
	Env map[string]string `json:"env,omitempty"`
	// Resources instead of the executor's.
	Resources map[string]any `json:"resources,omitempty"`
}

// Stage is an executor before or after the shards of another, whose environment, secrets and telemetry it shares.
type Stage struct {
	// Runtime is go or jina, as of executors.
	Runtime string `json:"runtime,omitzero" jsonschema:"default=go,enum=go,enum=jina"`
	// Uses is what answers, as of executors.
	Uses string `json:"uses,omitzero"`
	// Image of the stage.
	Image Image `json:"image,omitzero"`
	// PyModules are the files that define a Python class. Only with the runtime jina.
	PyModules []string `json:"pyModules,omitempty" flow:"py_modules"`

	WorkloadExtras
}

// External is an executor that runs elsewhere.
type External struct {
	// Addresses of the replicas: grpc://host:port or grpcs://host:port.
	Addresses []string `json:"addresses,omitempty" jsonschema:"minItems=1"`
}

// Volume is a folder that outlives its pod.
type Volume struct {
	// Name of the claim; default: made of MountPath.
	Name string `json:"name,omitzero"`
	// MountPath is the folder in the container.
	MountPath string `json:"mountPath"`

	Storage
}

// Storage is what a claim asks for.
type Storage struct {
	// Size of the claim. Default 10Gi.
	Size string `json:"size,omitzero" jsonschema:"default=10Gi"`
	// StorageClass of the claim; default: the cluster's.
	StorageClass string `json:"storageClass,omitzero"`
	// AccessModes of the claim. Default ReadWriteOnce.
	AccessModes []string `json:"accessModes,omitempty" jsonschema:"enum=ReadWriteOnce,enum=ReadOnlyMany,enum=ReadWriteMany,enum=ReadWriteOncePod"`
}
