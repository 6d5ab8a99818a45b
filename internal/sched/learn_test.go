package sched

import (
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"time"
)

// Slots are found exactly, soon, without giving out more than one too many, and stay so for hours of flood.
func TestSlotsAreLearned(t *testing.T) {
	t.Parallel()
	for _, slots := range []int{1, 2, 4, 8, 32} {
		for name, e := range map[string]func() executor{
			"in order":    func() executor { return newServer(slots) },
			"all at once": func() executor { return newSharer(slots) },
		} {
			hours := 10 * time.Hour
			if name == "all at once" {
				hours = 2 * time.Hour // its model is slow
			}
			t.Run(fmt.Sprintf("%d %s", slots, name), func(t *testing.T) {
				simulate(t, Config{}, PoolConfig{}, func(x *sim) {
					x.add(e())
					service := time.Duration(slots) * second // so that ten hours are 36,000 requests
					flood := x.client("flood", service)
					soon := 20 * int(math.Log2(float64(slots)))
					wrong, high := 0, 0 // guarded by the client's mutex
					flood.after = func(done int) {
						learned, most := x.slots()
						if done >= soon && learned != slots && most != slots {
							wrong = done
						}
						high = max(high, most)
					}
					flood.flood(1_000_000, 100)
					x.until(hours)
					flood.mu.Lock()
					defer flood.mu.Unlock()
					if wrong > 0 {
						t.Errorf("after %d requests not %d slots", wrong, slots)
					}
					if high > slots+1 {
						t.Errorf("up to %d slots were given out", high)
					}
					if learned, _ := x.slots(); learned != slots {
						t.Errorf("%d slots after %v", learned, hours)
					}
				})
			})
		}
	}
}

// What service times differ by themselves makes a verdict slower, not wrong.
func TestSlotsAreLearnedFromNoisyServices(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		slots    int
		name     string
		service  func() time.Duration
		from, to int // afterwards
	}{
		{1, "uniform", uniform(second, 1), 1, 1},
		{4, "uniform", uniform(second, 1), 4, 5},
		{32, "uniform", uniform(second, 1), 29, 36},
		{1, "exponential", exponential(second, 1), 1, 1},
		{4, "exponential", exponential(second, 1), 3, 6},
		{32, "exponential", exponential(second, 1), 16, 48},
	} {
		t.Run(fmt.Sprintf("%d %s", c.slots, c.name), func(t *testing.T) {
			simulate(t, Config{}, PoolConfig{}, func(x *sim) {
				x.add(newServer(c.slots))
				flood := x.client("flood", 0)
				flood.service = c.service
				flood.flood(1_000_000, 100)
				x.until(time.Duration(20_000/c.slots) * second)
				least, most := math.MaxInt, 0
				for range 1000 {
					time.Sleep(second)
					learned, _ := x.slots()
					least, most = min(least, learned), max(most, learned)
				}
				if least < c.from || most > c.to {
					t.Errorf("%d to %d slots, expected %d to %d", least, most, c.from, c.to)
				}
			})
		})
	}
}

// Batches are filled: throughput is at least 95 % of what full ones give.
func TestBatchesAreFilled(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, b := range []*batcher{
		{size: 8, wait: 50 * ms, base: 100 * ms},
		{size: 16, wait: 10 * ms, base: 50 * ms, each: 2 * ms},
		{size: 24, wait: 5 * ms, base: 20 * ms, each: ms},
		{size: 64, wait: 2 * ms, base: 20 * ms, each: ms / 2},
		{size: 16, wait: 100 * ms, base: 50 * ms, each: 2 * ms},
		{size: 4, wait: 10 * ms, base: 500 * ms, each: 20 * ms},
	} {
		t.Run(fmt.Sprintf("%d of %v+%v in %v", b.size, b.base, b.each, b.wait), func(t *testing.T) {
			simulate(t, Config{}, PoolConfig{}, func(x *sim) {
				x.add(b)
				flood := x.client("flood", 0)
				flood.flood(1_000_000, 500)
				full := b.base + time.Duration(b.size)*b.each
				const batches = 500
				x.until(500 * full)
				before := flood.now().done
				time.Sleep(batches * full)
				if got := float64(flood.now().done-before) / float64(batches*b.size); got < 0.95 {
					learned, _ := x.slots()
					t.Errorf("%.1f%% of the best throughput, with %d slots", 100*got, learned)
				}
			})
		})
	}
}

