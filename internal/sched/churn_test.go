package sched

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// churn is clients that give up at random, while replicas come, go and pause, and the configuration changes.
type churn struct {
	*Scheduler
	pools  []*Pool
	unit   time.Duration // of all waiting
	random func() *rand.Rand

	asked, granted, failed atomic.Int64
	mu                     sync.Mutex // guards busy
	busy                   map[*Replica]int
	crowded                atomic.Int64 // grants of a replica that had too many already
}

const churnSlots = 3

var churnStart = Config{Limits: Limits{Stream: Limit{Requests: 5}}}

func (c *churn) client(ctx context.Context, i int) {
	random := c.random()
	st := c.Open(Identity{nameOf("client", i%5), i%3 != 0}, random.IntN(4))
	defer st.Close()
	var all sync.WaitGroup
	defer all.Wait()
	for ctx.Err() == nil {
		limited, cancel := context.WithTimeout(ctx, time.Duration(random.Int64N(int64(4*c.unit))))
		r, err := st.Next(limited)
		if err != nil {
			cancel()
			continue
		}
		patience := time.Duration(random.Int64N(int64(8 * c.unit)))
		seed := random.Uint64()
		all.Go(func() {
			defer cancel()
			defer r.Close()
			limited, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			c.walk(limited, r, rand.New(rand.NewPCG(seed, 0)))
		})
	}
}

func (c *churn) walk(ctx context.Context, r *Request, random *rand.Rand) {
	e := Entry{Bytes: random.Int64N(1000), Documents: random.IntN(5), Path: c.pools}
	if random.IntN(3) == 0 {
		e.Deadline = time.Now().Add(time.Duration(random.Int64N(int64(10 * c.unit))))
	}
	if r.Admit(e) != nil {
		return
	}
	for i, p := range c.pools {
		c.asked.Add(1)
		g, err := r.Acquire(ctx, p, Ticket{Documents: e.Documents, Onward: i > 0, Again: random.IntN(10) == 0})
		if err != nil {
			c.failed.Add(1)
			return
		}
		c.granted.Add(1)
		replica := g.Replica()
		c.mu.Lock()
		if c.busy[replica]++; c.busy[replica] > churnSlots*maxWindow {
			c.crowded.Add(1)
		}
		c.mu.Unlock()
		time.Sleep(time.Duration(random.Int64N(int64(c.unit))))
		c.mu.Lock()
		c.busy[replica]--
		c.mu.Unlock()
		g.Done([]Outcome{Answered, Answered, Answered, Overloaded, Lost, Abandoned}[random.IntN(6)])
		if random.IntN(20) == 0 {
			g.Done(Answered)
		}
	}
}

// operator changes things until ctx ends.
func (c *churn) operator(ctx context.Context) error {
	random := c.random()
	var replicas []*Replica
	for n := 0; ctx.Err() == nil; n++ {
		time.Sleep(time.Duration(random.Int64N(int64(3 * c.unit))))
		switch p := c.pools[random.IntN(len(c.pools))]; random.IntN(7) {
		case 0:
			replicas = append(replicas, p.Add(nameOf("replica", n), nil))
		case 1, 2, 3:
			if len(replicas) == 0 {
				continue
			}
			i := random.IntN(len(replicas))
			r := replicas[i]
			switch random.IntN(3) {
			case 0:
				r.Pause()
			case 1:
				r.Resume()
			default:
				r.Remove()
				replicas = append(replicas[:i], replicas[i+1:]...)
			}
		case 4:
			if _, err := c.Pool(p.Name(), PoolConfig{Slots: random.IntN(churnSlots + 1)}); err != nil {
				return err
			}
		case 5:
			config := Config{
				Mode:    Mode(random.IntN(2)),
				Tenants: map[string]Settings{"client1": {Weight: 1 + 9*random.Float64(), Priority: random.IntN(3), Order: Order(random.IntN(2))}},
				Unknown: Settings{Weight: 0.1 + random.Float64(), Priority: random.IntN(2) - 1},
				Default: Settings{Order: Order(random.IntN(2))},
				Limits:  Limits{Stream: Limit{1 + random.IntN(5), 3000}, Total: Limit{5 + random.IntN(30), 1 << 20}},
			}
			if err := c.Configure(config); err != nil {
				return err
			}
		case 6:
			c.Snapshot()
		}
	}
	for _, r := range replicas {
		r.Resume()
	}
	return nil
}

func (c *churn) run(ctx context.Context, clients int) error {
	for i := range 2 {
		p, err := c.Pool(nameOf("executor", i), PoolConfig{})
		if err != nil {
			return err
		}
		p.Add("constant", nil)
		c.pools = append(c.pools, p)
	}
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() { c.client(ctx, i) })
	}
	err := c.operator(ctx)
	all.Wait()
	return err
}

func (c *churn) check(t *testing.T) {
	t.Helper()
	x := &sim{Scheduler: c.Scheduler, t: t}
	x.drained()
	if a, g, f := c.asked.Load(), c.granted.Load(), c.failed.Load(); a != g+f || g == 0 || f == 0 {
		t.Errorf("%d asked for a slot, %d got one, %d did not", a, g, f)
	}
	if n := c.crowded.Load(); n > 0 {
		t.Errorf("%d times a replica had more requests than slots allow", n)
	}
	for _, p := range c.pools {
		for i := range p.roots {
			if p.roots[i].docs != 0 || p.roots[i].backlog.len() != 0 {
				t.Errorf("%s: band %d is not empty", p.name, i)
			}
		}
		if p.backlog != 0 || p.group.docs != 0 || p.group.inner.backlog.len() != 0 {
			t.Errorf("%s: something is left: %b, %d", p.name, p.backlog, p.group.docs)
		}
	}
}

// Nothing is lost or given out twice, whatever happens; in virtual time.
func TestChurn(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := New(churnStart)
				if err != nil {
					t.Fatal(err)
				}
				random := rand.New(rand.NewPCG(seed, 0))
				c := &churn{Scheduler: s, unit: second, busy: map[*Replica]int{}, random: func() *rand.Rand { return rand.New(rand.NewPCG(random.Uint64(), 0)) }}
				var mu sync.Mutex
				unlocked := c.random
				c.random = func() *rand.Rand {
					mu.Lock()
					defer mu.Unlock()
					return unlocked()
				}
				ctx, cancel := context.WithTimeout(t.Context(), 200*second)
				defer cancel()
				if err := c.run(ctx, 20); err != nil {
					t.Fatal(err)
				}
				c.check(t)
			})
		})
	}
}

// The same in real time, for the race detector.
func TestChurnInRealTime(t *testing.T) {
	s, err := New(churnStart)
	if err != nil {
		t.Fatal(err)
	}
	c := &churn{Scheduler: s, unit: 200 * time.Microsecond, busy: map[*Replica]int{}, random: func() *rand.Rand { return rand.New(rand.NewPCG(rand.Uint64(), 0)) }}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := c.run(ctx, 4*runtime.GOMAXPROCS(0)); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	c.check(t)
}
