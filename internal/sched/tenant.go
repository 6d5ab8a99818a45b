package sched

import (
	"container/list"
	"math"
	"sync/atomic"
	"time"
)

// Identity is whom a request is from.
type Identity struct {
	Name string
	// Known says that somebody vouches for the name: a proxy, a token, the configuration. Others may call themselves as they like, as often as they
	// like, so all together they get one tenant's share, which they divide evenly, and one idle credit.
	Known bool
}

const (
	// remember is how long, and how many of, the tenants that have left keep their accounts.
	remember     = 10 * time.Minute
	rememberMost = 4096
)

// tenant is an identity that has streams, or had until lately. The scheduler's mutex guards it, but for settings, which pools read, and refused.
type tenant struct {
	id       Identity
	settings atomic.Pointer[Settings]
	single   *Stream // of requests that come by themselves
	refused  [reasons]atomic.Uint64

	users    int           // streams and requests
	departed *list.Element // if there are none
	left     time.Time     // when the last one went

	held    int // requests under way
	bytes   int64
	readers list.List     // streams that wait to take in a request, but not for themselves
	place   *list.Element // among the tenants that wait for others to give back, if any of readers may go on then
}

// use returns the tenant of that name, and counts one user more.
func (s *Scheduler) use(id Identity) *tenant {
	t := s.tenants[id]
	if t == nil {
		t = &tenant{id: id}
		settings := s.config.of(id)
		t.settings.Store(&settings)
		t.single = &Stream{sched: s, tenant: t}
		s.tenants[id] = t
		s.forget()
	}
	if t.departed != nil {
		s.departed.Remove(t.departed)
		t.departed = nil
	}
	t.users++
	return t
}

// leave counts one user less.
func (s *Scheduler) leave(t *tenant) {
	if t.users--; t.users == 0 {
		t.left = time.Now()
		t.departed = s.departed.PushBack(t)
		s.forget()
	}
}

// forget drops the accounts of some tenants that left long ago. What they would have had to wait for has passed since.
func (s *Scheduler) forget() {
	for range 2 {
		e := s.departed.Front()
		if e == nil {
			return
		}
		t := e.Value.(*tenant)
		if s.departed.Len() <= rememberMost && time.Since(t.left) < remember {
			return
		}
		s.departed.Remove(e)
		delete(s.tenants, t.id)
		for _, p := range s.pools {
			if p != nil {
				p.forget(t)
			}
		}
	}
}

// forget drops a tenant's flow.
func (p *Pool) forget(t *tenant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.flows[t]
	if f == nil {
		return
	}
	delete(p.flows, t)
	last := p.listed[len(p.listed)-1]
	p.listed[f.listed], last.listed = last, f.listed
	p.listed[len(p.listed)-1] = nil
	p.listed = p.listed[:len(p.listed)-1]
}

// lanes are a stream's places in one pool: for requests just taken in, and for those from another executor.
type lanes struct {
	pool  *Pool
	lanes [2]lane
}

// lane returns a stream's place in a pool.
func (st *Stream) lane(p *Pool, onward bool) *lane {
	if all := st.lanes.Load(); all != nil && p.index < len(*all) {
		if l := (*all)[p.index]; l != nil && l.pool == p {
			return &l.lanes[index(onward)]
		}
	}
	return &st.enter(p).lanes[index(onward)]
}

// enter makes places for a stream in a pool. Those of other pools stay where they are, as others may be reading them.
func (st *Stream) enter(p *Pool) *lanes {
	p.mu.Lock()
	f := p.flow(st.tenant)
	p.mu.Unlock()
	l := &lanes{pool: p, lanes: [2]lane{{flow: f}, {flow: f, onward: true}}}
	for {
		old := st.lanes.Load()
		var all []*lanes
		if old != nil {
			all = append(all, *old...)
		}
		for len(all) <= p.index {
			all = append(all, nil)
		}
		if other := all[p.index]; other != nil && other.pool == p {
			return other
		}
		all[p.index] = l
		if st.lanes.CompareAndSwap(old, &all) {
			return l
		}
	}
}

// flow returns a tenant's flow in the pool.
func (p *Pool) flow(t *tenant) *flow {
	f := p.flows[t]
	if f == nil {
		f = &flow{tenant: t, listed: len(p.listed)}
		p.flows[t] = f
		p.listed = append(p.listed, f)
		p.place(f, *t.settings.Load())
		f.tag = math.Inf(-1) // as if it had always been idle
	}
	return f
}
