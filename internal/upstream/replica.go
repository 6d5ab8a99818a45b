package upstream

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// replica is one process of an executor, or what a mesh has behind one address.
type replica struct {
	target string // host:port
	conn   *grpc.ClientConn
	cancel context.CancelFunc // ends its watcher
	// ready says whether the connection stands.
	ready atomic.Bool
	// endpoints are those bound, as last discovered; nil while unknown.
	endpoints atomic.Pointer[[]string]
	// streamsOnly is set when the peer turned out to serve JinaRPC alone, as gateways before 3.13 do.
	streamsOnly atomic.Bool
	maxBytes    int
	// users are the source, as long as the replica is one of it, and the calls under way. The last one closes the connection.
	users atomic.Int64
}

func (s *source) newReplica(ctx context.Context, target string) (*replica, error) {
	transport := insecure.NewCredentials()
	if s.address.TLS {
		transport = credentials.NewTLS(nil)
	}
	opts := append([]grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		// The name, not the address it resolved to, is what certificates and proxies know.
		grpc.WithAuthority(s.address.Host),
		grpc.WithNoProxy(),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(wire.Codec{}), grpc.MaxCallRecvMsgSize(s.pool.maxBytes), grpc.MaxCallSendMsgSize(math.MaxInt32)),
		// A restarted executor is found again soon; Jina's own keepalive.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 5 * time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second, PermitWithoutStream: true}),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(), // tries are ours, on other replicas
	}, s.pool.opts...)
	conn, err := grpc.NewClient("passthrough:///"+target, opts...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &replica{target: target, conn: conn, cancel: cancel, maxBytes: s.pool.maxBytes}
	r.users.Store(1)
	s.wg.Go(func() { r.watch(ctx, s.lost) })
	return r, nil
}

// end takes one of the users away.
func (r *replica) end() {
	if r.users.Add(-1) == 0 {
		r.cancel()
		r.conn.Close()
	}
}

// call returns the answer and the trailer.
func (r *replica) call(ctx context.Context, parts []*wire.Message, opts ...grpc.CallOption) (*wire.Message, metadata.MD, error) {
	r.users.Add(1)
	defer r.end()
	if r.streamsOnly.Load() && len(parts) == 1 {
		return r.callStream(ctx, parts[0])
	}
	method, request := wire.MethodProcessSingleData, any(parts[0])
	if len(parts) > 1 {
		method, request = wire.MethodProcessData, &wire.List{Requests: parts}
	}
	var trailer metadata.MD
	answer, err := wire.Invoke(ctx, r.conn, method, request, grpc.Trailer(&trailer))
	s := status.Convert(err)
	if s.Code() == codes.Unimplemented && len(parts) == 1 {
		if answer, trailer, err := r.callStream(ctx, parts[0]); status.Code(err) != codes.Unimplemented {
			r.streamsOnly.Store(true)
			return answer, trailer, err
		}
	}
	if s.Code() == codes.ResourceExhausted && strings.Contains(s.Message(), "larger than max") {
		err = status.Errorf(codes.ResourceExhausted, "%s; raise maxMessageBytes (%d here) to let a bigger message through", s.Message(), r.maxBytes)
	}
	return answer, trailer, err
}

// callStream sends one request over a stream of its own.
func (r *replica) callStream(ctx context.Context, request *wire.Message) (*wire.Message, metadata.MD, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := r.conn.NewStream(ctx, &wire.CallDesc, wire.MethodCall)
	if err != nil {
		return nil, nil, err
	}
	if err := stream.SendMsg(request); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, nil, err
	}
	answer, err := wire.Receive(stream)
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = status.Error(codes.Internal, "the stream ended without an answer")
		}
		return nil, stream.Trailer(), err
	}
	// The trailer, which says whether user code failed, comes after the last answer.
	if _, err := wire.Receive(stream); err != nil && !errors.Is(err, io.EOF) {
		answer.Free()
		return nil, stream.Trailer(), err
	}
	return answer, stream.Trailer(), nil
}

// watch keeps the connection up and asks for the endpoints each time it is made, since what is behind the address may be another by then. It puts a token into
// lost when the connection is lost.
func (r *replica) watch(ctx context.Context, lost chan<- struct{}) {
	for {
		state := r.conn.GetState()
		wasReady := r.ready.Swap(state == connectivity.Ready)
		switch state {
		case connectivity.Idle:
			r.conn.Connect()
		case connectivity.Ready:
			r.discover(ctx)
		case connectivity.Shutdown:
			return
		}
		if wasReady && state != connectivity.Ready {
			select {
			case lost <- struct{}{}:
			default:
			}
		}
		if !r.conn.WaitForStateChange(ctx, state) {
			return
		}
	}
}

func (r *replica) discover(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	found := new(jinapb.EndpointsProto)
	err := r.conn.Invoke(ctx, wire.MethodDiscovery, new(emptypb.Empty), found)
	switch {
	case err == nil:
		r.endpoints.Store(&found.Endpoints)
	case status.Code(err) == codes.Unimplemented:
		r.endpoints.Store(&[]string{wire.DefaultEndpoint}) // what Jina assumes of a peer without discovery
	default:
		r.endpoints.Store(nil)
	}
}
