// Package gateway is the door of a flow: it takes requests from clients, walks them through the graph of executors, and answers.
//
// On the wire it is a drop-in for Jina's gateway.
package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/internal/config"
	"github.com/helm-flow/helm-flow/internal/serve"
	"github.com/helm-flow/helm-flow/internal/telemetry"
	"github.com/helm-flow/helm-flow/internal/upstream"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// Gateway answers requests by a configuration, which can be replaced while it runs. It is safe for concurrent use.
type Gateway struct {
	current atomic.Pointer[snapshot]
	pool    *upstream.Pool
	metrics *telemetry.Gateway
	log     *slog.Logger

	reloading sync.Mutex // held while the configuration is replaced

	mu      sync.Mutex // guards streams
	streams map[*stream]bool

	floating sync.WaitGroup // calls that no answer waits for
	draining chan struct{}  // closed when no more requests are to be taken
	drain    sync.Once      // guards the closing of draining
	readers  sync.WaitGroup // goroutines that read from streams
}

// Options are what a gateway cannot change while it runs.
type Options struct {
	Log *slog.Logger
	// MaxMessageBytes bounds an answer of an executor.
	MaxMessageBytes int
	// Dial options are for tests, which have executors in memory.
	Dial []grpc.DialOption
}

// New makes a gateway of a checked configuration and begins to connect to its executors. Close ends it.
func New(c *config.Gateway, opts Options) (*Gateway, error) {
	g := &Gateway{
		pool: upstream.NewPool(opts.MaxMessageBytes, opts.Dial...), log: opts.Log, streams: map[*stream]bool{}, draining: make(chan struct{}),
	}
	g.metrics = telemetry.NewGateway(c.Name, g.executors)
	graph, err := newGraph(c, g.pool, g.metrics)
	if err != nil {
		return nil, err
	}
	first := &snapshot{config: c, graph: graph}
	first.users.Store(1)
	g.current.Store(first)
	return g, nil
}

// Metrics are those of the gateway.
func (g *Gateway) Metrics() *telemetry.Gateway { return g.metrics }

// executors are those of now, for metrics.
func (g *Gateway) executors() []telemetry.Executor {
	s := g.acquire()
	defer s.release()
	all := make([]telemetry.Executor, len(s.graph.nodes))
	for i, n := range s.graph.nodes {
		all[i] = n.state()
	}
	return all
}

// Drain makes streams take no more requests; they end once they have answered those taken.
func (g *Gateway) Drain() { g.drain.Do(func() { close(g.draining) }) }

// Close waits for floating calls until ctx is done, and closes the connections. The servers must have stopped.
func (g *Gateway) Close(ctx context.Context) {
	g.Drain()
	done := make(chan struct{})
	go func() { defer close(done); g.floating.Wait() }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	last := g.current.Load()
	last.graph.cut() // ends what still runs
	<-done
	g.readers.Wait()
	last.release()
}

// Register serves Jina's services on s, which must use wire.Codec.
func (g *Gateway) Register(s *grpc.Server) {
	wire.RegisterCall(s, g.call)
	wire.RegisterSingle(s, g.single)
	wire.RegisterDryRun(s, g.dryRun)
	wire.RegisterDiscovery(s, g.discovery)
	wire.RegisterInfo(s, serve.Status)
	wire.RegisterReflection(s)
}

// single answers one request.
func (g *Gateway) single(ctx context.Context, in *wire.Message) (*wire.Message, error) {
	// The walk frees what it is given; the caller frees in, which shares the documents.
	out, err := g.process(ctx, in.Clone())
	if err != nil {
		if trailer := trailerOf(err); trailer != nil {
			_ = grpc.SetTrailer(ctx, trailer)
		}
		return nil, status.Convert(err).Err()
	}
	return out, nil
}

// dryRun sends a request without documents through the whole graph, to an endpoint that does nothing.
func (g *Gateway) dryRun(ctx context.Context) (*jinapb.StatusProto, error) {
	request := &wire.Message{Header: wire.Header{ExecEndpoint: wire.Some(wire.DryRunEndpoint)}}
	answer, err := g.process(ctx, request)
	defer answer.Free()
	if err != nil {
		s := status.Convert(err)
		return &jinapb.StatusProto{
			Code: jinapb.StatusProto_ERROR, Description: s.Message(),
			Exception: &jinapb.StatusProto_ExceptionProto{Name: "InternalNetworkError", Args: []string{s.Code().String(), s.Message()}},
		}, nil
	}
	return answer.Header.StatusProto()
}

// discovery answers with the endpoints of all executors.
func (g *Gateway) discovery(context.Context) (*jinapb.EndpointsProto, error) {
	s := g.acquire()
	defer s.release()
	var all []string
	for _, n := range s.graph.nodes {
		all = append(all, n.endpoints()...)
	}
	slices.Sort(all)
	return &jinapb.EndpointsProto{Endpoints: slices.Compact(all)}, nil
}

// generation is that of the documents to merge.
func (s *snapshot) generation(contents [][]byte) docarray.Generation {
	switch s.config.Docarray {
	case "v1":
		return docarray.V1
	case "v2":
		return docarray.V2
	}
	for _, content := range contents {
		if generation, ok := docarray.Detect(content); ok {
			return generation
		}
	}
	return docarray.V2 // no document tells, so there is nothing to merge
}

// recoverWalk turns a fault of ours into the error of the one request that met it.
func (g *Gateway) recoverWalk(w *walk, n *node) {
	if fault := recover(); fault != nil {
		g.log.Error("panic", "executor", n.name, "panic", fault, "stack", string(debug.Stack()))
		w.fail(n, status.Error(codes.Internal, fmt.Sprintf("gateway: fault at %q; its log has more", n.name)))
	}
}
