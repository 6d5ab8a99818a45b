package upstream

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/helm-flow/helm-flow/internal/wire"
)

// names is a name server.
type names struct {
	mu  sync.Mutex // guards all below
	ips []string
	err error
}

func (n *names) set(err error, ips ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ips, n.err = ips, err
}

func (n *names) lookup(context.Context, string) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ips, n.err
}

// named is an executor at enc.example:80, which resolves to what dns says; at each of 10.0.0.1, .2 and .3 a replica answers.
func (n *network) named(t *testing.T, dns *names, opts Options, handle func(context.Context) error) *Executor {
	t.Helper()
	n.listeners = map[string]*bufconn.Listener{}
	for _, ip := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} {
		n.serve(t, ip+":80", func(s *grpc.Server) {
			wire.RegisterSingle(s, func(ctx context.Context, in *wire.Message) (*wire.Message, error) { return in, n.note(ip, handle(ctx)) })
		})
	}
	pool := NewPool(1<<20, grpc.WithContextDialer(n.dial))
	pool.lookup = dns.lookup
	opts.Name, opts.Addresses = "enc", []string{"enc.example:80"}
	x, err := New(pool, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		x.Close()
		if len(pool.sources) > 0 {
			t.Errorf("%d sources are left", len(pool.sources))
		}
	})
	return x
}

// called posts n requests and returns who answered, each once.
func (n *network) called(t *testing.T, x *Executor, count int) string {
	t.Helper()
	n.calls = nil
	for range count {
		if _, err := call(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(n.calls)
	return strings.Join(slices.Compact(n.calls), " ")
}

// Replicas come and go with what the name resolves to, with no call lost.
func TestReplicasComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dns names
		var n network
		dns.set(nil, "10.0.0.1")
		x := n.named(t, &dns, Options{Retries: -1}, ok)
		if got := n.called(t, x, 3); got != "10.0.0.1" {
			t.Errorf("one replica: %s answered", got)
		}
		dns.set(nil, "10.0.0.2", "10.0.0.1", "10.0.0.3", "fd00::1")
		time.Sleep(lookupEvery + time.Second)
		if got := n.called(t, x, 6); got != "10.0.0.1 10.0.0.2 10.0.0.3" {
			t.Errorf("three replicas: %s answered", got)
		}
		dns.set(errors.New("no answer"))
		time.Sleep(time.Minute)
		if got := n.called(t, x, 6); got != "10.0.0.1 10.0.0.2 10.0.0.3" {
			t.Errorf("without a name server: %s answered", got)
		}
		dns.set(nil, "10.0.0.3")
		time.Sleep(2 * lookupEvery)
		if got := n.called(t, x, 3); got != "10.0.0.3" {
			t.Errorf("the one that is left: %s answered", got)
		}
	})
}

// A call on a replica that goes ends as if it had stayed.
func TestReplicaGoesUnderACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dns names
		var n network
		dns.set(nil, "10.0.0.1")
		x := n.named(t, &dns, Options{}, func(context.Context) error { time.Sleep(time.Minute); return nil })
		done := make(chan error)
		go func() { _, err := call(t.Context(), x); done <- err }()
		time.Sleep(time.Second)
		dns.set(nil, "10.0.0.2")
		if err := <-done; err != nil {
			t.Error(err)
		}
		if all, _ := x.Replicas(); all != 1 || x.replicas()[0].target != "10.0.0.2:80" {
			t.Errorf("%d replicas, the first %v", all, x.replicas()[0].target)
		}
	})
}

// A connection that breaks is reason to look up the name at once.
func TestLostConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dns names
		var n network
		dns.set(nil, "10.0.0.9")
		x := n.named(t, &dns, Options{}, ok)
		old := n.serve(t, "10.0.0.9:80", func(s *grpc.Server) {})
		time.Sleep(time.Second)
		synctest.Wait()
		if _, ready := x.Replicas(); ready != 1 {
			t.Fatal("not connected")
		}
		dns.set(nil, "10.0.0.1")
		old.Stop()
		time.Sleep(lookupAgain + time.Millisecond)
		synctest.Wait()
		if got := x.replicas()[0].target; got != "10.0.0.1:80" {
			t.Errorf("still at %s", got)
		}
	})
}

// Where nothing runs a call says so, or waits for a replica to come.
func TestNoReplicas(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		wait  time.Duration
		comes time.Duration // when a replica does; 0 is never
		takes time.Duration
		want  string // the error; nothing for none
	}{
		"unknown name":       {err: errors.New("no such host"), want: "no such host"},
		"no replica":         {want: "no replica runs"},
		"waits in vain":      {wait: time.Minute, takes: time.Minute, want: "no replica runs"},
		"waits and gets one": {wait: time.Minute, comes: 15 * time.Second, takes: 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var dns names
				var n network
				dns.set(test.err)
				x := n.named(t, &dns, Options{WaitForReplicas: test.wait}, ok)
				if test.comes > 0 {
					time.AfterFunc(test.comes, func() { dns.set(nil, "10.0.0.1") })
				}
				began := time.Now()
				_, err := call(t.Context(), x)
				switch {
				case test.want == "" && err != nil:
					t.Error(err)
				case test.want != "" && (status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "enc.example:80")):
					t.Errorf("error %v, want one with %q", err, test.want)
				}
				if took := time.Since(began); took != test.takes {
					t.Errorf("took %v, want %v", took, test.takes)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if test.wait > 0 && test.comes == 0 {
					if _, err := call(ctx, x); status.Code(err) != codes.DeadlineExceeded {
						t.Errorf("the caller's own deadline: %v", err)
					}
				}
			})
		})
	}
}

// Two executors at one address share its replicas, and the last one takes them down.
func TestSharedReplicas(t *testing.T) {
	var n network
	x := n.executor(t, Options{Retries: 0}, ok)
	second, err := New(x.pool, Options{Name: "again", Addresses: x.opts.Addresses, Retries: 5})
	if err != nil {
		t.Fatal(err)
	}
	if second.replicas()[0] != x.replicas()[0] {
		t.Error("they have connections of their own")
	}
	second.Close()
	if _, err := call(t.Context(), x); err != nil {
		t.Errorf("after one was closed: %v", err)
	}
}
