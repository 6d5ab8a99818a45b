package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/helm-flow/helm-flow/internal/config"
	"github.com/helm-flow/helm-flow/internal/wire"
)

// gauge measures how many requests an executor works on at a time.
type gauge struct{ now, most atomic.Int64 }

func (g *gauge) sleeping(d time.Duration) handler {
	return func(ctx context.Context, parts []*wire.Message) (*wire.Message, error) {
		g.most.Store(max(g.most.Load(), g.now.Add(1)))
		defer g.now.Add(-1)
		select {
		case <-time.After(d):
			return parts[0], nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func many(n int) []*wire.Message {
	var out []*wire.Message
	for i := range n {
		out = append(out, doc(fmt.Sprint(i), "x"))
	}
	return out
}

func ids(answers []*wire.Message) []string {
	var out []string
	for _, a := range answers {
		out = append(out, a.Header.RequestID)
	}
	return out
}

func TestPrefetch(t *testing.T) {
	for name, test := range map[string]struct {
		configured int
		metadata   []string
		want       int64 // of 50 requests, under way at a time
	}{
		"configured":                    {5, nil, 5},
		"no limit":                      {0, nil, 50},
		"the client's":                  {5, []string{"7"}, 7},
		"0 leaves it":                   {5, []string{"0"}, 5},
		"no number leaves it":           {5, []string{"abc"}, 5},
		"negative lifts it":             {5, []string{"-1"}, 50},
		"beyond any memory":             {5, []string{"1000000000000"}, 50},
		"beyond any number, so no such": {5, []string{"99999999999999999999"}, 5},
		"the last counts":               {5, []string{"7", "9"}, 9},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var g gauge
				f := start(t, config.Gateway{Prefetch: test.configured}, executor("a", g.sleeping(time.Second)))
				ctx := t.Context()
				for _, v := range test.metadata {
					ctx = metadata.AppendToOutgoingContext(ctx, wire.MetadataPrefetch, v)
				}
				answers, _, err := f.post(ctx, many(50)...)
				if err != nil || len(answers) != 50 || g.most.Load() != test.want {
					t.Errorf("%d answers, %v; %d at a time, want %d", len(answers), err, g.most.Load(), test.want)
				}
			})
		})
	}
}

// Two streams have a limit each.
func TestPrefetchIsPerStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gauge
		f := start(t, config.Gateway{Prefetch: 3}, executor("a", g.sleeping(time.Second)))
		done := make(chan struct{})
		go func() { defer close(done); _, _, _ = f.post(t.Context(), many(9)...) }()
		_, _, _ = f.post(t.Context(), many(9)...)
		<-done
		if g.most.Load() != 6 {
			t.Errorf("%d at a time, want 6", g.most.Load())
		}
	})
}

func TestOrder(t *testing.T) {
	// The first request takes longest.
	slower := func(ctx context.Context, parts []*wire.Message) (*wire.Message, error) {
		var n int
		_, _ = fmt.Sscan(parts[0].Header.RequestID, &n)
		time.Sleep(time.Duration(10-n) * time.Second)
		return parts[0], nil
	}
	for name, inOrder := range map[string]bool{"by completion": false, "in order": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := start(t, config.Gateway{Prefetch: 4}, executor("a", slower))
				ctx := t.Context()
				if inOrder {
					ctx = metadata.AppendToOutgoingContext(ctx, wire.MetadataResultsInOrder, "true")
				}
				answers, _, err := f.post(ctx, many(10)...)
				if err != nil || len(answers) != 10 {
					t.Fatalf("%d answers, %v", len(answers), err)
				}
				if got := slices.IsSortedFunc(answers, func(a, b *wire.Message) int { return strings.Compare(a.Header.RequestID, b.Header.RequestID) }); got != inOrder {
					t.Errorf("order %q", ids(answers))
				}
			})
		})
	}
}

// A client that vanishes takes its requests along; the next one is served at once.
func TestClientVanishes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gauge
		f := start(t, config.Gateway{Prefetch: 10}, executor("a", g.sleeping(time.Hour)))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { _, _, err := f.post(ctx, many(100)...); done <- err }()
		synctest.Wait()
		if g.now.Load() != 10 {
			t.Fatalf("%d requests under way", g.now.Load())
		}
		cancel()
		if err := <-done; status.Code(err) != codes.Canceled {
			t.Errorf("got %v", err)
		}
		synctest.Wait()
		if g.now.Load() != 0 {
			t.Errorf("%d requests of a client that is gone are under way", g.now.Load())
		}
	})
}

// A client that does not read its answers is not read from: what the gateway holds of it is bounded by prefetch.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var served atomic.Int64
		f := start(t, config.Gateway{Prefetch: 5}, executor("a", func(_ context.Context, parts []*wire.Message) (*wire.Message, error) {
			served.Add(1)
			return parts[0], nil
		}))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		stream, err := f.conn.NewStream(ctx, &wire.CallDesc, wire.MethodCall)
		if err != nil {
			t.Fatal(err)
		}
		sender := make(chan struct{})
		go func() {
			defer close(sender)
			big := doc("1", strings.Repeat("x", 100<<10))
			for range 1000 {
				if stream.SendMsg(big) != nil {
					return
				}
			}
		}()
		synctest.Wait()
		// 64 KiB of the client's stream window, and of each connection's buffers, besides the five.
		if n := served.Load(); n > 100 {
			t.Errorf("%d requests were served to a client that reads nothing", n)
		}
		cancel()
		<-sender
	})
}

// When the gateway is to stop, streams answer what they took, and tell the client to send the rest elsewhere.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gauge
		f := start(t, config.Gateway{Prefetch: 5}, executor("a", g.sleeping(time.Second)))
		type end struct {
			answers []*wire.Message
			err     error
		}
		done := make(chan end)
		go func() { answers, _, err := f.post(t.Context(), many(50)...); done <- end{answers, err} }()
		synctest.Wait()
		f.gateway.Drain()
		got := <-done
		if len(got.answers) != 5 || status.Code(got.err) != codes.Unavailable {
			t.Errorf("%d answers, %v", len(got.answers), got.err)
		}
	})
}

// A malformed request does not take the others of its stream along.
func TestMalformedRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g gauge
		f := start(t, config.Gateway{Prefetch: 5}, executor("a", g.sleeping(time.Second)))
		stream, err := f.conn.NewStream(t.Context(), &wire.CallDesc, wire.MethodCall)
		if err != nil {
			t.Fatal(err)
		}
		garbage := new(emptypb.Empty)
		garbage.ProtoReflect().SetUnknown([]byte{0x0b, 0x0c}) // a group
		for _, m := range []any{doc("1", "x"), new(emptypb.Empty), garbage, doc("2", "y")} {
			if err := stream.SendMsg(m); err != nil {
				t.Fatal(err)
			}
		}
		var answers []*wire.Message
		for err == nil {
			var answer *wire.Message
			if answer, err = wire.Receive(stream); err == nil {
				answers = append(answers, answer)
			}
		}
		got := ids(answers)
		slices.Sort(got)
		if !slices.Equal(got, []string{"", "1"}) || status.Code(err) != codes.InvalidArgument {
			t.Errorf("answers %q, %v; want those of the request before and of the empty one, then INVALID_ARGUMENT", got, err)
		}
	})
}
