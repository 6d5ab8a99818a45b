package sched

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// graph is a flow: each node needs some of those before it.
type graph struct {
	needs    [][]int
	slots    []int
	replicas []int
}

// Whatever the graph, and however few slots and credits, every request comes through: nobody holds a slot while it waits for another.
func TestNoDeadlockInAGraph(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		nodes := rapid.IntRange(1, 7).Draw(rt, "nodes")
		g := graph{}
		for i := range nodes {
			needs := []int{}
			for j := range i {
				if rapid.Bool().Draw(rt, fmt.Sprintf("%d needs %d", i, j)) {
					needs = append(needs, j)
				}
			}
			g.needs = append(g.needs, needs)
			g.slots = append(g.slots, rapid.IntRange(1, 2).Draw(rt, "slots"))
			g.replicas = append(g.replicas, rapid.IntRange(1, 2).Draw(rt, "replicas"))
		}
		credit := rapid.IntRange(1, 5).Draw(rt, "credit")
		clients := rapid.IntRange(1, 5).Draw(rt, "clients")
		seed := rapid.Uint64().Draw(rt, "seed")
		const each = 20
		var through int
		var over string
		synctest.Test(t, func(t *testing.T) { through, over = g.run(t, clients, each, credit, seed) })
		if through != clients*each || over != "" {
			rt.Fatalf("%d of %d requests came through; %s", through, clients*each, over)
		}
	})
}

// run sends requests through the graph, and returns how many came through, and whether any replica had too many at a time.
func (g *graph) run(t *testing.T, clients, each, credit int, seed uint64) (through int, over string) {
	s, err := New(Config{Limits: Limits{Total: Limit{Requests: credit}}})
	if err != nil {
		t.Fatal(err)
	}
	pools := make([]*Pool, len(g.needs))
	for i := range pools {
		if pools[i], err = s.Pool(nameOf("node", i), PoolConfig{Slots: g.slots[i], Turnaround: 1}); err != nil {
			t.Fatal(err)
		}
		for j := range g.replicas[i] {
			pools[i].Add(nameOf("replica", j), nil)
		}
	}
	var mu sync.Mutex // guards all below
	random := rand.New(rand.NewPCG(seed, 0))
	busy := map[*Replica]int{}
	visit := func(r *Request, node int) {
		grant, err := r.Acquire(t.Context(), pools[node], Ticket{Onward: len(g.needs[node]) > 0})
		if err != nil {
			t.Error(err)
			return
		}
		mu.Lock()
		if busy[grant.Replica()]++; busy[grant.Replica()] > g.slots[node] {
			over = fmt.Sprintf("node %d: %d requests in %d slots", node, busy[grant.Replica()], g.slots[node])
		}
		service := time.Duration(1+random.IntN(1000)) * time.Millisecond
		mu.Unlock()
		time.Sleep(service)
		mu.Lock()
		busy[grant.Replica()]--
		mu.Unlock()
		grant.Done(Answered)
	}
	walk := func(r *Request) {
		defer r.Close()
		done := make([]chan struct{}, len(g.needs))
		for i := range done {
			done[i] = make(chan struct{})
		}
		for i, needs := range g.needs {
			go func() {
				for _, n := range needs {
					<-done[n]
				}
				visit(r, i)
				close(done[i])
			}()
		}
		for _, d := range done {
			<-d
		}
		mu.Lock()
		through++
		mu.Unlock()
	}
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			st := s.Open(Identity{nameOf("client", i), i%2 == 0}, 0)
			defer st.Close()
			for range each {
				r, err := st.Next(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				all.Go(func() { walk(r) })
			}
		})
	}
	all.Wait()
	return through, over
}
