// Package executor is for writing executors, the nodes of a flow, in Go. Any gateway of Jina's protocol can stand in front
// of them, and jina.Client can talk to one directly.
//
//	func main() {
//		executor.Main(executor.New("Upper").On("/upper", upper))
//	}
//
//	func upper(ctx context.Context, r *executor.Request) error {
//		docs, err := r.Docs()
//		for _, d := range docs {
//			d.Text = strings.ToUpper(d.Text)
//		}
//		return err
//	}
package executor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/helm-flow/helm-flow/internal/wire"
)

// Default is the endpoint whose handler takes the requests for endpoints that have none.
const Default = wire.DefaultEndpoint

// Handler answers a request: what it leaves in r is the answer. An error, or a panic, becomes an answer with status ERROR
// and the request's documents as they came; it ends neither the client's stream nor the executor.
//
// ctx ends when the caller has gone away; nobody waits for the answer then.
type Handler func(ctx context.Context, r *Request) error

// Executor is a class of executors: handlers by endpoint, and how they want to be run.
type Executor struct {
	class      string
	handlers   map[string]Handler
	concurrent bool
	with       any
	schema     schema
}

// New returns an executor without handlers, which answers every request with itself. The class is what a flow's uses
// names, and what error reports show.
func New(class string) *Executor {
	return &Executor{class: class, handlers: map[string]Handler{}, schema: legacyDocument}
}

// On binds a handler to an endpoint. It panics if there is one already.
func (e *Executor) On(endpoint string, h Handler) *Executor {
	if e.handlers[endpoint] != nil || endpoint == wire.DryRunEndpoint {
		panic(fmt.Sprintf("executor %s: endpoint %q is bound twice", e.class, endpoint))
	}
	e.handlers[endpoint] = h
	return e
}

// Concurrent lets handlers run at the same time. Without it they run one at a time, across all endpoints, and requests
// wait for their turn in the order they came, as in Jina.
func (e *Executor) Concurrent() *Executor {
	e.concurrent = true
	return e
}

// With names a pointer that takes the flow's uses_with before requests are served, by the rules of encoding/json: what it
// points to holds the defaults. A value of the wrong type ends the program with an error, a key that it has no
// field for is reported in the log. If it has a method Check() error, that has the last word.
func (e *Executor) With(into any) *Executor {
	e.with = into
	return e
}

// Schema says which documents the handlers take and return: the name and JSON schema of a class of docarray from 0.30 on,
// as its schema() method gives it. Python gateways of that generation refuse a flow whose neighbours differ in it, and
// merge by it; our own and older ones need none. The default is that of Python executors that declare none.
func (e *Executor) Schema(name string, model json.RawMessage) *Executor {
	e.schema = schema{Name: name, Model: model}
	return e
}

// endpoints are those that requests may name, as discovery lists them.
func (e *Executor) endpoints() []string {
	return append([]string{wire.DryRunEndpoint}, slices.Sorted(maps.Keys(e.handlers))...)
}

// handler returns nil for requests that are answered with themselves.
func (e *Executor) handler(endpoint string) Handler {
	if h := e.handlers[endpoint]; h != nil {
		return h
	}
	return e.handlers[Default]
}
