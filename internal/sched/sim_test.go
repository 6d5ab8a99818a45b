package sched

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// executor is a replica in virtual time.
type executor interface {
	// serve returns when a request is done.
	serve(service time.Duration)
}

// server works on so many requests at a time, in the order that they arrive in.
type server struct {
	way time.Duration // to it, and back again

	mu   sync.Mutex
	free []time.Time // when each slot is
	busy time.Duration
}

func newServer(slots int) *server { return &server{free: make([]time.Time, slots)} }

func (s *server) busyNow() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy
}

func (s *server) serve(service time.Duration) {
	time.Sleep(s.way)
	s.mu.Lock()
	slot := 0
	for i, t := range s.free {
		if t.Before(s.free[slot]) {
			slot = i
		}
	}
	start := time.Now()
	if s.free[slot].After(start) {
		start = s.free[slot]
	}
	end := start.Add(service)
	s.free[slot] = end
	s.mu.Unlock()
	time.Sleep(time.Until(end))
	s.mu.Lock()
	s.busy += service
	s.mu.Unlock()
	time.Sleep(s.way)
}

// sim is a scheduler with one pool, in a bubble of virtual time.
type sim struct {
	*Scheduler
	t     testing.TB
	pool  *Pool
	start time.Time
	ctx   context.Context
	stop  context.CancelFunc
	all   sync.WaitGroup
}

// simulate runs f in virtual time. When it returns, clients stop.
func simulate(t *testing.T, c Config, p PoolConfig, f func(*sim)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { simulateIn(t, c, p, f) })
}

// simulateIn is simulate within a bubble.
func simulateIn(t *testing.T, c Config, p PoolConfig, f func(*sim)) {
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := s.Pool("slow", p)
	if err != nil {
		t.Fatal(err)
	}
	x := &sim{Scheduler: s, t: t, pool: pool, start: time.Now()}
	x.ctx, x.stop = context.WithCancel(t.Context())
	defer func() { // also after Fatal, since a bubble must not leave anything behind
		x.stop()
		x.all.Wait()
		x.drained()
	}()
	f(x)
}

// drained checks that nothing is left.
func (x *sim) drained() {
	x.t.Helper()
	snapshot := x.Snapshot()
	for _, p := range snapshot.Pools {
		if p.Waiting != 0 || p.InService != 0 {
			x.t.Errorf("executor %s: %d wait, %d in service after the end", p.Name, p.Waiting, p.InService)
		}
		for _, f := range p.Flows {
			if f.Waiting != 0 || f.InService != 0 {
				x.t.Errorf("executor %s, tenant %v: %d wait, %d in service after the end", p.Name, f.Tenant, f.Waiting, f.InService)
			}
		}
	}
	for _, t := range snapshot.Tenants {
		if t.Requests != 0 || t.Bytes != 0 || t.Blocked != 0 {
			x.t.Errorf("tenant %v after the end: %+v", t.Tenant, t)
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.held != 0 || x.bytes != 0 || x.active != 0 || x.line.Len() != 0 {
		x.t.Errorf("after the end: %d held, %d bytes, %d active, %d in line", x.held, x.bytes, x.active, x.line.Len())
	}
}

// slots returns how many slots each replica is taken to have, and how many one of them is given at most.
func (x *sim) slots() (learned, most int) {
	x.pool.mu.Lock()
	defer x.pool.mu.Unlock()
	s := x.pool.replicas
	for _, r := range s.all {
		most = max(most, r.slots)
	}
	return s.slots, most
}

// add makes a replica known.
func (x *sim) add(e executor) *Replica {
	return x.pool.Add(nameOf("replica", len(x.pool.replicas.all)), e)
}

// until sleeps until so long after the start.
func (x *sim) until(d time.Duration) { time.Sleep(time.Until(x.start.Add(d))) }

// client counts what becomes of its requests.
type client struct {
	sim      *sim
	id       Identity
	service  func() time.Duration
	deadline time.Duration
	docs     int
	after    func(done int) // each answer
	outcome  func() Outcome // Answered if nil

	mu        sync.Mutex
	latencies []time.Duration
	tally
}

func (x *sim) client(name string, service time.Duration) *client {
	return &client{sim: x, id: Identity{Name: name, Known: true}, service: func() time.Duration { return service }}
}

// flood keeps as many requests under way as prefetch lets it, n in all, until the simulation stops.
func (c *client) flood(n, prefetch int) {
	x := c.sim
	x.all.Go(func() {
		st := x.Open(c.id, prefetch)
		defer st.Close()
		for range n {
			r, err := st.Next(x.ctx)
			if err != nil {
				return
			}
			x.all.Go(func() { c.do(r) })
		}
	})
}

// loop sends n requests, each after a pause since the answer of the one before.
func (c *client) loop(n int, pause func() time.Duration) *sync.WaitGroup {
	x := c.sim
	var wg sync.WaitGroup
	x.all.Add(1)
	wg.Go(func() {
		defer x.all.Done()
		st := x.Open(c.id, 0)
		defer st.Close()
		for range n {
			time.Sleep(pause())
			r, err := st.Next(x.ctx)
			if err != nil {
				return
			}
			c.do(r)
		}
	})
	return &wg
}

// exponential is durations of that mean, differing as much as those of a Poisson process.
func exponential(mean time.Duration, seed uint64) func() time.Duration {
	return drawn(seed, func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * float64(mean)) })
}

// uniform is from half the mean to half as much again.
func uniform(mean time.Duration, seed uint64) func() time.Duration {
	return drawn(seed, func(r *rand.Rand) time.Duration { return time.Duration((0.5 + r.Float64()) * float64(mean)) })
}

