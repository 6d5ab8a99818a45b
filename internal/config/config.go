// Package config is the gateway's configuration: one file, checked whole before anything starts.
//
// The chart writes it into the gateway's ConfigMap; package local writes the same file with loopback addresses.
package config

import "time"

// Gateway is the content of gateway.yaml: what a gateway can change while it runs. What it cannot is flags of the process: where it listens, its certificate, and the
// size of messages.
type Gateway struct {
	// Name of the flow, for logs and status.
	Name string `json:"name"`
	// Prefetch is the number of requests of one stream in flight at a time; 0 is unlimited. A client's __prefetch__
	// metadata overrides it.
	Prefetch int `json:"prefetch"`
	// Retries is how often a call is tried again on network errors; negative means max(3, number of addresses).
	Retries int `json:"retries"`
	// TimeoutSend is the deadline of each try, in milliseconds; 0 is none.
	TimeoutSend int `json:"timeoutSend"`
	// Compression of calls to executors: none, gzip or deflate.
	Compression string `json:"compression"`
	// Docarray is the document generation that joins decode: v1, v2, or auto (recognised per request).
	Docarray string `json:"docarray"`
	// HTTP is what the HTTP door offers.
	HTTP HTTP `json:"http"`
	// Executors in any order; the graph is in their Needs.
	Executors []Executor `json:"executors"`
}

// HTTP is what the HTTP door offers.
type HTTP struct {
	// Title and Description are shown by the API's documentation.
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`
	// CORS lets pages of any origin call.
	CORS bool `json:"cors,omitempty"`
	// NoDebugEndpoints leaves out /status and /post, NoCRUDEndpoints /index, /search, /update and /delete.
	NoDebugEndpoints bool `json:"noDebugEndpoints,omitempty"`
	NoCRUDEndpoints  bool `json:"noCRUDEndpoints,omitempty"`
	// ExposeEndpoints are further routes: an endpoint of the executors to the arguments of its route, as Jina writes them.
	ExposeEndpoints map[string]any `json:"exposeEndpoints,omitempty"`
}

// Executor is one node of the graph.
type Executor struct {
	// Name as in the flow; it is what routes, target_executor and parameters of one executor refer to.
	Name string `json:"name"`
	// Needs are the names of the nodes whose answers this one takes, or "gateway"; their order is the order of merging.
	Needs []string `json:"needs"`
	// Floating nodes are called, but no answer waits for them.
	Floating bool `json:"floating,omitempty"`
	// Addresses of the replicas: grpc://host:port or grpcs://host:port. Empty with Shards.
	Addresses []string `json:"addresses,omitempty"`
	// Shards are the addresses of each shard's replicas; at least two, or none.
	Shards [][]string `json:"shards,omitempty"`
	// Polling by endpoint: any calls one shard, all calls every one; "*" is for the endpoints not named. Beneath it lies Jina's
	// own: all for /search, any for the others. Only with Shards.
	Polling map[string]string `json:"polling,omitempty"`
	// Before and After are the addresses of an executor that works on a request before its shards, and of one that works on the answers of
	// all shards. Only with Shards.
	Before []string `json:"before,omitempty"`
	After  []string `json:"after,omitempty"`
	// Canary is a second version of the executor, which gets a part of the requests. Not with Shards.
	Canary *Canary `json:"canary,omitempty"`
	// WaitForReplicas is how long a call waits for a replica where none runs, in milliseconds: an executor may be scaled down to none. 0 does not wait.
	WaitForReplicas int `json:"waitForReplicas,omitempty"`
	// When is the condition on documents that this node gets: docarray's query language, a map such as {tags__price: {$lt: 5}}.
	When map[string]any `json:"when,omitempty"`
	// TimeoutSend, Retries and Compression of calls to this executor, instead of the gateway's.
	TimeoutSend *int   `json:"timeoutSend,omitempty"`
	Retries     *int   `json:"retries,omitempty"`
	Compression string `json:"compression,omitempty"`
	// NoReduce passes the parts of a join, or the answers of shards, on unmerged.
	NoReduce bool `json:"noReduce,omitempty"`
	// Metadata is sent with every call.
	Metadata map[string]string `json:"metadata,omitempty"`
}

// Canary is a version of an executor on trial.
type Canary struct {
	// Weight is the part of the requests that it gets, in percent.
	Weight int `json:"weight"`
	// Addresses of its replicas.
	Addresses []string `json:"addresses"`
}

// Timeout is TimeoutSend as a duration.
func (g *Gateway) Timeout() time.Duration { return time.Duration(g.TimeoutSend) * time.Millisecond }
