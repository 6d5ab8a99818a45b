package sched

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Weights change while clients have requests waiting, and so do shares.
func TestWeightsAreLive(t *testing.T) {
	for _, known := range []bool{true, false} {
		simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
			x.add(newServer(1))
			a, b := x.client("a", second), x.client("b", second)
			b.id.Known = known
			a.flood(10_000, 100)
			b.flood(10_000, 100)
			x.until(100*second + second/2)
			config := Config{Tenants: map[string]Settings{"a": {Weight: 4}}}
			if err := x.Configure(config); err != nil {
				t.Fatal(err)
			}
			before := a.now().used
			time.Sleep(100 * second)
			if got := a.now().used - before; got < 79*second || got > 81*second {
				t.Errorf("with a weight of 4 to 1: %v of 100 s", got)
			}
			config.Unknown.Priority, config.Default.Priority = 1, 1
			if err := x.Configure(config); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * second)
			before = a.now().used
			time.Sleep(100 * second)
			if got := a.now().used - before; got != 0 {
				t.Errorf("behind a higher band: %v of 100 s", got)
			}
			config.Tenants["a"] = Settings{Priority: 1}
			if err := x.Configure(config); err != nil {
				t.Fatal(err)
			}
			before = a.now().used
			time.Sleep(100 * second)
			if got := a.now().used - before; got < 49*second || got > 55*second {
				t.Errorf("in the same band again: %v of 100 s", got)
			}
		})
	}
}

// From fair to first in, first out and back, all that waits is served, in the order of the day.
func TestModeIsLive(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
		x.add(newServer(1))
		flood, polite := x.client("flood", second), x.client("polite", second)
		polite.id.Known = false
		flood.flood(60, 0)
		x.until(10*second + second/2)
		polite.flood(1, 0)
		x.until(12*second + second/2)
		if polite.now().done != 1 {
			t.Error("fair: a polite client had to wait")
		}
		if err := x.Configure(Config{Mode: FIFO}); err != nil {
			t.Fatal(err)
		}
		polite.flood(1, 0)
		x.until(60*second + second/2)
		if polite.now().done != 1 {
			t.Error("first in, first out: a polite client did not have to wait")
		}
		x.until(64*second + second/2)
		if polite.now().done != 2 || flood.now().done != 60 {
			t.Errorf("first in, first out: %d and %d answers", polite.now().done, flood.now().done)
		}
		flood.flood(40, 0)
		x.until(70*second + second/2)
		polite.flood(1, 0)
		synctest.Wait()
		if err := x.Configure(Config{}); err != nil {
			t.Fatal(err)
		}
		x.until(73*second + second/2)
		if polite.now().done != 3 {
			t.Error("fair again: a polite client had to wait")
		}
		x.until(120 * second)
		if flood.now().done != 100 {
			t.Errorf("%d of 100 answers in the end", flood.now().done)
		}
	})
}

// More slots are used at once, fewer as soon as requests have ended; learning begins where the configuration left off.
func TestSlotsAreLive(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 2}, func(x *sim) {
		x.add(newServer(4))
		c := x.client("client", second)
		c.flood(10_000, 100)
		expect := func(slots int) {
			t.Helper()
			if n := x.Snapshot().Pools[0].InService; n != slots {
				t.Errorf("%v: %d in service, expected %d", time.Since(x.start), n, slots)
			}
		}
		set := func(slots int) {
			t.Helper()
			p, err := x.Pool("slow", PoolConfig{Slots: slots})
			if err != nil || p != x.pool {
				t.Fatalf("another pool: %v", err)
			}
			synctest.Wait()
		}
		x.until(10*second + second/2)
		expect(2)
		set(4)
		expect(4)
		set(1)
		expect(4)
		x.until(12 * second)
		expect(1)
		set(0)
		x.until(100 * second)
		if learned, _ := x.slots(); learned != 4 {
			t.Errorf("%d slots learned, expected 4", learned)
		}
	})
}

// A pool that is closed answers what it has; its place is another's, and streams that have been in it are well.
func TestPoolsComeAndGo(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
		old := x.pool
		x.add(newServer(1))
		st := x.Open(Identity{"tenant", true}, 0)
		defer st.Close()
		before := x.client("before", second)
		before.flood(5, 0)
		x.until(second / 2)
		old.Close()
		old.Close()
		for i := range 3 {
			p, err := x.Pool(nameOf("new", i), PoolConfig{Slots: 1})
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 && p.index != old.index {
				t.Errorf("place %d is not used again", old.index)
			}
			p.Add("replica", nil)
			r, err := st.Next(x.ctx)
			if err != nil {
				t.Fatal(err)
			}
			g, err := r.Acquire(x.ctx, p, Ticket{})
			if err != nil {
				t.Fatal(err)
			}
			g.Done(Answered)
			r.Close()
			p.Close()
		}
		x.until(6 * second)
		if n := before.now().done; n != 5 {
			t.Errorf("%d of 5 requests of a closed pool were answered", n)
		}
	})
}

