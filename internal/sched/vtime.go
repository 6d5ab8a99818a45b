package sched

// idleCredit is how many service times a tenant that was idle may start in the past. Four bring the 99th percentile of a client that asks for up
// to half its share from 10 service times to 2, beside ten floods.
const idleCredit = 4

// tier is a set of flows that share a resource by start-time fair queueing.
//
// A request gets a start tag: virtual time, or the finish of the flow's last request if that is later. The least start tag goes next, and virtual time is
// that of the request that went last. What a request takes, divided by the flow's weight, is the distance to the flow's next tag. So flows with waiters
// get executor-seconds by weight, and none of them collects a claim while it has nothing to send, but for the idle credit.
type tier struct {
	backlog calendar // flows with waiters
	vtime   float64
	latest  float64 // tag of any flow
	weight  float64 // of the flows with waiters, together
	docs    int64   // that wait, if it is a root
	// pooled is, in a group, the account of all requests that bring no account of their own: the first one of each tenant, and those that use idle
	// credit. To the group's other members they are as one, whatever names they come under.
	pooled float64
}

// arrive puts a flow that has just got its first waiter, w, in line.
func (p *Pool) arrive(f *flow, w *waiter) {
	t := f.tier
	if t.backlog.len() == 0 {
		t.weight = 0 // forget what adding up has lost
		if p.inService == 0 && p.mode == Fair {
			t.vtime = max(t.vtime, t.latest) // the executor was idle, so nobody owes anybody anything
		}
	}
	earliest := t.vtime - idleCredit*p.service.or(initialService)/f.weight
	switch {
	case p.mode == FIFO:
	case f.group == nil:
		f.tag = max(f.tag, earliest)
	case !f.served || f.tag < t.vtime && t.pooled < t.vtime:
		w.pooled = p.guess(f, w) / f.weight
		f.tag = max(t.pooled, earliest)
		t.pooled = f.tag + w.pooled
	default:
		f.tag = max(f.tag, t.vtime)
	}
	t.weight += f.weight
	t.backlog.push(f, p.key(f))
	if f.group != nil && !f.group.seat.taken() {
		p.arrive(f.group, w)
	}
}

// depart puts a flow that has lost a waiter in its new place, or out of line if that was its last.
func (p *Pool) depart(f *flow) {
	t := f.tier
	if f.empty() {
		t.backlog.remove(f)
		t.weight -= f.weight
	} else if p.mode == FIFO {
		t.backlog.move(f, p.key(f))
	}
	if f.group != nil {
		p.depart(f.group)
	}
}

// charge makes a flow pay for a request that has departed from it to be served, and puts it in its place for the next.
func (p *Pool) charge(f *flow, seconds float64) {
	t := f.tier
	f.served = true
	if p.mode == Fair {
		t.vtime = max(t.vtime, f.tag)
		t.backlog.advance(t.vtime)
	}
	f.tag += seconds / f.weight
	t.latest = max(t.latest, f.tag)
	if p.mode == Fair && f.seat.taken() {
		// What is left of the idle credit is lost: that is for those who wait for answers, and a flow with a queue does not.
		f.tag = max(f.tag, t.vtime)
		t.backlog.move(f, f.tag)
	}
	if f.group != nil {
		p.charge(f.group, seconds)
	}
}

// correct changes what a flow was charged for a request, once it is known.
func (p *Pool) correct(f *flow, seconds float64) {
	f.tag += seconds / f.weight
	f.tier.latest = max(f.tier.latest, f.tag)
	if p.mode == Fair && f.seat.taken() {
		f.tier.backlog.move(f, f.tag)
	}
	if f.group != nil {
		p.correct(f.group, seconds)
	}
}

// key is a flow's place in its tier: its tag or, first in, first out, the turn of its oldest waiter.
func (p *Pool) key(f *flow) float64 {
	switch {
	case p.mode == Fair:
		return f.tag
	case f.inner != nil:
		return p.key(f.inner.backlog.top())
	}
	return float64(f.arrivals.head.sequence)
}

// empty says that a flow has nothing to wait for.
func (f *flow) empty() bool {
	if f.inner != nil {
		return f.inner.backlog.len() == 0
	}
	return f.waiting == 0
}
