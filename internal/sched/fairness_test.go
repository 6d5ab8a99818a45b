package sched

import (
	"context"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

const second = time.Second

// A polite client hardly notices floods, however many there are: it waits for the slot in service and has its answer a service time later.
func TestPoliteClientBesideFloods(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		floods, slots int
		known         bool
	}{
		{1, 1, true}, {3, 1, true}, {10, 1, true}, {1, 4, true}, {10, 4, true},
		{1, 1, false}, {3, 1, false}, {10, 1, false},
	} {
		t.Run(fmt.Sprintf("floods=%d,slots=%d,known=%v", c.floods, c.slots, c.known), func(t *testing.T) {
			// Half its share is a request each cycle, of which it waits about 1.5 s.
			cycle := time.Duration(float64(second) * 2 * float64(c.floods+1) / float64(c.slots))
			for _, think := range []struct {
				name  string
				pause func(seed uint64) func() time.Duration
			}{
				{"random", func(seed uint64) func() time.Duration { return exponential(cycle-3*second/2, seed) }},
				{"even", func(seed uint64) func() time.Duration { return uniform(cycle-3*second/2, seed) }},
			} {
				simulate(t, Config{}, PoolConfig{Slots: c.slots}, func(x *sim) {
					x.add(newServer(c.slots))
					for i := range c.floods {
						flood := x.client(nameOf("flood", i), second)
						flood.id.Known = c.known
						flood.flood(100_000, 1000)
					}
					polite := x.client("polite", second)
					polite.id.Known = c.known
					x.until(10 * second)
					polite.loop(500, think.pause(1)).Wait()
					polite.atMost(50, 1.6)
					polite.atMost(99, 2.05)
					if think.name == "even" {
						polite.atMost(100, 2.2)
					} else {
						// By chance it asks for more than its share for a while, and then for more than its credit. It waits its turn then.
						polite.atMost(99.5, 2.2)
						polite.atMost(100, max(float64(c.floods+1)/float64(c.slots)+1, 2))
					}
					if polite.now().refused > 0 {
						t.Errorf("%d of the polite client's requests were refused", polite.now().refused)
					}
				})
			}
		})
	}
}

// With nothing configured it is the same, but while the scheduler tries out whether there is another slot.
func TestPoliteClientWithLearnedSlots(t *testing.T) {
	simulate(t, Config{}, PoolConfig{}, func(x *sim) {
		x.add(newServer(1))
		for i := range 3 {
			x.client(nameOf("flood", i), second).flood(100_000, 1000)
		}
		polite := x.client("polite", second)
		x.until(30 * second)
		polite.loop(800, uniform(13*second/2, 1)).Wait()
		polite.atMost(50, 1.6)
		polite.atMost(98, 2.05)
		polite.atMost(100, 3.1)
	})
}

// First in, first out, a client waits for all that the other has sent: what prefetch is for.
func TestFIFOIsWhatItWas(t *testing.T) {
	for _, c := range []struct {
		prefetch int
		want     float64
	}{{50, 50.5}, {5, 5.5}} {
		simulate(t, Config{Mode: FIFO}, PoolConfig{Slots: 1}, func(x *sim) {
			x.add(newServer(1))
			x.client("flood", second).flood(100_000, c.prefetch)
			polite := x.client("polite", second)
			x.until(100 * second)
			polite.loop(200, exponential(10*second, 1)).Wait()
			if p50 := polite.percentile(50); math.Abs(p50-c.want) > 0.5 {
				t.Errorf("prefetch %d: p50 %.2f s, expected about %.1f s", c.prefetch, p50, c.want)
			}
		})
	}
}

