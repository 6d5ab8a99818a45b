package gateway

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/helm-flow/helm-flow/internal/config"
	"github.com/helm-flow/helm-flow/internal/telemetry"
	"github.com/helm-flow/helm-flow/internal/upstream"
	"github.com/helm-flow/helm-flow/internal/wire"
)

// newNode connects to the executors behind a node. With an error the node is good for closing only.
func newNode(e *config.Executor, g *config.Gateway, pool *upstream.Pool) (*node, error) {
	n := &node{name: e.Name, floating: e.Floating, noReduce: e.NoReduce}
	opts := upstream.Options{
		Name: e.Name, Addresses: e.Addresses, Metadata: e.Metadata, Timeout: milliseconds(g.TimeoutSend), Retries: g.Retries,
		Compression: cmp.Or(e.Compression, g.Compression), WaitForReplicas: milliseconds(e.WaitForReplicas),
	}
	if e.TimeoutSend != nil {
		opts.Timeout = milliseconds(*e.TimeoutSend)
	}
	if e.Retries != nil {
		opts.Retries = *e.Retries
	}
	var err error
	if n.executor, err = upstream.New(pool, opts); err != nil || e.Canary == nil {
		return n, err
	}
	opts.Addresses, n.weight = e.Canary.Addresses, uint64(e.Canary.Weight)
	n.canary, err = upstream.New(pool, opts)
	return n, err
}

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// versions are the executors behind the node.
func (n *node) versions() []*upstream.Executor {
	return slices.DeleteFunc([]*upstream.Executor{n.executor, n.canary}, func(x *upstream.Executor) bool { return x == nil })
}

func (n *node) close() {
	for _, x := range n.versions() {
		x.Close()
	}
}

func (n *node) cut() {
	for _, x := range n.versions() {
		x.Cut()
	}
}

// call sends a request, or the parts of a join, to one version of the executor.
func (n *node) call(ctx context.Context, endpoint string, parts []*wire.Message) (upstream.Answer, error) {
	n.pending.Add(1)
	defer n.pending.Add(-1)
	began := time.Now()
	x := n.executor
	if n.canary != nil && n.isCanarysTurn() {
		x = n.canary
	}
	answer, err := x.Call(ctx, endpoint, parts)
	n.took.Observe(time.Since(began).Seconds())
	return answer, err
}

// isCanarysTurn spreads the canary's turns evenly: of any hundred calls in a row exactly as many as its weight.
func (n *node) isCanarysTurn() bool {
	turn := n.calls.Add(1)
	return turn*n.weight/100 != (turn-1)*n.weight/100
}

// binds says whether a call to the endpoint would do anything.
func (n *node) binds(endpoint string) bool {
	return n.executor.Binds(endpoint) || n.canary != nil && n.canary.Binds(endpoint)
}

func (n *node) endpoints() []string {
	var all []string
	for _, x := range n.versions() {
		all = append(all, x.Endpoints()...)
	}
	return all
}

func (n *node) state() telemetry.Executor {
	e := telemetry.Executor{Name: n.name, Pending: int(n.pending.Load())}
	for _, x := range n.versions() {
		replicas, ready := x.Replicas()
		e.Replicas += replicas
		e.Ready += ready
	}
	return e
}
