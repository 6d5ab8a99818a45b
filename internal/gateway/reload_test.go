package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/helm-flow/helm-flow/internal/config"
	"github.com/helm-flow/helm-flow/internal/wire"
)

// reload makes the flow's gateway use another configuration, with addresses where the executors are.
func (f *testFlow) reload(change func(c *config.Gateway)) {
	f.t.Helper()
	c := *f.gateway.current.Load().config
	c.Executors = append([]config.Executor(nil), c.Executors...)
	change(&c)
	if err := f.gateway.Reload(&c); err != nil {
		f.t.Fatal(err)
	}
}

// A thousand changes under load: prefetch, timeout, graph, executors that come and go. No request fails, no stream breaks, nothing is left behind.
func TestReloadUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const reloads, streams = 1000, 8
		f := start(t, config.Gateway{Prefetch: 10, Retries: -1}, executor("a", appending("a")), executor("b", appending("b"), "a"), executor("c", appending("c"), "b"))
		l := &load{flow: f, ctx: t.Context()}
		l.pause.Store(int64(time.Millisecond))
		for range streams {
			l.running.Go(l.stream)
		}
		all := f.gateway.current.Load().config.Executors
		var before usage
		for i := range reloads {
			f.reload(func(c *config.Gateway) {
				c.Prefetch, c.TimeoutSend = 1+i%20, 1000*(i%3)+5000
				c.Executors = append([]config.Executor(nil), all...)
				switch i % 3 {
				case 1: // b is gone, c needs a
					c.Executors = []config.Executor{all[0], all[2]}
					c.Executors[1].Needs = []string{"a"}
				case 2:
					c.Executors = all[:1]
				}
			})
			time.Sleep(2 * time.Millisecond) // some requests of each configuration
			if i == 99 { // of the same kind as the last
				before = l.measure()
			}
		}
		after := l.measure()
		l.stop.Store(true)
		l.running.Wait()
		t.Logf("%d requests answered; %+v, then %+v", l.answered.Load(), before, after)
		if after.goroutines > before.goroutines+5 || after.heap > before.heap+4<<20 {
			t.Errorf("%+v, then %+v", before, after)
		}
		if n := l.answered.Load(); n < 2*reloads {
			t.Errorf("%d requests are too few to say anything", n)
		}
	})
}

// load posts requests on streams that stay open, one at a time on each, with a pause after each.
type load struct {
	flow     *testFlow
	ctx      context.Context
	pause    atomic.Int64
	stop     atomic.Bool
	answered atomic.Int64
	running  sync.WaitGroup
}

func (l *load) stream() {
	t := l.flow.t
	stream, err := l.flow.conn.NewStream(l.ctx, &wire.CallDesc, wire.MethodCall)
	if err != nil {
		t.Error(err)
		return
	}
	for i := 0; !l.stop.Load(); i++ {
		if err := stream.SendMsg(doc(fmt.Sprint(i), "x")); err != nil {
			t.Errorf("the stream broke: %v", err)
			return
		}
		answer, err := wire.Receive(stream)
		if err != nil {
			t.Errorf("no answer: %v", err)
			return
		}
		if got := texts(t, answer)[0]; got != "xabc" && got != "xac" && got != "xa" {
			t.Errorf("answer %q", got)
		}
		answer.Free()
		l.answered.Add(1)
		time.Sleep(time.Duration(l.pause.Load()))
	}
	if err := stream.CloseSend(); err != nil {
		t.Error(err)
	}
	if _, err := wire.Receive(stream); !errors.Is(err, io.EOF) {
		t.Errorf("the stream ended with %v", err)
	}
}

type usage struct {
	goroutines int
	heap       uint64 // bytes
}

// measure lets all timers of connections that are gone run out, and looks at what is left.
func (l *load) measure() usage {
	pause := l.pause.Swap(int64(time.Hour))
	time.Sleep(time.Minute)
	synctest.Wait()
	runtime.GC()
	runtime.GC() // frees what pools let go in the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	u := usage{runtime.NumGoroutine(), m.HeapAlloc}
	l.pause.Store(pause)
	time.Sleep(59 * time.Minute) // until they go on
	return u
}

