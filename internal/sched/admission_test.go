package sched

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// At ten times the capacity, for an hour, what is taken in is answered in time and the executor is never idle; the rest hears at once, with a hint
// when to come again.
func TestOverload(t *testing.T) {
	t.Parallel()
	for mode, over := range map[Mode]time.Duration{Fair: time.Hour, FIFO: 5 * time.Minute} {
		t.Run(mode.String(), func(t *testing.T) {
			simulate(t, Config{Mode: mode}, PoolConfig{Slots: 4}, func(x *sim) {
				x.add(newServer(4))
				var clients []*client
				for i := range 5 {
					c := x.client(nameOf("client", i), second)
					c.deadline = 10 * second
					clients = append(clients, c)
					c.send(exponential(second/8, uint64(i)))
				}
				x.until(over)
				done, late, refused := 0, 0, 0
				for _, c := range clients {
					got := c.now()
					done += got.done
					late += got.late
					refused += got.refused
				}
				if good, best := done-late, int(4*over.Seconds()); good < best*98/100 {
					t.Errorf("%d requests answered in time of %d possible; %d came late, %d were refused", good, best, late, refused)
				}
				if refused < 8*done {
					t.Errorf("only %d refused and %d answered at ten times the capacity", refused, done)
				}
			})
		})
	}
}

// Who cannot be answered in time is told at the door, why, and when to try again.
func TestRefusalAtTheDoor(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
		x.add(newServer(1))
		flood := x.client("flood", second)
		flood.flood(100_000, 100)
		x.until(50*second + second/2)
		enter := func(name string, left time.Duration) error {
			r, err := x.Single(Identity{name, true}, Entry{Deadline: time.Now().Add(left), Path: []*Pool{x.pool}})
			if r != nil {
				r.Close()
			}
			return err
		}
		if err := enter("polite", 4*second); err != nil {
			t.Errorf("a tenant with nothing waiting: %v", err)
		}
		if err := enter("flood", 300*second); err != nil {
			t.Errorf("a deadline that can be kept: %v", err)
		}
		var refusal *Refusal
		if err := enter("flood", 20*second); !errors.As(err, &refusal) {
			t.Fatalf("a deadline that cannot be kept: %v", err)
		}
		if refusal.Reason != TooLate || refusal.Pool != "slow" || refusal.RetryAfter < 70*second || refusal.RetryAfter > 90*second {
			t.Errorf("refused as %+v, expected to try again in about 80 s", *refusal)
		}
		for _, part := range []string{`tenant "flood"`, `executor "slow"`, "too_late", "its deadline is in 20s", "try again in"} {
			if !strings.Contains(refusal.Error(), part) {
				t.Errorf("%q does not say %q", refusal, part)
			}
		}
		if err := enter("polite", -second); !errors.As(err, &refusal) || refusal.Reason != TooLate {
			t.Errorf("a deadline that is over: %v", err)
		}
	})
}

// A request that cannot be answered in time any more gets no slot; one whose caller stops waiting leaves nothing behind.
func TestWaitingEnds(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
		x.add(newServer(1))
		warm := x.client("warm", second)
		warm.flood(10, 1)
		x.until(20 * second)
		long := x.client("long", 5*second) // unexpectedly
		long.flood(1, 1)
		st := x.Open(Identity{"tenant", true}, 0)
		defer st.Close()
		wait := func(ctx context.Context, deadline time.Duration) error {
			r, err := st.Next(ctx)
			if err != nil {
				return err
			}
			defer r.Close()
			if err := r.Admit(Entry{Deadline: x.start.Add(deadline), Path: []*Pool{x.pool}}); err != nil {
				return err
			}
			g, err := r.Acquire(ctx, x.pool, Ticket{})
			if err == nil {
				g.Done(Answered)
			}
			return err
		}
		synctest.Wait()
		var refusal *Refusal
		if err := wait(x.ctx, 24*second); !errors.As(err, &refusal) || refusal.Reason != Expired {
			t.Errorf("could not be answered in time: %v", err)
		}
		if now := time.Since(x.start); now != 25*second {
			t.Errorf("that was said at %v", now)
		}
		long.flood(1, 1)
		ctx, cancel := context.WithTimeout(x.ctx, 2*second)
		defer cancel()
		synctest.Wait()
		if err := wait(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waited with a context that ended: %v", err)
		}
	})
}