// When replicas come and go that have more slots than those before, or fewer, it is found out soon.
func TestSlotsAreLearnedAnew(t *testing.T) {
	for _, c := range []struct{ before, after, within int }{{4, 8, 10}, {8, 4, 25}, {1, 4, 10}, {4, 1, 45}, {8, 8, 1}} {
		t.Run(fmt.Sprintf("%d then %d", c.before, c.after), func(t *testing.T) {
			simulate(t, Config{}, PoolConfig{}, func(x *sim) {
				old := []*Replica{x.add(newServer(c.before)), x.add(newServer(c.before))}
				x.client("flood", second).flood(1_000_000, 200)
				x.until(600 * second)
				if learned, _ := x.slots(); learned != c.before {
					x.t.Fatalf("%d slots, expected %d", learned, c.before)
				}
				for range 3 {
					x.add(newServer(c.after))
				}
				for _, r := range old {
					r.Remove()
				}
				time.Sleep(time.Duration(c.within) * second)
				for range 100 {
					if learned, most := x.slots(); learned != c.after && most != c.after || most > c.after+1 {
						x.t.Fatalf("%v after the change %d slots, up to %d, expected %d", time.Since(x.start)-600*second, learned, most, c.after)
					}
					time.Sleep(second)
				}
			})
		})
	}
}

// More replicas of the same kind are used at once, and no more than that of each.
func TestMoreReplicas(t *testing.T) {
	simulate(t, Config{}, PoolConfig{}, func(x *sim) {
		x.add(newServer(2))
		flood := x.client("flood", second)
		flood.flood(1_000_000, 200)
		x.until(200 * second)
		for _, replicas := range []int{2, 5} {
			for len(x.pool.replicas.all) < replicas {
				x.add(newServer(2))
			}
			time.Sleep(10 * second)
			before := flood.now().done
			time.Sleep(100 * second)
			if got, want := flood.now().done-before, 200*replicas; got < want*98/100 {
				t.Errorf("%d replicas of 2 slots answered %d requests in 100 s, expected %d", replicas, got, want)
			}
		}
	})
}

// An executor that says it is overloaded is given half as much, and then more by and by.
func TestOverloadHalvesSlots(t *testing.T) {
	simulate(t, Config{}, PoolConfig{}, func(x *sim) {
		s := newServer(16)
		x.add(s)
		flood := x.client("flood", second)
		var failing atomic.Bool
		flood.outcome = func() Outcome {
			if failing.Load() {
				return Overloaded
			}
			return Answered
		}
		flood.flood(1_000_000, 100)
		x.until(200*second + second/2)
		expect := func(what string, from, to int) {
			t.Helper()
			if learned, _ := x.slots(); learned < from || learned > to {
				t.Errorf("%s: %d slots, expected %d to %d", what, learned, from, to)
			}
		}
		expect("before", 16, 16)
		failing.Store(true)
		time.Sleep(second)
		failing.Store(false)
		expect("after one moment of failures", 8, 8)
		time.Sleep(5 * second)
		expect("a little later", 8, 10)
		time.Sleep(200 * second)
		expect("long after", 16, 16)
		failing.Store(true)
		time.Sleep(20 * second)
		expect("while all fail", 1, 1)
		failing.Store(false)
		if reason := x.Snapshot().Pools[0].Reason; reason != "overloaded with 2 slots a replica" {
			t.Errorf("reason %q", reason)
		}
	})
}

// A replica that hangs while it tries out a slot does not keep the others from learning.
func TestCanaryHangs(t *testing.T) {
	simulate(t, Config{}, PoolConfig{}, func(x *sim) {
		hung := make(chan struct{})
		defer close(hung)
		x.add(&hanging{after: 9, until: hung, executor: newServer(4)})
		x.add(newServer(4))
		x.client("flood", second).flood(1_000_000, 100)
		x.until(600 * second)
		if learned, _ := x.slots(); learned != 4 {
			t.Errorf("%d slots, expected 4", learned)
		}
	})
}
