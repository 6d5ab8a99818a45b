package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// StreamOptions are of one stream.
type StreamOptions struct {
	// Prefetch is how many requests of this stream the gateway handles at a time. 0 leaves it to the gateway's setting.
	Prefetch int
	// InOrder asks for responses in the order of the requests; otherwise they come as they are done.
	InOrder bool
	// Metadata is sent to the gateway, which does not pass it on to executors.
	Metadata map[string]string
	// Generation is how responses are decoded; zero is docarray.V2.
	Generation docarray.Generation
}

func (o *StreamOptions) metadata() metadata.MD {
	md := metadata.New(o.Metadata)
	if o.Prefetch != 0 {
		md.Set(wire.MetadataPrefetch, strconv.Itoa(o.Prefetch))
	}
	if o.InOrder {
		md.Set(wire.MetadataResultsInOrder, "true")
	}
	return md
}

// Stream is one JinaRPC/Call: requests go out and responses come back, each at its own pace. One goroutine may send while another
// receives. Nothing is buffered beyond gRPC's flow control window: Send waits when the gateway does not read.
//
// A stream ends when its context does, or when Recv has returned an error; one of the two must happen.
type Stream struct {
	grpc       grpc.ClientStream
	target     string
	generation docarray.Generation

	mu      sync.Mutex          // guards pending
	pending map[string]struct{} // IDs of requests without a response
}

// Stream opens a stream. Errors to connect come from Recv.
func (c *Client) Stream(ctx context.Context, opts StreamOptions) (*Stream, error) {
	stream, err := c.conn.NewStream(metadata.NewOutgoingContext(ctx, opts.metadata()), &wire.CallDesc, wire.MethodCall)
	if err != nil {
		return nil, fmt.Errorf("post to %s: %w", c.target, err)
	}
	return &Stream{grpc: stream, target: c.target, generation: orV2(opts.Generation), pending: map[string]struct{}{}}, nil
}

// Send sends a request, giving it an ID if it has none. io.EOF means that the stream is over: Recv says why.
func (s *Stream) Send(request *Request) error {
	in, err := request.encode()
	if err != nil {
		return err
	}
	s.mu.Lock()
	_, twice := s.pending[request.ID]
	s.pending[request.ID] = struct{}{}
	s.mu.Unlock()
	if twice {
		return fmt.Errorf("request %s is already on its way: IDs must differ", request.ID)
	}
	return s.grpc.SendMsg(in)
}

// CloseSend says that no request will follow.
func (s *Stream) CloseSend() error { return s.grpc.CloseSend() }

// Recv returns the next response; whether its executor failed is in [Response.Err]. io.EOF means that every request was answered and
// the gateway has closed the stream. Any other error wraps a gRPC status.
func (s *Stream) Recv() (*Response, error) {
	out := new(jinapb.DataRequestProto)
	err := s.grpc.RecvMsg(out)
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, io.EOF) {
		if len(s.pending) > 0 {
			return nil, s.errorf(codes.DataLoss, "the stream ended with %d requests unanswered", len(s.pending))
		}
		return nil, io.EOF
	}
	if err != nil {
		return nil, fmt.Errorf("post to %s: %w", s.target, err)
	}
	response := &Response{proto: out, generation: s.generation}
	if _, asked := s.pending[response.ID()]; !asked {
		return nil, s.errorf(codes.Internal, "got an answer to request %q, which is not waiting for one", response.ID())
	}
	delete(s.pending, response.ID())
	return response, nil
}

func (s *Stream) errorf(code codes.Code, format string, args ...any) error {
	return fmt.Errorf("post to %s: %w", s.target, status.Errorf(code, format, args...))
}