// Limits of a stream, a tenant and all hold, and who is within its share is not kept out by others.
func TestCredit(t *testing.T) {
	limits := Limits{Stream: Limit{10, 1000}, Tenant: Limit{20, 5000}, Total: Limit{30, 6000}}
	simulate(t, Config{Limits: limits}, PoolConfig{Slots: 1}, func(x *sim) {
		take := func(name string, streams, prefetch int, size int64) func() int {
			requests := make([]int, streams)
			for i := range streams {
				x.all.Go(func() {
					st := x.Open(Identity{name, true}, prefetch)
					defer st.Close()
					var all []*Request
					for {
						r, err := st.Next(x.ctx)
						if err != nil {
							break
						}
						requests[i]++
						if err := r.Admit(Entry{Bytes: size}); err != nil {
							t.Error(err)
						}
						all = append(all, r)
					}
					for _, r := range all {
						r.Close()
						r.Close()
					}
				})
			}
			synctest.Wait()
			return func() int {
				sum := 0
				for _, n := range requests {
					sum += n
				}
				return sum
			}
		}
		expect := func(what string, got func() int, want int) {
			t.Helper()
			if got() != want {
				t.Errorf("%s: %d requests, expected %d", what, got(), want)
			}
		}
		one := take("one", 1, 3, 1)
		expect("a prefetch of 3", one, 3)
		one = take("one", 1, 0, 1)
		expect("a stream's 10", one, 10)
		one = take("one", 2, 0, 1)
		expect("a tenant's 20, of which 13 are taken", one, 7)
		heavy := take("heavy", 1, 0, 400)
		expect("a stream's 1000 bytes", heavy, 3)
		two := take("two", 3, 0, 1)
		expect("all 30, of which 23 are taken, or an even share", two, 10)
		three := take("three", 4, 0, 1)
		expect("an even share of 30 for four", three, 7)
		huge := take("huge", 1, 0, 1<<40)
		expect("one, however big", huge, 1)
		if _, err := x.Single(Identity{"one", true}, Entry{}); err == nil || err.(*Refusal).Reason != TenantFull {
			t.Errorf("a request by itself of a tenant that has enough: %v", err)
		}
		if _, err := x.Single(Identity{"two", true}, Entry{}); err == nil || err.(*Refusal).Reason != TotalFull {
			t.Errorf("a request by itself when all have enough: %v", err)
		}
	})
}

// What one gives back goes to all that wait, in turn.
func TestCreditGoesRound(t *testing.T) {
	simulate(t, Config{Limits: Limits{Total: Limit{Requests: 8}}}, PoolConfig{Slots: 1}, func(x *sim) {
		x.add(newServer(1))
		var clients []*client
		for i := range 4 {
			c := x.client(nameOf("client", i), second)
			for range 1 + 20*i {
				c.flood(100_000, 0)
			}
			clients = append(clients, c)
		}
		x.until(400*second + 1)
		for _, c := range clients {
			if n := c.now().done; n < 99 || n > 101 {
				t.Errorf("%s: %d of 400 requests, expected 100", c.id.Name, n)
			}
		}
	})
}

// Reading goes on when limits are raised, and a stream that gives up waiting takes nothing with it.
func TestCreditIsLive(t *testing.T) {
	simulate(t, Config{Limits: Limits{Total: Limit{Requests: 1}}}, PoolConfig{Slots: 1}, func(x *sim) {
		id := Identity{"tenant", true}
		a, b, c := x.Open(id, 0), x.Open(id, 0), x.Open(id, 0)
		first, err := a.Next(x.ctx)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(x.ctx)
		x.all.Go(func() {
			if _, err := b.Next(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("gave up, and got %v", err)
			}
			b.Close()
		})
		var second *Request
		x.all.Go(func() { second, _ = c.Next(x.ctx) })
		synctest.Wait()
		if second != nil {
			t.Error("two requests under a limit of one")
		}
		cancel()
		synctest.Wait()
		if err := x.Configure(Config{Limits: Limits{Total: Limit{Requests: 2}}}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if second == nil {
			t.Fatal("the limit was raised, and nobody went on")
		}
		first.Close()
		second.Close()
		a.Close()
		c.Close()
		if _, err := a.Next(x.ctx); !errors.Is(err, ErrClosed) {
			t.Errorf("a stream that is closed: %v", err)
		}
	})
}
