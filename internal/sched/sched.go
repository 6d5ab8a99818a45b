package sched

import (
	"container/list"
	"fmt"
	"sync"
	"time"
)

// Scheduler shares the executors of one gateway between its clients. It is safe for concurrent use, as is all that belongs to it unless said otherwise.
type Scheduler struct {
	clock clock

	mu       sync.Mutex // guards all below, and the credits of tenants, streams and requests
	config   Config
	pools    []*Pool // by index; nil where one has been closed
	tenants  map[Identity]*tenant
	departed list.List // tenants without streams and requests, the one that left first at the front

	held   int       // requests under way
	bytes  int64     // of them
	active int       // tenants that have requests under way or wait to read
	line   list.List // tenants that wait for others to give back
}

// New returns a scheduler without pools. The error lists every fault of the configuration.
func New(c Config) (*Scheduler, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	return &Scheduler{clock: clock{time.Now()}, config: c, tenants: map[Identity]*tenant{}}, nil
}

// Configure changes the configuration; nothing that waits or is served is lost. With an error nothing has changed.
func (s *Scheduler) Configure(c Config) error {
	if err := c.check(); err != nil {
		return fmt.Errorf("scheduler: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.config = c
	for _, t := range s.tenants {
		settings := c.of(t.id)
		t.settings.Store(&settings)
	}
	for _, p := range s.pools {
		if p != nil {
			p.configure(&c)
		}
	}
	s.reconsider()
	return nil
}

// Pool returns the pool of that name, with this configuration; a new one if there is none.
func (s *Scheduler) Pool(name string, c PoolConfig) (*Pool, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("executor %q: %w", name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	free := len(s.pools)
	for i, p := range s.pools {
		switch {
		case p == nil:
			free = i
		case p.name == name:
			p.mu.Lock()
			p.config = c
			p.replicas.configure(c.Slots, p.clock.now())
			p.changed()
			return p, nil
		}
	}
	p := newPool(s, name, free, c)
	if free == len(s.pools) {
		s.pools = append(s.pools, nil)
	}
	s.pools[free] = p
	return p, nil
}

// Close takes a pool out of the scheduler. Requests that wait in it or are served go on, so long as it has replicas.
func (p *Pool) Close() {
	s := p.sched
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pools[p.index] == p {
		s.pools[p.index] = nil
	}
}

// Name is the executor's.
func (p *Pool) Name() string { return p.name }

// Add makes a replica known. Peer is whatever the caller calls it by.
func (p *Pool) Add(name string, peer any) *Replica {
	r := &Replica{Name: name, Peer: peer, pool: p, fullSince: -1}
	p.mu.Lock()
	p.replicas.add(r, p.clock.now())
	p.changed()
	return r
}

// Pause takes a replica out of use: requests that it has go on, and it gets no others. Where all replicas are paused, requests wait.
func (r *Replica) Pause() { r.change(func() { r.paused = true }) }

// Resume ends a pause.
func (r *Replica) Resume() { r.change(func() { r.paused = false }) }

// Remove takes a replica out for good. Requests that it has go on.
func (r *Replica) Remove() { r.change(func() { r.pool.replicas.remove(r, r.pool.clock.now()) }) }

func (r *Replica) change(f func()) {
	p := r.pool
	p.mu.Lock()
	if !r.removed {
		f()
		p.replicas.place(r)
	}
	p.changed()
}

// changed serves whom it can after slots have changed, and gives the mutex back.
func (p *Pool) changed() {
	others := p.dispatch(p.clock.now(), nil)
	p.mu.Unlock()
	wake(others)
}

func newPool(s *Scheduler, name string, index int, c PoolConfig) *Pool {
	p := &Pool{sched: s, name: name, index: index, clock: s.clock, mode: s.config.Mode, config: c, flows: map[*tenant]*flow{}}
	p.replicas = newReplicas(p)
	p.replicas.configure(c.Slots, p.clock.now())
	p.source = p.replicas
	p.group = &flow{inner: &tier{}}
	p.place(p.group, s.config.Unknown)
	return p
}

// configure gives all flows their places under another configuration.
func (p *Pool) configure(c *Config) {
	p.mu.Lock()
	was := p.mode
	p.mode = c.Mode
	p.place(p.group, c.Unknown)
	for _, f := range p.listed {
		p.place(f, *f.tenant.settings.Load())
	}
	if was != p.mode {
		p.restart()
	}
	p.changed()
}

// place puts a flow where its tenant's settings want it. Its claim on, or debt to, the tier that it leaves goes along.
func (p *Pool) place(f *flow, c Settings) {
	f.orderBy(c.Order)
	band := c.band()
	if p.mode == FIFO {
		band = middleBand
	}
	to := &p.roots[band]
	if f.inner == nil && !f.tenant.id.Known {
		f.group, to = p.group, p.group.inner
		c.Weight, band = 1, int(p.group.band)
	}
	from, queued := f.tier, f.seat.taken()
	if queued {
		from.backlog.remove(f)
		from.weight -= f.weight
		p.mark(f)
	}
	if from != nil && from != to {
		f.tag += to.vtime - from.vtime
		to.latest = max(to.latest, f.tag)
		from.docs -= f.docs
		to.docs += f.docs
	}
	f.tier, f.band, f.weight = to, int8(band), c.weight()
	if queued {
		to.weight += f.weight
		to.backlog.push(f, p.key(f))
		p.mark(f)
	}
}

// restart begins all accounts anew, after a change of mode.
func (p *Pool) restart() {
	for _, f := range p.listed {
		f.tag = f.tier.vtime
	}
	p.group.tag = p.group.tier.vtime
	p.group.inner.pooled = p.group.inner.vtime
	p.rescale(0) // until the next service time is known
}

// rescale has calendars divided for a service time; 0 has them exact.
func (p *Pool) rescale(service float64) {
	p.scale, p.scaled = service, p.serial
	rebuild := func(t *tier) { t.backlog.rebuild(service/bucketsPerService, t.vtime, p.key) }
	rebuild(p.group.inner) // first, since first in, first out the group's key depends on it
	for i := range p.roots {
		rebuild(&p.roots[i])
	}
}
