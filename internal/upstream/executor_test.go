package upstream

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// network is a set of replicas in memory. A replica that is nil is down.
type network struct {
	mu        sync.Mutex // guards listeners and calls
	listeners map[string]*bufconn.Listener
	calls     []string // the replicas called, in order
}

// executor connects to replicas with these handlers, at 127.0.0.1:1, :2 and so on.
func (n *network) executor(t *testing.T, opts Options, replicas ...func(context.Context) error) *Executor {
	t.Helper()
	n.listeners = map[string]*bufconn.Listener{}
	opts.Name = "enc"
	for i, handle := range replicas {
		address := fmt.Sprintf("127.0.0.1:%d", i+1)
		opts.Addresses = append(opts.Addresses, address)
		if handle != nil {
			n.serve(t, address, func(s *grpc.Server) {
				wire.RegisterSingle(s, func(ctx context.Context, in *wire.Message) (*wire.Message, error) {
					return in, n.note(address, handle(ctx))
				})
			})
		}
	}
	x, err := New(NewPool(1<<20, grpc.WithContextDialer(n.dial)), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return x
}

func (n *network) note(address string, err error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, address)
	return err
}

func (n *network) serve(t *testing.T, address string, register func(*grpc.Server)) *grpc.Server {
	listener := bufconn.Listen(1 << 20)
	n.mu.Lock()
	n.listeners[address] = listener
	n.mu.Unlock()
	s := grpc.NewServer(grpc.ForceServerCodecV2(wire.Codec{}), grpc.WaitForHandlers(true),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}))
	register(s)
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(listener) }()
	t.Cleanup(func() { s.Stop(); <-done })
	return s
}

func (n *network) dial(ctx context.Context, address string) (net.Conn, error) {
	n.mu.Lock()
	listener := n.listeners[address]
	n.mu.Unlock()
	if listener == nil {
		return nil, fmt.Errorf("nothing listens on %s", address)
	}
	return listener.DialContext(ctx)
}

func ok(context.Context) error { return nil }

func failing(code codes.Code) func(context.Context) error {
	return func(context.Context) error { return status.Error(code, "told to") }
}

func call(ctx context.Context, x *Executor) (Answer, error) {
	return x.Call(ctx, "/", []*wire.Message{{Header: wire.Header{RequestID: "1"}}})
}

func TestRoundRobin(t *testing.T) {
	var n network
	x := n.executor(t, Options{Retries: -1}, ok, ok, ok)
	eventually(t, func() bool { _, ready := x.Replicas(); return ready == 3 })
	for range 6 {
		if _, err := call(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"}; !slices.Equal(n.calls, want) {
		t.Errorf("called %q, want %q", n.calls, want)
	}
}

// The codes that another replica, or another moment, may cure are tried again, the others not.
func TestTries(t *testing.T) {
	for code, want := range map[codes.Code]int{
		codes.Unavailable: 4, codes.DeadlineExceeded: 4, codes.NotFound: 4, codes.Canceled: 4, codes.Unknown: 4, codes.Internal: 4,
		codes.InvalidArgument: 1, codes.ResourceExhausted: 1, codes.PermissionDenied: 1, codes.Aborted: 1, codes.FailedPrecondition: 1,
	} {
		t.Run(code.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n network
				x := n.executor(t, Options{Retries: -1}, failing(code))
				_, err := call(t.Context(), x)
				if status.Code(err) != code || len(n.calls) != want {
					t.Errorf("%d tries, want %d: %v", len(n.calls), want, err)
				}
				for _, part := range []string{`executor "enc"`, "127.0.0.1:1", "told to"} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%q does not name %s", err, part)
					}
				}
			})
		})
	}
}

func TestNumberOfTries(t *testing.T) {
	bad := failing(codes.Unavailable)
	for name, test := range map[string]struct {
		retries  int
		replicas []func(context.Context) error
		want     int
	}{
		"none":                        {0, []func(context.Context) error{bad}, 1},
		"two":                         {2, []func(context.Context) error{bad}, 3},
		"default, one replica":        {-1, []func(context.Context) error{bad}, 4},
		"default, more than three":    {-1, []func(context.Context) error{bad, bad, bad, bad, bad}, 6},
		"until one answers":           {-1, []func(context.Context) error{bad, bad, ok}, 3},
		"one that is down is skipped": {-1, []func(context.Context) error{nil, ok}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n network
				x := n.executor(t, Options{Retries: test.retries}, test.replicas...)
				_, _ = call(t.Context(), x)
				if len(n.calls) != test.want {
					t.Errorf("called %q, want %d calls", n.calls, test.want)
				}
			})
		})
	}
}

