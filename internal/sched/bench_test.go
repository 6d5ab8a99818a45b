package sched

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkQueue is one request put in line and one taken out, with so many flows that have requests waiting: tenants somebody vouches for, the same with
// requests of one to ten documents, so that they come in no order, tenants nobody vouches for, or streams of one tenant.
func BenchmarkQueue(b *testing.B) {
	for _, kind := range []string{"tenants", "mixed", "unknown", "streams"} {
		for _, flows := range []int{10, 5_000, 100_000} {
			b.Run(kind+"="+strconv.Itoa(flows), func(b *testing.B) { benchmarkQueue(b, kind, flows) })
		}
	}
}

func benchmarkQueue(b *testing.B, kind string, flows int) {
	s, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	p, err := s.Pool("executor", PoolConfig{Slots: 1})
	if err != nil {
		b.Fatal(err)
	}
	for range averageOver {
		p.service.add(1)
		p.perDoc.add(1)
	}
	p.rescale(1)
	lanes := make([]*lane, flows)
	for i := range lanes {
		id := Identity{Name: "tenant", Known: kind != "unknown"}
		if kind != "streams" {
			id.Name += strconv.Itoa(i)
		}
		lanes[i] = s.Open(id, 0).lane(p, false)
	}
	docs := uint32(1)
	put := func(l *lane) {
		w := p.newWaiter()
		w.lane, w.docs = l, 1
		if kind == "mixed" {
			docs = docs*1664525 + 1013904223
			w.docs += int64(docs>>16) % 10
		}
		p.enqueue(w, false)
	}
	take := func() *lane {
		f, w := p.next()
		p.takeOut(f, w, true)
		p.charge(f, p.guess(f, w))
		l := w.lane
		p.release(w)
		return l
	}
	for range 2 {
		for _, l := range lanes {
			put(l)
		}
	}
	for range 2 * flows {
		put(take())
	}
	b.ReportAllocs()
	for b.Loop() {
		put(take())
	}
}

// BenchmarkDispatch is requests that get a slot and give it back at once, while others wait: a goroutine each.
func BenchmarkDispatch(b *testing.B) {
	for _, tenants := range []int{10, 5_000} {
		for _, waiters := range []int{10, 5_000} {
			b.Run(fmt.Sprintf("tenants=%d/waiters=%d", tenants, waiters), func(b *testing.B) { benchmarkDispatch(b, tenants, waiters) })
		}
	}
}

func benchmarkDispatch(b *testing.B, tenants, waiters int) {
	s, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	p, err := s.Pool("executor", PoolConfig{Slots: 4})
	if err != nil {
		b.Fatal(err)
	}
	p.Add("replica", nil)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var left atomic.Int64
	left.Store(int64(b.N + waiters))
	start := make(chan struct{})
	var ready, all sync.WaitGroup
	ready.Add(waiters)
	for i := range waiters {
		all.Go(func() {
			st := s.Open(Identity{Name: strconv.Itoa(i % tenants), Known: true}, 0)
			defer st.Close()
			r, err := st.Next(ctx)
			if err != nil {
				b.Error(err)
				return
			}
			defer r.Close()
			for first := true; left.Add(-1) >= 0; first = false {
				g, err := r.Acquire(ctx, p, Ticket{})
				if err != nil {
					b.Error(err)
					return
				}
				g.Done(Answered)
				if first {
					ready.Done()
					<-start
				}
			}
		})
	}
	ready.Wait()
	b.ReportAllocs()
	b.ResetTimer()
	close(start)
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "dispatches/s")
}

// BenchmarkHandOver is the time from when a slot is given back until the next request has it, with 5,000 waiting.
func BenchmarkHandOver(b *testing.B) {
	s, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	p, err := s.Pool("executor", PoolConfig{Slots: 1, Turnaround: 1})
	if err != nil {
		b.Fatal(err)
	}
	p.Add("replica", nil)
	var mu sync.Mutex
	var took []time.Duration
	var given time.Time
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for i := range 5000 {
		all.Go(func() {
			st := s.Open(Identity{Name: strconv.Itoa(i % 100), Known: true}, 0)
			defer st.Close()
			r, err := st.Next(b.Context())
			if err != nil {
				return
			}
			defer r.Close()
			for left.Add(-1) >= 0 {
				g, err := r.Acquire(b.Context(), p, Ticket{})
				if err != nil {
					return
				}
				mu.Lock()
				if !given.IsZero() {
					took = append(took, time.Since(given))
				}
				mu.Unlock()
				for start := time.Now(); time.Since(start) < 20*time.Microsecond; {
					runtime.Gosched()
				}
				mu.Lock()
				given = time.Now()
				mu.Unlock()
				g.Done(Answered)
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	if n := len(took); n > 0 {
		b.ReportMetric(float64(took[n/2].Nanoseconds()), "p50-ns")
		b.ReportMetric(float64(took[n*99/100].Nanoseconds()), "p99-ns")
	}
}
