package sched

import (
	"context"
	"math/bits"
	"sync"
	"time"
)

const (
	// initialService is the guess at a service time, in seconds, before there is any.
	initialService = 0.1
	// correctionCap is how many times the guess a correction may be, so that a tenant does not starve for one outlier.
	correctionCap = 10
	// scaleSlack is how many times the service time may become longer or shorter before calendars are divided anew.
	scaleSlack = 4
)

// Pool is an executor, to the scheduler: its replicas and the requests that wait for them.
type Pool struct {
	sched *Scheduler
	name  string
	index int // among the scheduler's; that of a closed pool is used again
	clock clock

	mu       sync.Mutex // guards all below, and the pool's flows, lanes, waiters and replicas
	mode     Mode
	config   PoolConfig
	source   source
	replicas *replicas
	roots    [bands]tier
	backlog  uint32 // a bit for each root tier that has any
	group    *flow  // of the tenants that nobody vouches for
	flows    map[*tenant]*flow
	listed   []*flow // the same
	waiting  int
	// inService counts what has a slot.
	inService int
	serial    uint64
	unused    *waiter
	idle      int // waiters in unused

	service average // executor-seconds per request
	perDoc  average // and per document
	scale   float64 // the service time by which calendars are divided; 0 has them exact
	scaled  uint64  // serial when that was set: to set it moves all that wait, so not before as many have come again
}

// Ticket is what a request asks a pool for.
type Ticket struct {
	// Documents in the request; less than 1 counts as 1.
	Documents int
	// Onward says that the request comes from another executor, so that it goes before those of its tenant that have just been taken in.
	Onward bool
	// Again says that the request has been served here, without success, so that it goes before its stream's others. Avoid is then the replica
	// not to try again if another one is free.
	Again bool
	Avoid *Replica
}

// Grant is a slot of a replica, to be given back by Done.
type Grant struct {
	pool   *Pool
	waiter *waiter
	id     uint64
}

// Outcome is how a request that was given a slot ended.
type Outcome uint8

const (
	// Answered: the executor answered, be it with an error of its code.
	Answered Outcome = iota
	// Overloaded: the executor said that it has too much to do, or did not answer in time. Slots that are learned, not given, become fewer.
	Overloaded
	// Lost: there was no answer because the replica or the connection to it went away.
	Lost
	// Abandoned: the caller stopped waiting. The executor may still be at work, so the guess stays charged. The slot is free all the same: better is to
	// wait for the executor's answer in the client's stead.
	Abandoned
)

// Acquire waits for a slot of the pool. The error is the context's, or a *Refusal if the request cannot be answered before its deadline any more.
func (r *Request) Acquire(ctx context.Context, p *Pool, t Ticket) (Grant, error) {
	if err := ctx.Err(); err != nil {
		return Grant{}, err
	}
	l := r.stream.lane(p, t.Onward)
	p.mu.Lock()
	now := p.clock.now()
	w := p.newWaiter()
	w.lane, w.arrived, w.deadline, w.docs, w.avoid = l, now, r.deadline, int64(max(t.Documents, 1)), t.Avoid
	p.enqueue(w, t.Again)
	others := p.dispatch(now, w)
	g := Grant{p, w, w.id}
	if w.state == waiting {
		p.mu.Unlock()
		wake(others)
		if done := ctx.Done(); done == nil {
			<-w.ready
		} else {
			select {
			case <-w.ready:
			case <-done:
				return Grant{}, p.cancel(ctx, w)
			}
		}
		if w.state == granted {
			return g, nil
		}
		p.mu.Lock()
		others = nil
	}
	err := p.refusal(w)
	p.mu.Unlock()
	wake(others)
	if err != nil {
		return Grant{}, err
	}
	return g, nil
}

// refusal is the error of a waiter that is refused, nil if it is granted.
func (p *Pool) refusal(w *waiter) error {
	if w.state != refused {
		return nil
	}
	err := w.refusal
	p.release(w)
	return err
}

// cancel takes back a request whose caller stopped waiting. It may just have been granted.
func (p *Pool) cancel(ctx context.Context, w *waiter) error {
	p.mu.Lock()
	var others *waiter
	if w.state == waiting {
		p.dequeue(w)
		p.release(w)
	} else {
		p.mu.Unlock()
		<-w.ready // on its way
		p.mu.Lock()
		if w.state == granted {
			others = p.finish(w, p.clock.now(), unsent)
		} else {
			p.release(w)
		}
	}
	p.mu.Unlock()
	wake(others)
	return ctx.Err()
}

// unsent is the outcome of a grant that was not made use of.
const unsent = Abandoned + 1

// Replica is where the request is to be sent.
func (g Grant) Replica() *Replica { return g.waiter.replica }

// Done gives the slot back. Only the first call counts.
func (g Grant) Done(o Outcome) {
	p := g.pool
	p.mu.Lock()
	var others *waiter
	if g.waiter.id == g.id && g.waiter.state == granted {
		others = p.finish(g.waiter, p.clock.now(), o)
	}
	p.mu.Unlock()
	wake(others)
}

// wake lets those go on whose state has changed. It is called without the mutex: waking takes longer than deciding.
func wake(w *waiter) {
	for w != nil {
		next := w.next // before w is another's
		w.next = nil
		w.ready <- struct{}{}
		w = next
	}
}