// A second client has half of the executor within three service times, and no more than that ever after.
func TestSecondClientGetsHalf(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
		x.add(newServer(1))
		first, other := x.client("first", second), x.client("second", second)
		first.flood(100_000, 1000)
		x.until(20*second + second/2)
		other.flood(100_000, 1000)
		time.Sleep(3 * second)
		a, b := first.now().used, other.now().used
		if b < second {
			t.Errorf("the second client got %v in its first 3 s", b)
		}
		for range 100 {
			time.Sleep(2 * second)
			if a, b := first.now().used-a, other.now().used-b; a != b {
				x.t.Fatalf("since then the first got %v and the second %v", a, b)
			}
		}
	})
}

// What clients get that always have requests waiting.
func TestShares(t *testing.T) {
	t.Parallel()
	type one struct {
		name    string
		service time.Duration
		streams int
		docs    int
	}
	for _, c := range []struct {
		name   string
		slots  int
		known  bool
		config map[string]Settings
		over   time.Duration
		one    []one
		want   []float64 // parts; nil is equal
		slack  float64
	}{
		{"equal", 1, true, nil, 60 * second, []one{{"a", second, 1, 1}, {"b", second, 1, 1}, {"c", second, 1, 1}, {"d", second, 1, 1}}, nil, 0},
		{"unknown", 1, false, nil, 60 * second, []one{{"a", second, 1, 1}, {"b", second, 1, 1}, {"c", second, 1, 1}, {"d", second, 1, 1}}, nil, 0},
		{"four slots", 4, true, nil, 60 * second, []one{{"a", second, 1, 1}, {"b", second, 1, 1}, {"c", second, 1, 1}}, nil, 0.01},
		{"ten times longer", 1, true, nil, 60 * second, []one{{"a", 10 * second, 1, 1}, {"b", second, 1, 1}}, nil, 0.02},
		{"ten times longer, four slots", 4, true, nil, 600 * second, []one{{"a", 10 * second, 1, 1}, {"b", second, 1, 1}}, nil, 0.01},
		{"ten documents", 1, true, nil, 60 * second, []one{{"a", 10 * second, 1, 10}, {"b", second, 1, 1}}, nil, 0.02},
		{"100 streams", 1, true, nil, 60 * second, []one{{"a", second, 100, 1}, {"b", second, 1, 1}}, nil, 0},
		{"weights", 1, true, map[string]Settings{"a": {Weight: 1}, "b": {Weight: 2}, "c": {Weight: 3.5}}, 650 * second,
			[]one{{"a", second, 1, 1}, {"b", second, 1, 1}, {"c", second, 1, 1}}, []float64{1, 2, 3.5}, 0.02},
		{"far weights", 2, true, map[string]Settings{"a": {Weight: 0.02}, "b": {Weight: 1}}, 5100 * second,
			[]one{{"a", second, 1, 1}, {"b", second, 1, 1}}, []float64{0.02, 1}, 0.02},
		{"the unknown weigh together", 1, true, map[string]Settings{"a": {}}, 600 * second,
			[]one{{"a", second, 1, 1}, {"?b", second, 1, 1}, {"?c", second, 1, 1}}, []float64{2, 1, 1}, 0.01},
	} {
		t.Run(c.name, func(t *testing.T) {
			simulate(t, Config{Tenants: c.config}, PoolConfig{Slots: c.slots}, func(x *sim) {
				x.add(newServer(c.slots))
				clients := make([]*client, len(c.one))
				sum, got := 0.0, make([]float64, len(c.one))
				for i, one := range c.one {
					clients[i] = x.client(one.name, one.service)
					clients[i].id.Known = c.known && one.name[0] != '?'
					clients[i].docs = one.docs
					for range one.streams {
						clients[i].flood(100_000, max(1000/one.streams, 10))
					}
				}
				x.until(20*second + 1)
				for i, client := range clients {
					got[i] = -client.now().used.Seconds()
				}
				time.Sleep(c.over)
				for i, client := range clients {
					part := 1.0
					if c.want != nil {
						part = c.want[i]
					}
					got[i] = (got[i] + client.now().used.Seconds()) / part
					sum += got[i]
				}
				if j := jain(got); j < 0.999 {
					t.Errorf("Jain index %.5f of %.1f", j, got)
				}
				for i, g := range got {
					if even := sum / float64(len(got)); math.Abs(g/even-1) > c.slack+1e-9 {
						t.Errorf("%s got %.3f of its share (%.1f)", c.one[i].name, g/even, got)
					}
				}
			})
		})
	}
}

