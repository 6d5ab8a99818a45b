package gateway

import (
	"sync/atomic"

	"github.com/helm-flow/helm-flow/internal/config"
)

// snapshot is a configuration made ready to answer requests by. Each request keeps to the one that it began with.
type snapshot struct {
	config *config.Gateway
	graph  *graph
	// users are the gateway, as long as the snapshot is its current one, and requests under way. The last one closes the graph.
	users atomic.Int64
}

// acquire returns the current snapshot, to be released.
func (g *Gateway) acquire() *snapshot {
	for {
		s := g.current.Load()
		if s.users.Add(1) > 1 {
			return s
		}
		// It was replaced, and closed, between the two lines above.
		s.users.Add(-1)
	}
}

func (s *snapshot) release() {
	if s.users.Add(-1) == 0 {
		s.graph.close()
	}
}

// Reload makes a checked configuration the current one. Requests under way go on by the one that they began with, streams go on, and replicas that both have stay
// connected. With an error nothing has changed.
func (g *Gateway) Reload(c *config.Gateway) error {
	g.reloading.Lock()
	defer g.reloading.Unlock()
	graph, err := newGraph(c, g.pool, g.metrics)
	if err != nil {
		return err
	}
	next := &snapshot{config: c, graph: graph}
	next.users.Store(1)
	old := g.current.Swap(next)
	for name := range old.graph.names {
		if !graph.has(name) {
			g.metrics.Forget(name)
		}
	}
	old.release()
	g.mu.Lock()
	defer g.mu.Unlock()
	for s := range g.streams { // their prefetch may be another
		s.room.Broadcast()
	}
	return nil
}