func (p *Pool) newWaiter() *waiter {
	w := p.unused
	if w == nil {
		w = &waiter{ready: make(chan struct{}, 1)}
	} else {
		p.unused, w.next = w.next, nil
		p.idle--
	}
	w.id++
	w.state = waiting
	return w
}

// release keeps a waiter for another request, unless more are kept than are in use.
func (p *Pool) release(w *waiter) {
	w.state, w.lane, w.avoid, w.replica, w.refusal, w.pooled = unused, nil, nil, nil, nil, 0
	w.id++
	if p.idle > 64+p.waiting {
		return
	}
	w.next, p.unused = p.unused, w
	p.idle++
}

// enqueue puts a request in line.
func (p *Pool) enqueue(w *waiter, again bool) {
	f := w.lane.flow
	p.serial++
	w.sequence = p.serial
	f.add(w, again)
	p.waiting++
	p.count(f, w.docs)
	if f.waiting == 1 {
		p.arrive(f, w)
		p.mark(f)
	}
}

// dequeue takes a request out of line that is not served.
func (p *Pool) dequeue(w *waiter) {
	f := w.lane.flow
	p.takeOut(f, w, false)
	if w.pooled > 0 {
		f.tier.pooled -= w.pooled
	}
}

func (p *Pool) takeOut(f *flow, w *waiter, served bool) {
	f.remove(w, served)
	p.waiting--
	p.count(f, -w.docs)
	p.depart(f)
	p.mark(f)
}

// count adds to the documents that wait.
func (p *Pool) count(f *flow, docs int64) {
	f.docs += docs
	if f.group != nil {
		f = f.group
		f.docs += docs
	}
	f.tier.docs += docs
}

// mark notes whether the root tier that a flow belongs to has a backlog.
func (p *Pool) mark(f *flow) {
	if f.group != nil {
		f = f.group
	}
	bit := uint32(1) << f.band
	if f.tier.backlog.len() > 0 {
		p.backlog |= bit
	} else {
		p.backlog &^= bit
	}
}

// next is the request whose turn it is, and its flow. There is one.
func (p *Pool) next() (*flow, *waiter) {
	f := p.roots[bits.Len32(p.backlog)-1].backlog.top()
	if f.inner != nil {
		f = f.inner.backlog.top()
	}
	return f, f.next(p.mode)
}

// dispatch gives free slots to those whose turn it is, and returns those to be woken, but for self.
func (p *Pool) dispatch(now int64, self *waiter) *waiter {
	var others *waiter
	for p.waiting > 0 && p.source.free() {
		f, w := p.next()
		guess := p.guess(f, w)
		if w.deadline != 0 && now+nanoseconds(guess) > w.deadline && p.learned() {
			p.dequeue(w)
			w.state = refused
			w.refusal = &Refusal{Reason: Expired, Tenant: f.name(), Pool: p.name, Needed: duration(guess), Left: time.Duration(w.deadline - now), RetryAfter: duration(guess)}
			f.refused[Expired]++
		} else {
			if !p.source.take(w, now) {
				break
			}
			p.takeOut(f, w, true)
			p.charge(f, guess)
			w.state, w.taken, w.guess = granted, now, guess
			f.inService++
			p.inService++
		}
		if w != self {
			w.next, others = others, w
		}
	}
	return others
}

// finish ends a request's service and gives its slot to the next. It returns those to be woken.
func (p *Pool) finish(w *waiter, now int64, o Outcome) *waiter {
	f, r := w.lane.flow, w.replica
	took, typical := p.source.put(w, now, o, p.waiting > 0)
	if typical {
		p.learn(f, w, took)
	}
	p.settle(f, w, took, o, now)
	p.release(w)
	others := p.dispatch(now, nil)
	p.source.settle(r)
	return others
}

// settle corrects the charge for a request.
func (p *Pool) settle(f *flow, w *waiter, took float64, o Outcome, now int64) {
	f.inService--
	p.inService--
	charge := min(took, w.guess*(1+correctionCap))
	switch {
	case o == unsent:
		charge = 0
	case o == Abandoned:
		charge = max(charge, w.guess)
	case !p.learned():
		charge = took
	}
	if delta := charge - w.guess; delta != 0 {
		p.correct(f, delta)
		if w.pooled > 0 && p.learned() {
			f.tier.pooled += delta / f.weight
		}
	}
	f.used.add(took, now)
}

// learn takes a service time into the estimates.
func (p *Pool) learn(f *flow, w *waiter, took float64) {
	perDoc := took / float64(w.docs)
	f.perDoc.add(perDoc)
	p.perDoc.add(perDoc)
	p.service.add(took)
	if !p.learned() {
		return
	}
	p.source.tune(p.service.mean, p.config.turnaround())
	if s := p.service.mean; p.mode == Fair && (s > scaleSlack*p.scale || s < p.scale/scaleSlack) && p.serial > p.scaled+uint64(p.waiting) {
		p.rescale(s)
	}
}

// learned says that the estimates are worth something.
func (p *Pool) learned() bool { return p.service.samples >= averageOver/2 }

// guess is how many executor-seconds a request will take: as many per document as its tenant's others, or as everybody's.
func (p *Pool) guess(f *flow, w *waiter) float64 {
	return float64(w.docs) * f.perDoc.or(p.perDoc.or(initialService))
}