// A stream that is under way gets another prefetch at once: fewer of its requests are at the executor from then on, or more.
func TestReloadOfPrefetchReachesOpenStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		f := start(t, config.Gateway{Prefetch: 100}, executor("slow", func(_ context.Context, parts []*wire.Message) (*wire.Message, error) {
			n := now.Add(1)
			defer now.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			time.Sleep(time.Second)
			return parts[0], nil
		}))
		requests := make([]*wire.Message, 1000)
		for i := range requests {
			requests[i] = doc(fmt.Sprint(i), "x")
		}
		done := make(chan error)
		go func() {
			answers, _, err := f.post(t.Context(), requests...)
			if err == nil && len(answers) != len(requests) {
				err = fmt.Errorf("%d answers", len(answers))
			}
			done <- err
		}()
		for _, prefetch := range []int64{100, 5, 50, 1} {
			f.reload(func(c *config.Gateway) { c.Prefetch = int(prefetch) })
			time.Sleep(1500 * time.Millisecond) // what was under way is done
			most.Store(0)
			time.Sleep(2 * time.Second)
			if got := most.Load(); got != prefetch {
				t.Errorf("%d requests at a time, want %d", got, prefetch)
			}
		}
		f.reload(func(c *config.Gateway) { c.Prefetch = 0 })
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A request ends by the configuration that it began with, whose connections live as long.
func TestReloadUnderARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := executor("slow", func(_ context.Context, parts []*wire.Message) (*wire.Message, error) {
			time.Sleep(time.Minute)
			return parts[0], nil
		})
		f := start(t, config.Gateway{}, slow, executor("after", appending("!"), "slow"))
		done := make(chan string)
		go func() {
			answer, err := f.single(doc("1", "x"))
			if err != nil {
				t.Error(err)
				close(done)
				return
			}
			done <- texts(t, answer)[0]
		}()
		time.Sleep(time.Second)
		f.reload(func(c *config.Gateway) { c.Executors = nil })
		if answer, err := f.single(doc("2", "y")); err != nil || texts(t, answer)[0] != "y" {
			t.Errorf("a request of the new configuration: %v", err)
		}
		if got := <-done; got != "x!" {
			t.Errorf("the one of the old: %q", got)
		}
	})
}

// With an error the old configuration stays.
func TestReloadThatFails(t *testing.T) {
	f := start(t, config.Gateway{}, executor("a", appending("a")))
	c := *f.gateway.current.Load().config
	c.Executors = []config.Executor{{Name: "b", Needs: []string{config.GatewayName}, Addresses: []string{"no address"}}}
	if err := f.gateway.Reload(&c); err == nil {
		t.Fatal("no error")
	}
	if answer, err := f.single(doc("1", "x")); err != nil || texts(t, answer)[0] != "xa" {
		t.Errorf("%v", err)
	}
}

// Of any hundred requests the canary gets exactly its part, evenly spread.
func TestCanary(t *testing.T) {
	for _, weight := range []int{0, 1, 10, 50, 99, 100} {
		main, canary := executor("a", appending("a")), executor("canary", appending("c"))
		f := start(t, config.Gateway{}, main, canary)
		f.reload(func(c *config.Gateway) {
			c.Executors[0].Canary = &config.Canary{Weight: weight, Addresses: c.Executors[1].Addresses}
			c.Executors = c.Executors[:1]
		})
		got := 0
		for range 200 {
			answer, err := f.single(doc("1", "x"))
			if err != nil {
				t.Fatal(err)
			}
			if texts(t, answer)[0] == "xc" {
				got++
			}
		}
		if got != 2*weight {
			t.Errorf("weight %d: %d of 200 requests", weight, got)
		}
	}
}
