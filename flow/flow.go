// Package flow reads a flow.yml in Jina 3's format.
//
// A file is refused whole, with every fault it has, or comes back as a Flow in which all defaults are resolved: names,
// needs, what floats. Each field remembers where it was written.
package flow

// Flow is a graph of executors behind one gateway.
type Flow struct {
	// Path of the file as the caller named it; the place that faults begin with.
	Path string
	// Name is what `with: name:` says; empty when the file does not name the flow.
	Name Field[string]
	// Gateway is the flow's door.
	Gateway Gateway
	// Executors in the order of the file; at least one of them does not float.
	Executors []Executor
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

// Gateway holds the arguments of the gateway: the `gateway` section over the flow's `with`.
type Gateway struct {
	// Pos of the section; zero without one.
	Pos Pos
	// Port that clients connect to. Default 8080.
	Port Field[int]
	// Prefetch is the number of requests of one stream in flight at a time; 0 is unlimited. Default 1000.
	Prefetch Field[int]
	// Replicas of the gateway. Default 1.
	Replicas Field[int]
	// Retries is how often a call is tried again on network errors. Default -1: max(3, number of addresses).
	Retries Field[int]
	// TimeoutSend is the deadline of each try, in milliseconds. Default 0: none.
	TimeoutSend Field[int]
	// TimeoutReady is how long the gateway may take to start, in milliseconds. Default 600000.
	TimeoutReady Field[int]
	// Env are environment variables of the gateway's process.
	Env Field[map[string]string]
}

// Executor is one node of the graph.
type Executor struct {
	// Pos of the entry.
	Pos Pos
	// Name of the node, a Python identifier. Default executor<N>, N being the number of entries before it.
	Name Field[string]
	// Uses is what answers here; Uses.Pos tells whether the file says it.
	Uses Uses
	// UsesWith are the constructor's parameters: JSON values (string, bool, int, float64, nil, []any, map[string]any).
	UsesWith Field[map[string]any]
	// PyModules are Python files. Absolute for Python sources; as written for images, in which they lie.
	PyModules Field[[]string]
	// Needs are the nodes whose answers this one takes, or "gateway"; their order is the order of merging.
	// Default: the node before it that is not declared floating, or the gateway for the first.
	Needs Field[[]string]
	// Floating: the answer to the client does not wait for this node. True for every node from which the answering
	// node, the last one not declared floating, cannot be reached, whether or not the file says so.
	Floating Field[bool]
	// Replicas behind one address. Default 1.
	Replicas Field[int]
	// NoReduce passes the parts of a join to the executor unmerged.
	NoReduce Field[bool]
	// Metadata is gRPC metadata sent with every call.
	Metadata Field[map[string]string]
	// Env are environment variables of the executor's process.
	Env Field[map[string]string]
	// TimeoutReady is how long the executor may take to start, in milliseconds. Default 600000.
	TimeoutReady Field[int]
	// External executors run elsewhere: nothing is started, Addresses are called.
	External Field[bool]
	// Addresses of an external executor's replicas: grpc://host:port or grpcs://host:port. Empty otherwise.
	Addresses []string
}
