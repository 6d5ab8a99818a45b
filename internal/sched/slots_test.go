package sched

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A replica that hangs holds the requests that it has, and no other waits for it.
func TestHungReplica(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 2}, func(x *sim) {
		hung := make(chan struct{})
		defer close(hung)
		x.add(&hanging{after: 10, until: hung, executor: newServer(2)})
		x.add(newServer(2))
		flood := x.client("flood", second)
		flood.flood(1000, 20)
		x.until(20*second + second/2)
		before := flood.now().done
		time.Sleep(100 * second)
		if got := flood.now().done - before; got != 200 {
			t.Errorf("beside a hung replica the other answered %d requests in 100 s, expected 200", got)
		}
		if p := flood.percentile(100); p > 11 {
			t.Errorf("a request that was answered waited %.1f s", p)
		}
	})
}

// A slow replica gets as much as it can do, a fast one the rest, and none waits while the other is idle.
func TestSlowReplica(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
		x.add(slow{newServer(1), 5})
		x.add(newServer(1))
		flood := x.client("flood", second)
		flood.flood(1000, 20)
		x.until(500*second + 1)
		if got := flood.now().done; got < 595 {
			t.Errorf("%d requests answered in 500 s, expected 600", got)
		}
	})
}

type slow struct {
	executor
	times time.Duration
}

func (s slow) serve(service time.Duration) { s.executor.serve(service * s.times) }

// acquire takes a slot at once.
func (x *sim) acquire(t Ticket) Grant {
	x.t.Helper()
	r, err := x.Single(Identity{"tenant", true}, Entry{})
	if err != nil {
		x.t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(x.ctx, second)
	defer cancel()
	g, err := r.Acquire(ctx, x.pool, t)
	if err != nil {
		x.t.Fatal(err)
	}
	return g
}

// The least busy replica is chosen, of several the one that has rested longest.
func TestReplicaIsChosen(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 2}, func(x *sim) {
		a, b, c := x.add(nil), x.add(nil), x.add(nil)
		seen := map[*Replica]int{}
		var grants []Grant
		for range 6 {
			g := x.acquire(Ticket{})
			seen[g.Replica()]++
			if len(grants) == 2 && len(seen) != 3 {
				t.Errorf("three requests went to %d replicas", len(seen))
			}
			grants = append(grants, g)
		}
		if seen[a] != 2 || seen[b] != 2 || seen[c] != 2 {
			t.Errorf("six requests went to replicas as %v", seen)
		}
		for _, g := range grants {
			g.Done(Answered)
			g.Done(Answered) // only the first call counts
		}
		for range 10 {
			g := x.acquire(Ticket{Again: true, Avoid: b})
			if g.Replica() == b {
				t.Error("the replica to avoid was chosen, with others free")
			}
			g.Done(Answered)
		}
		a.Pause()
		c.Remove()
		g := x.acquire(Ticket{Avoid: b})
		if g.Replica() != b {
			t.Error("not the only replica left")
		}
		g.Done(Answered)
	})
}

// Requests wait while there is no replica, and go on when there is one.
func TestNoReplica(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
		c := x.client("client", second)
		c.flood(3, 0)
		x.until(10 * second)
		r := x.add(newServer(1))
		x.until(10*second + second/2)
		r.Pause()
		x.until(20 * second)
		if c.now().done != 1 {
			t.Errorf("%d answers before the pause, expected 1", c.now().done)
		}
		r.Resume()
		x.until(20*second + second/2)
		r.Remove()
		r.Resume() // too late
		x.until(30 * second)
		if c.now().done != 2 {
			t.Errorf("%d answers before the removal, expected 2", c.now().done)
		}
		x.add(newServer(1))
		x.until(32 * second)
		if c.now().done != 3 {
			t.Errorf("%d answers in the end, expected 3", c.now().done)
		}
	})
}

// A request that is granted a slot in the moment in which its caller stops waiting gives it back.
func TestGrantNobodyWaitsFor(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
		x.add(nil)
		for range 100 {
			g := x.acquire(Ticket{})
			ctx, cancel := context.WithCancel(x.ctx)
			x.all.Go(func() {
				r, err := x.Single(Identity{"other", true}, Entry{})
				if err != nil {
					t.Error(err)
					return
				}
				defer r.Close()
				g, err := r.Acquire(ctx, x.pool, Ticket{})
				if err == nil {
					g.Done(Answered)
				} else if !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
			synctest.Wait()
			x.all.Go(cancel)
			g.Done(Answered)
			synctest.Wait()
			if n := x.Snapshot().Pools[0].InService; n != 0 {
				t.Fatalf("%d slots lost", n)
			}
		}
	})
}

// lent is a source of slots that come from elsewhere, one by one, as from another gateway.
type lent struct {
	slots   int
	replica *Replica
}

func (l *lent) free() bool { return l.slots > 0 }

func (l *lent) capacity() int { return 1 }

func (l *lent) take(w *waiter, now int64) bool {
	l.slots--
	w.replica, w.start = l.replica, now
	return true
}

func (l *lent) put(w *waiter, now int64, _ Outcome, _ bool) (float64, bool) {
	return seconds(now - w.start), true
}

func (l *lent) settle(*Replica) {}

func (l *lent) tune(float64, float64) {}

// A pool can get its slots from elsewhere: two clients share what comes.
func TestSlotsFromElsewhere(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
		elsewhere := &lent{replica: &Replica{Name: "remote", Peer: newServer(100), pool: x.pool}}
		x.pool.source = elsewhere
		a, b := x.client("a", second), x.client("b", second)
		a.flood(1000, 50)
		b.flood(1000, 50)
		for range 100 {
			time.Sleep(second / 2)
			x.pool.mu.Lock()
			elsewhere.slots++
			x.pool.changed()
		}
		time.Sleep(2 * second)
		if a.now().done != 50 || b.now().done != 50 {
			t.Errorf("of 100 slots the clients got %d and %d", a.now().done, b.now().done)
		}
	})
}