// Whoever makes up a new name for each request has, with all of them, what one client has.
func TestNamesMadeUpGainNothing(t *testing.T) {
	for _, known := range []bool{true, false} {
		simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
			x.add(newServer(1))
			honest, other, minter := x.client("honest", second), x.client("other", second), x.client("", second)
			honest.id.Known, other.id.Known, minter.id.Known = known, known, false
			honest.flood(100_000, 100)
			other.flood(100_000, 100)
			x.until(20 * second)
			before := honest.now().used
			for i := range 100 {
				x.all.Go(func() {
					for j := 0; x.ctx.Err() == nil; j++ {
						r, err := x.Single(Identity{Name: fmt.Sprint(i, "-", j)}, Entry{})
						if err != nil {
							t.Error(err)
							return
						}
						minter.do(r)
					}
				})
			}
			time.Sleep(600 * second)
			if got := (honest.now().used - before).Seconds() / 600; got < 0.33 {
				t.Errorf("known=%v: beside names made up an honest client gets %.3f, expected a third", known, got)
			}
			if got := minter.now().used.Seconds() / 600; got > 0.34 {
				t.Errorf("known=%v: names made up get %.3f, expected a third", known, got)
			}
		})
	}
}

// The executor is never idle while requests wait.
func TestExecutorIsBusy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		service time.Duration
		busy    float64
	}{{second, 0.995}, {100 * time.Millisecond, 0.99}, {time.Millisecond, 0.97}, {100 * time.Microsecond, 0.97}} {
		for _, slots := range []int{1, 4} {
			simulate(t, Config{}, PoolConfig{Slots: slots}, func(x *sim) {
				s := newServer(slots)
				s.way = 250 * time.Microsecond
				x.add(s)
				for i := range 3 {
					x.client(nameOf("client", i), c.service).flood(1_000_000, 100)
				}
				time.Sleep(100 * c.service)
				before := s.busyNow()
				time.Sleep(5000 * c.service)
				if busy := (s.busyNow() - before).Seconds() / (5000 * c.service * time.Duration(slots)).Seconds(); busy < c.busy {
					t.Errorf("service %v, %d slots: busy %.2f%% of the time, expected %.2f%%", c.service, slots, 100*busy, 100*c.busy)
				}
			})
		}
	}
}

// One outlier does not make its tenant pay for it as long as it took.
func TestOutlierIsCapped(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
		x.add(newServer(1))
		victim, other := x.client("victim", second), x.client("other", second)
		n := 0
		victim.service = func() time.Duration {
			if n++; n == 20 {
				return 60 * second
			}
			return second
		}
		victim.flood(1000, 10)
		other.flood(1000, 10)
		x.until(100*second + 1) // when the outlier ends
		before := victim.now().used
		x.until(115 * second)
		if victim.now().used == before {
			t.Error("15 s after an outlier of 60 s its tenant still waits")
		}
		x.until(160 * second)
		before, others := victim.now().used, other.now().used
		x.until(180 * second)
		if a, b := victim.now().used-before, other.now().used-others; math.Abs((a - b).Seconds()) > 1 {
			t.Errorf("a minute later they get %v and %v", a, b)
		}
	})
}

// While the executor is idle, debts are forgotten.
func TestIdleExecutorForgets(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
		x.add(newServer(1))
		debtor, other := x.client("debtor", second), x.client("other", second)
		debtor.flood(20, 0)
		other.flood(20, 0)
		x.until(50 * second)
		synctest.Wait()
		debtor.service = func() time.Duration { return 10 * second }
		debtor.flood(1, 0)
		other.flood(1, 0)
		x.until(100*second + second/2)
		synctest.Wait()
		debtor.service = other.service
		debtor.flood(100, 0)
		other.flood(100, 0)
		x.until(107 * second)
		if got := debtor.now().used; got < 32*second {
			t.Errorf("after idle time the debtor got %v of 6 s", got-30*second)
		}
	})
}