// Tenants that have left are forgotten in time, and their accounts with them, but not before.
func TestTenantsAreForgotten(t *testing.T) {
	simulate(t, Config{}, PoolConfig{Slots: 1}, func(x *sim) {
		x.add(newServer(1))
		visit := func(name string) {
			r, err := x.Single(Identity{name, false}, Entry{})
			if err != nil {
				t.Fatal(err)
			}
			g, err := r.Acquire(x.ctx, x.pool, Ticket{})
			if err != nil {
				t.Fatal(err)
			}
			g.Done(Answered)
			r.Close()
		}
		for i := range 2 * rememberMost {
			visit(nameOf("visitor", i))
		}
		if n := len(x.Scheduler.tenants); n > rememberMost+1 {
			t.Errorf("%d tenants are remembered", n)
		}
		if a, b := len(x.Scheduler.tenants), len(x.pool.listed); a != b || len(x.pool.flows) != b {
			t.Errorf("%d tenants, but %d flows", a, b)
		}
		time.Sleep(2 * remember)
		for range rememberMost {
			visit("visitor")
		}
		if n := len(x.Scheduler.tenants); n != 1 {
			t.Errorf("%d tenants are remembered long after", n)
		}
	})
}

// A configuration is taken whole or not at all, and every fault of it is named.
func TestInvalidConfig(t *testing.T) {
	bad := Config{
		Mode:    7,
		Default: Settings{Weight: -1},
		Unknown: Settings{Priority: 100},
		Tenants: map[string]Settings{"none": {Weight: math.NaN()}, "huge": {Weight: math.Inf(1)}, "odd": {Order: 9}, "tiny": {Weight: 1e-9}},
		Limits:  Limits{Total: Limit{Bytes: -1}},
	}
	wants := []string{
		"mode 7: expected Fair or FIFO", `default: weight -1: expected a number from 0.001 to 1000`, "unknown: priority 100: expected -8 to 7",
		`tenant "none": weight NaN`, `tenant "huge": weight +Inf`, `tenant "odd": order 9`, `tenant "tiny": weight 1e-09`, "total limit of 0 requests, -1 bytes",
	}
	_, err := New(bad)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	s, err := New(Config{Tenants: map[string]Settings{"a": {Weight: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Configure(bad) == nil || s.config.Tenants["a"].Weight != 2 {
		t.Error("a bad configuration was taken")
	}
	for _, c := range []PoolConfig{{Slots: -1}, {Slots: 1 << 20}, {Turnaround: -1}} {
		if _, err := s.Pool("executor", c); err == nil || !strings.Contains(err.Error(), `executor "executor"`) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if len(s.pools) != 0 {
		t.Error("a bad configuration made a pool")
	}
}

// A snapshot says who waits for what.
func TestSnapshot(t *testing.T) {
	simulate(t, Config{Limits: Limits{Stream: Limit{Requests: 20}}}, PoolConfig{Slots: 1}, func(x *sim) {
		x.add(newServer(1))
		a, b := x.client("a", second), x.client("b", second)
		b.id.Known = false
		a.flood(1000, 0)
		x.until(20*second + second/2)
		b.flood(10, 0)
		x.until(30*second + second/2)
		if _, err := x.Single(Identity{"b", false}, Entry{Deadline: time.Now().Add(second / 4), Path: []*Pool{x.pool}}); err == nil {
			t.Error("an impossible deadline was taken")
		}
		s := x.Snapshot()
		p := s.Pools[0]
		if p.Name != "slow" || p.Learned || p.Slots != 1 || p.Window != 1 || p.Service != second || p.Reason != "configured" || !p.Changed.Equal(x.start) {
			t.Errorf("pool %+v", p)
		}
		if p.InService != 1 || len(p.Replicas) != 1 || p.Replicas[0] != (ReplicaStatus{Name: "replica0", Slots: 1, InFlight: 1}) {
			t.Errorf("replicas %+v, %d in service", p.Replicas, p.InService)
		}
		if p.Waiting != 24 || p.Backlog != 24*second {
			t.Errorf("%d waiting, %v of work", p.Waiting, p.Backlog)
		}
		var lines []string
		for _, f := range p.Flows {
			lines = append(lines, fmt.Sprintf("%s known=%v waiting=%d service=%d oldest=%v used=%v share=%.2f late=%d",
				f.Tenant.Name, f.Tenant.Known, f.Waiting, f.InService, f.Oldest, f.Used, f.Share, f.Refused[TooLate]))
		}
		want := []string{
			"a known=true waiting=20 service=0 oldest=24.5s used=25s share=0.72 late=0",
			"b known=false waiting=4 service=1 oldest=10s used=5s share=0.28 late=1",
		}
		if fmt.Sprint(lines) != fmt.Sprint(want) {
			t.Errorf("flows:\n%s\nexpected:\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
		}
		if len(s.Tenants) != 2 || s.Tenants[0].Requests != 20 || s.Tenants[0].Bytes != 2000 || s.Tenants[1].Requests != 5 {
			t.Errorf("tenants %+v", s.Tenants)
		}
	})
}