func drawn(seed uint64, draw func(*rand.Rand) time.Duration) func() time.Duration {
	random := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex // guards random
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return draw(random)
	}
}

// send sends a request after each pause, whatever becomes of them.
func (c *client) send(pause func() time.Duration) {
	x := c.sim
	x.all.Go(func() {
		st := x.Open(c.id, 0)
		defer st.Close()
		for x.ctx.Err() == nil {
			time.Sleep(pause())
			r, err := st.Next(x.ctx)
			if err != nil {
				return
			}
			x.all.Go(func() { c.do(r) })
		}
	})
}

// do takes a request through the pool.
func (c *client) do(r *Request) {
	defer r.Close()
	x, start := c.sim, time.Now()
	var deadline time.Time
	if c.deadline > 0 {
		deadline = start.Add(c.deadline)
	}
	err := r.Admit(Entry{Bytes: 100, Deadline: deadline, Documents: c.docs, Path: []*Pool{x.pool}})
	var g Grant
	if err == nil {
		g, err = r.Acquire(x.ctx, x.pool, Ticket{Documents: c.docs})
	}
	if err != nil {
		if x.ctx.Err() == nil {
			c.mu.Lock()
			c.refused++
			c.mu.Unlock()
		}
		return
	}
	service := c.service()
	g.Replica().Peer.(executor).serve(service)
	if c.outcome != nil {
		g.Done(c.outcome())
		return
	}
	g.Done(Answered)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latencies = append(c.latencies, time.Since(start))
	c.used += service
	c.done++
	if c.deadline > 0 && time.Now().After(deadline) {
		c.late++
	}
	if c.after != nil {
		c.after(c.done)
	}
}

// tally is what became of a client's requests so far.
type tally struct {
	used                time.Duration // executor-seconds, of requests that have ended
	done, late, refused int
}

func (c *client) now() tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tally
}

// percentile of the client's latencies, in seconds.
func (c *client) percentile(p float64) float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	sorted := slices.Sorted(slices.Values(c.latencies))
	if len(sorted) == 0 {
		return math.NaN()
	}
	i := min(int(p/100*float64(len(sorted))), len(sorted)-1)
	return sorted[i].Seconds()
}

func (c *client) atMost(p, most float64) {
	c.sim.t.Helper()
	if got := c.percentile(p); !(got <= most) {
		c.sim.t.Errorf("%s: p%v is %.2f s, expected at most %.2f s", c.id.Name, p, got, most)
	}
}

// jain is the fairness index of what clients got: 1 is equal.
func jain(got []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, x := range got {
		sum += x
		squares += x * x
	}
	return sum * sum / (float64(len(got)) * squares)
}

func nameOf(kind string, i int) string { return fmt.Sprintf("%s%d", kind, i) }

// batcher works on one batch at a time, of all requests that are there, at most size. It waits for more while there are fewer, up to wait since it could have
// begun, as Jina's do.
type batcher struct {
	size       int
	wait       time.Duration
	base, each time.Duration // a batch takes base + each * requests

	mu    sync.Mutex
	queue []chan struct{}
	busy  bool
	idle  time.Time // since when it could have begun
}

func (b *batcher) serve(time.Duration) {
	done := make(chan struct{})
	b.mu.Lock()
	if len(b.queue) == 0 && !b.busy {
		b.idle = time.Now()
	}
	b.queue = append(b.queue, done)
	b.begin()
	b.mu.Unlock()
	<-done
}

// begin begins a batch if it is time, and else comes again when it is.
func (b *batcher) begin() {
	if b.busy || len(b.queue) == 0 {
		return
	}
	if left := time.Until(b.idle.Add(b.wait)); len(b.queue) < b.size && left > 0 {
		time.AfterFunc(left, func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.begin()
		})
		return
	}
	n := min(len(b.queue), b.size)
	batch := b.queue[:n]
	b.queue = b.queue[n:]
	b.busy = true
	time.AfterFunc(b.base+time.Duration(n)*b.each, func() {
		for _, done := range batch {
			close(done)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.busy, b.idle = false, time.Now()
		time.AfterFunc(1, func() { // once those that come at the same moment are there
			b.mu.Lock()
			defer b.mu.Unlock()
			b.begin()
		})
	})
}

// hanging takes requests, and after so many does not answer until.
type hanging struct {
	executor
	after int64
	until chan struct{}
	taken atomic.Int64
}

func (h *hanging) serve(service time.Duration) {
	if h.taken.Add(1) > h.after {
		<-h.until
		return
	}
	h.executor.serve(service)
}

// sharer works on all requests at once, at a speed that they share from so many on.
type sharer struct {
	slots   int
	mu      sync.Mutex
	n       int
	work    float64 // done for each of those present, in seconds
	last    time.Time
	changed chan struct{}
}

func newSharer(slots int) *sharer { return &sharer{slots: slots, changed: make(chan struct{})} }

func (s *sharer) speed() float64 { return min(1, float64(s.slots)/float64(max(s.n, 1))) }

func (s *sharer) advance() {
	now := time.Now()
	s.work += now.Sub(s.last).Seconds() * s.speed()
	s.last = now
}

func (s *sharer) serve(service time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	s.n++
	end := s.work + service.Seconds()
	s.notify()
	for s.work < end-1e-9 {
		left := time.Duration((end-s.work)/s.speed()*1e9) + 1
		changed := s.changed
		s.mu.Unlock()
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-changed:
			timer.Stop()
		}
		s.mu.Lock()
		s.advance()
	}
	s.n--
	s.notify()
}

func (s *sharer) notify() { close(s.changed); s.changed = make(chan struct{}) }