// A higher band goes first, always.
func TestPriorityBands(t *testing.T) {
	simulate(t, Config{Tenants: map[string]Settings{"urgent": {Priority: 1}, "batch": {Priority: -3}}}, PoolConfig{Slots: 1}, func(x *sim) {
		x.add(newServer(1))
		urgent, normal, batch := x.client("urgent", second), x.client("normal", second), x.client("batch", second)
		batch.flood(100_000, 100)
		x.until(5*second + second/2)
		normal.flood(50, 100)
		x.until(15*second + second/2)
		urgent.flood(20, 100)
		x.until(36*second + second/2)
		if urgent.now().used != 20*second || batch.now().used != 6*second {
			t.Errorf("of 36 s the urgent client got %v, expected 20; batch got %v, expected 6", urgent.now().used, batch.now().used)
		}
	})
}

// By deadline, the most urgent request of a tenant goes next, whichever stream it came by.
func TestEarliestDeadlineFirst(t *testing.T) {
	simulate(t, Config{Default: Settings{Order: ByDeadline}}, PoolConfig{Slots: 1}, func(x *sim) {
		x.add(newServer(1))
		var order []int
		deadlines := []int{0, 50, 40, 0, 30, 60} // the first one is served at once
		for i, d := range deadlines {
			x.all.Go(func() {
				st := x.Open(Identity{"tenant", true}, 0)
				defer st.Close()
				r, err := st.Next(x.ctx)
				if err != nil {
					return
				}
				defer r.Close()
				e := Entry{}
				if d > 0 {
					e.Deadline = x.start.Add(time.Duration(d) * second)
				}
				if err := r.Admit(e); err != nil {
					t.Error(err)
				}
				g, err := r.Acquire(context.Background(), x.pool, Ticket{})
				if err != nil {
					t.Error(err)
					return
				}
				order = append(order, i)
				time.Sleep(second)
				g.Done(Answered)
			})
			time.Sleep(time.Millisecond)
		}
		x.until(10 * second)
		synctest.Wait()
		if got, want := fmt.Sprint(order), "[0 4 2 1 5 3]"; got != want {
			t.Errorf("served in the order %s, expected %s", got, want)
		}
	})
}

// Streams of a tenant take turns, and a stream's requests stay in order; what comes from another executor goes before new entries.
func TestOrderWithinATenant(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
		x.add(newServer(1))
		streams := []*Stream{x.Open(Identity{"tenant", true}, 0), x.Open(Identity{"tenant", true}, 0)}
		var order []string
		for _, w := range []struct {
			name   string
			stream int
			ticket Ticket
		}{
			{"a1", 0, Ticket{}}, {"a2", 0, Ticket{}}, {"a3", 0, Ticket{}}, {"b1", 1, Ticket{}}, {"b2", 1, Ticket{}},
			{"a-again", 0, Ticket{Again: true}}, {"b-onward", 1, Ticket{Onward: true}}, {"a-onward", 0, Ticket{Onward: true}},
		} {
			x.all.Go(func() {
				r, err := streams[w.stream].Next(x.ctx)
				if err != nil {
					return
				}
				defer r.Close()
				g, err := r.Acquire(x.ctx, x.pool, w.ticket)
				if err != nil {
					return
				}
				order = append(order, w.name)
				time.Sleep(second)
				g.Done(Answered)
			})
			time.Sleep(time.Millisecond)
		}
		x.until(20 * second)
		synctest.Wait()
		if got, want := fmt.Sprint(order), "[a1 b-onward a-onward a-again b1 a2 b2 a3]"; got != want {
			t.Errorf("served in the order %s, expected %s", got, want)
		}
		for _, st := range streams {
			st.Close()
		}
	})
}
