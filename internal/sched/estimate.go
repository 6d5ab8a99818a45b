package sched

import "time"

// estimate is how long, in seconds, until a request of a tenant that came now would have its answer from the executor. It is 0 while too little is known.
func (p *Pool) estimate(t *tenant, docs int64) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	slots := float64(p.source.capacity())
	if !p.learned() || slots == 0 {
		return 0
	}
	f := p.flow(t)
	service := float64(docs) * f.perDoc.or(p.perDoc.mean)
	if p.source.free() && p.waiting == 0 {
		return service
	}
	// The first slot comes free after a part of a service time. Then come higher bands; then all that waits in the tenant's band, at the rate of all slots, or what
	// it has waiting itself, at that of its share, whichever is less.
	work := func(docs int64, perDoc float64) float64 { return float64(docs) * perDoc / slots }
	wait := work(p.roots[f.band].docs, p.perDoc.mean)
	if p.mode == Fair {
		wait = min(wait, work(f.docs, f.perDoc.or(p.perDoc.mean))/p.share(f))
	}
	for band := int(f.band) + 1; band < bands; band++ {
		wait += work(p.roots[band].docs, p.perDoc.mean)
	}
	return p.service.mean/(slots+1) + wait + service
}

// nextEnd is about how long until one of the requests in service ends; 0 if too little is known.
func (p *Pool) nextEnd() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	slots := p.source.capacity()
	if !p.learned() || slots == 0 {
		return 0
	}
	return duration(p.service.mean / float64(slots))
}

// share is a flow's part of the slots while it has waiters.
func (p *Pool) share(f *flow) float64 {
	all := f.tier.weight
	if !f.seat.taken() {
		all += f.weight
	}
	share := f.weight / all
	if f.group != nil {
		share *= p.share(f.group)
	}
	return share
}

// refuse counts a request that was refused because it would have waited here too long.
func (p *Pool) refuse(t *tenant) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flow(t).refused[TooLate]++
}