// The timeout is that of each try, and of none but them.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		x := n.executor(t, Options{Retries: 1, Timeout: 2 * time.Second}, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		began := time.Now()
		_, err := call(t.Context(), x)
		if took := time.Since(began); status.Code(err) != codes.DeadlineExceeded || took != 4*time.Second+100*time.Millisecond {
			t.Errorf("after %v: %v", took, err)
		}
		if !strings.Contains(err.Error(), "timeout_send") {
			t.Errorf("%q does not name the cure", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if _, err = call(ctx, x); status.Code(err) != codes.DeadlineExceeded || time.Since(began) != time.Second {
			t.Errorf("the caller's own deadline: after %v: %v", time.Since(began), err)
		}
	})
}

// An executor that restarts is found again by the call that met it down.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n network
		x := n.executor(t, Options{Retries: -1}, nil)
		time.AfterFunc(200*time.Millisecond, func() {
			n.serve(t, "127.0.0.1:1", func(s *grpc.Server) {
				wire.RegisterSingle(s, func(_ context.Context, in *wire.Message) (*wire.Message, error) { return in, nil })
			})
		})
		if _, err := call(t.Context(), x); err != nil {
			t.Error(err)
		}
	})
}

func TestIsError(t *testing.T) {
	var n network
	x := n.executor(t, Options{}, func(ctx context.Context) error { return grpc.SetTrailer(ctx, metadata.Pairs("is-error", "true")) })
	if answer, err := call(t.Context(), x); err != nil || !answer.Failed {
		t.Errorf("got %+v, %v", answer, err)
	}
}

// Gateways before Jina 3.13 serve the stream alone.
func TestStreamsOnly(t *testing.T) {
	var n network
	x := n.executor(t, Options{Retries: -1}, nil)
	served := 0
	n.serve(t, "127.0.0.1:1", func(s *grpc.Server) {
		wire.RegisterCall(s, func(stream grpc.ServerStream) error {
			m, err := wire.Receive(stream)
			if err != nil {
				return err
			}
			served++
			stream.SetTrailer(metadata.Pairs("is-error", "true"))
			return stream.SendMsg(m)
		})
	})
	for range 2 {
		answer, err := call(t.Context(), x)
		if err != nil || answer.Header.RequestID != "1" || !answer.Failed {
			t.Errorf("got %+v, %v", answer, err)
		}
	}
	if served != 2 {
		t.Errorf("%d served", served)
	}
}

// Endpoints are asked for anew each time a connection is made: another version may be behind the address.
func TestDiscovery(t *testing.T) {
	var n network
	x := n.executor(t, Options{}, nil)
	version := func(endpoints ...string) *grpc.Server {
		return n.serve(t, "127.0.0.1:1", func(s *grpc.Server) {
			wire.RegisterDiscovery(s, func(context.Context) (*jinapb.EndpointsProto, error) {
				return &jinapb.EndpointsProto{Endpoints: endpoints}, nil
			})
		})
	}
	if !x.Binds("/a") {
		t.Error("as long as endpoints are unknown, all are taken to be bound")
	}
	first := version("/a")
	eventually(t, func() bool { return x.Binds("/a") && !x.Binds("/b") })
	version("/b")
	first.Stop()
	eventually(t, func() bool { return x.Binds("/b") && !x.Binds("/a") })
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("did not come true in time")
		}
	}
}

// A peer that answers with something else is named, not crashed on.
func TestMalformedAnswer(t *testing.T) {
	var n network
	x := n.executor(t, Options{}, nil)
	n.serve(t, "127.0.0.1:1", func(s *grpc.Server) {
		wire.RegisterDryRun(s, func(context.Context) (*jinapb.StatusProto, error) { return nil, nil })
	})
	if _, err := call(t.Context(), x); status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "Jina's protocol") {
		t.Errorf("got %v", err)
	}
}
