package executor

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/helm-flow/helm-flow/internal/serve"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// server answers requests with an executor.
type server struct {
	executor  *Executor
	name      string // in the flow
	endpoints *jinapb.EndpointsProto
	log       *slog.Logger

	turn chan struct{} // holds a token while a handler runs; nil if they may run at the same time
}

func newServer(e *Executor, name string, log *slog.Logger) (*server, error) {
	endpoints, err := e.discovery()
	if err != nil {
		return nil, err
	}
	s := &server{executor: e, name: name, endpoints: endpoints, log: log}
	if !e.concurrent {
		s.turn = make(chan struct{}, 1)
	}
	return s, nil
}

func (s *server) register(g *grpc.Server) {
	wire.RegisterCall(g, s.call)
	wire.RegisterSingle(g, func(ctx context.Context, m *wire.Message) (*wire.Message, error) {
		return s.answer(ctx, []*wire.Message{m})
	})
	wire.RegisterData(g, func(ctx context.Context, l *wire.List) (*wire.Message, error) {
		return s.answer(ctx, l.Requests)
	})
	wire.RegisterDiscovery(g, func(context.Context) (*jinapb.EndpointsProto, error) { return s.endpoints, nil })
	wire.RegisterInfo(g, serve.Status)
	wire.RegisterReflection(g)
}

// call answers the requests of a stream one after the other, as Python's executors do.
func (s *server) call(stream grpc.ServerStream) error {
	for {
		in, err := wire.Receive(stream)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		out, err := s.answer(stream.Context(), []*wire.Message{in})
		if err == nil {
			err = stream.SendMsg(out)
		}
		in.Free()
		if err != nil {
			return err
		}
	}
}

// answer handles a request, or the parts of a join together. The answer is the first of them, changed.
func (s *server) answer(ctx context.Context, messages []*wire.Message) (*wire.Message, error) {
	if len(messages) == 0 {
		return nil, status.Error(codes.InvalidArgument, "a list of no requests: expected at least one")
	}
	first := messages[0]
	endpoint := first.Header.ExecEndpoint.Text
	handle := s.executor.handler(endpoint)
	if endpoint == wire.DryRunEndpoint {
		handle = func(context.Context, *Request) error { return nil }
	} else if handle == nil {
		return first, nil
	}
	r, err := newRequest(s.name, messages)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "request %q: %v", first.Header.RequestID, err)
	}
	if s.turn != nil && endpoint != wire.DryRunEndpoint {
		select {
		case s.turn <- struct{}{}:
			defer func() { <-s.turn }()
		case <-ctx.Done():
		}
		if ctx.Err() != nil { // whoever asked has gone away
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	}
	return s.run(ctx, handle, r)
}

// run calls the handler and makes an answer of what it did.
func (s *server) run(ctx context.Context, handle Handler, r *Request) (*wire.Message, error) {
	first := r.messages[0]
	err := protect(func() error { return handle(ctx, r) })
	switch {
	case r.malformed != nil:
		return nil, status.Errorf(codes.InvalidArgument, "request %q: %v", first.Header.RequestID, r.malformed)
	case err != nil && ctx.Err() != nil:
		return nil, status.FromContextError(ctx.Err()).Err()
	case err == nil:
		var out *wire.Message
		if out, err = r.answer(); err == nil {
			return out, nil
		}
	}
	attrs := []any{"executor", s.name, "endpoint", r.Endpoint, "request", first.Header.RequestID, "error", err}
	var p *panicError
	if errors.As(err, &p) {
		attrs = append(attrs, "stack", p.stack)
	}
	s.log.ErrorContext(ctx, "request failed", attrs...)
	if err := grpc.SetTrailer(ctx, metadata.Pairs(wire.MetadataIsError, "true")); err != nil {
		return nil, err
	}
	return first, fail(first, s.executor.class, err)
}
