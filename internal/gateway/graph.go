package gateway

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/helm-flow/helm-flow/internal/config"
	"github.com/helm-flow/helm-flow/internal/telemetry"
	"github.com/helm-flow/helm-flow/internal/upstream"
)

// graph is a configuration made ready to walk: immutable, shared by all requests.
type graph struct {
	nodes   []*node // depth first from the origins, as Jina lists routes
	origins []edge
	names   map[string]bool
}

// node is one executor in the graph.
type node struct {
	index    int
	name     string
	executor *upstream.Executor
	canary   *upstream.Executor // nil without
	weight   uint64             // the canary's part of the calls, in percent
	needs    []*node            // whose answers it waits for; nil stands for the gateway
	next     []edge
	floating bool
	noReduce bool
	end      bool // its answer is the client's

	calls   atomic.Uint64 // so far, for the canary's turn
	pending atomic.Int64  // calls under way
	took    prometheus.Observer
}

// edge leads to one of the parts that a node waits for.
type edge struct {
	to   *node
	part int // place in the needs of the node, which is the order of merging
}

// newGraph connects to the executors of a checked configuration.
func newGraph(c *config.Gateway, pool *upstream.Pool, metrics *telemetry.Gateway) (*graph, error) {
	g := &graph{names: map[string]bool{}}
	byName := map[string]*node{}
	var failures []error
	for len(byName) < len(c.Executors) {
		for _, e := range c.Executors {
			if byName[e.Name] != nil || !allKnown(e.Needs, byName) {
				continue
			}
			n, err := newNode(&e, c, pool)
			if err != nil {
				failures = append(failures, err)
			}
			n.took = metrics.Calls(e.Name)
			byName[e.Name] = n
			g.names[e.Name] = true
			for part, need := range e.Needs {
				from := &g.origins
				if need != config.GatewayName {
					from = &byName[need].next
				}
				*from = append(*from, edge{to: n, part: part})
				n.needs = append(n.needs, byName[need])
			}
		}
	}
	g.list(g.origins, map[*node]bool{})
	if err := errors.Join(failures...); err != nil {
		g.close()
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return g, nil
}

// list numbers the nodes that edges lead to, and those behind them.
func (g *graph) list(edges []edge, seen map[*node]bool) {
	for _, e := range edges {
		if n := e.to; !seen[n] {
			seen[n] = true
			n.index = len(g.nodes)
			n.end = !n.floating && !leadsOn(n)
			g.nodes = append(g.nodes, n)
			g.list(n.next, seen)
		}
	}
}

func allKnown(needs []string, byName map[string]*node) bool {
	for _, need := range needs {
		if need != config.GatewayName && byName[need] == nil {
			return false
		}
	}
	return true
}

// leadsOn says whether an answer that a client waits for passes through another node after n.
func leadsOn(n *node) bool {
	for _, e := range n.next {
		if !e.to.floating {
			return true
		}
	}
	return false
}

// has says whether an executor has the name.
func (g *graph) has(name string) bool { return g.names[name] }

// close gives the replicas back. Nobody may walk the graph any more.
func (g *graph) close() {
	for _, n := range g.nodes {
		n.close()
	}
}

// cut ends the calls under way.
func (g *graph) cut() {
	for _, n := range g.nodes {
		n.cut()
	}
}
