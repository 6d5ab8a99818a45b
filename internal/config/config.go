// Package config is the gateway's configuration: one file, checked whole before anything starts.
//
// The chart writes it into the gateway's ConfigMap; package local writes the same file with loopback addresses.
package config

import "time"

// Gateway is the content of gateway.yaml. Listen addresses are flags of the process, not configuration.
type Gateway struct {
	// Name of the flow, for logs and status.
	Name string `json:"name"`
	// Prefetch is the number of requests of one stream in flight at a time; 0 is unlimited. A client's __prefetch__
	// metadata overrides it.
	Prefetch int `json:"prefetch"`
	// MaxMessageBytes bounds a message from a client or an executor, in bytes.
	MaxMessageBytes int `json:"maxMessageBytes"`
	// Retries is how often a call is tried again on network errors; negative means max(3, number of addresses).
	Retries int `json:"retries"`
	// TimeoutSend is the deadline of each try, in milliseconds; 0 is none.
	TimeoutSend int `json:"timeoutSend"`
	// Docarray is the document generation that joins decode: v1, v2, or auto (recognised per request).
	Docarray string `json:"docarray"`
	// Executors in any order; the graph is in their Needs.
	Executors []Executor `json:"executors"`
}

// Executor is one node of the graph.
type Executor struct {
	// Name as in the flow; it is what routes, target_executor and parameters of one executor refer to.
	Name string `json:"name"`
	// Needs are the names of the nodes whose answers this one takes, or "gateway"; their order is the order of merging.
	Needs []string `json:"needs"`
	// Floating nodes are called, but no answer waits for them.
	Floating bool `json:"floating,omitempty"`
	// Addresses of the replicas: grpc://host:port or grpcs://host:port.
	Addresses []string `json:"addresses"`
	// NoReduce passes the parts of a join unmerged.
	NoReduce bool `json:"noReduce,omitempty"`
	// Metadata is sent with every call.
	Metadata map[string]string `json:"metadata,omitempty"`
}

// Timeout is TimeoutSend as a duration.
func (g *Gateway) Timeout() time.Duration { return time.Duration(g.TimeoutSend) * time.Millisecond }
