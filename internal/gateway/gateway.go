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

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/internal/config"
	"github.com/helm-flow/helm-flow/internal/serve"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// Gateway answers requests by a configuration. It is safe for concurrent use.
type Gateway struct {
	config *config.Gateway
	graph  *graph
	log    *slog.Logger

	floating sync.WaitGroup // calls that no answer waits for
	draining chan struct{}  // closed when no more requests are to be taken
	drain    sync.Once      // guards the closing of draining
	readers  sync.WaitGroup // goroutines that read from streams
}

// New makes a gateway of a checked configuration and begins to connect to its executors. Dial options are for tests. Close ends it.
func New(c *config.Gateway, log *slog.Logger, opts ...grpc.DialOption) (*Gateway, error) {
	graph, err := newGraph(c, opts...)
	if err != nil {
		return nil, err
	}
	return &Gateway{config: c, graph: graph, log: log, draining: make(chan struct{})}, nil
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
	g.graph.close() // ends what still runs
	<-done
	g.readers.Wait()
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
	var all []string
	for _, n := range g.graph.nodes {
		all = append(all, n.executor.Endpoints()...)
	}
	slices.Sort(all)
	return &jinapb.EndpointsProto{Endpoints: slices.Compact(all)}, nil
}

// generation is that of the documents to merge.
func (g *Gateway) generation(contents [][]byte) docarray.Generation {
	switch g.config.Docarray {
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
