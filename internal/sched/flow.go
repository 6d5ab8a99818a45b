package sched

// flow is a tenant's account and queue at one pool; the pool's mutex guards it. The tenants that nobody vouches for have flows within a
// flow of their own, the group, which is to the pool as one tenant.
type flow struct {
	// What each request needs comes first, in two lines of cache.
	tier *tier // that it is in
	// tag is virtual time: while the flow has waiters the start tag of its next request, else the finish tag of its last.
	tag    float64
	weight float64
	seat   seat // in the tier
	// served says that it has had a request served, so that its tag means something.
	served bool
	byDate bool // earliest deadline first, instead of streams in turn
	band   int8 // of its root tier

	group    *flow // that it is in; nil for those of known tenants and for the group itself
	inner    *tier // the group's flows; nil for all others
	waiting  int
	docs     int64 // of those waiting
	arrivals queue
	rings    [2]ring // of lanes with new entries, and with requests that come from another executor

	perDoc    average      // executor-seconds
	dates     heap[waiter] // of waiters, if byDate
	inService int
	used      usage
	refused   Refusals
	tenant    *tenant // nil for the group
	listed    int     // its place among the pool's
}

// add puts a waiter into its queue.
func (f *flow) add(w *waiter, again bool) {
	l := w.lane
	if l.waiters.head == nil {
		f.rings[index(l.onward)].push(l)
	}
	if again {
		l.waiters.pushFront(w, inLane)
	} else {
		l.waiters.push(w, inLane)
	}
	f.arrivals.push(w, inArrival)
	if f.byDate {
		f.dates.push(w, &w.place, w.date())
	}
	f.waiting++
}

// remove takes a waiter out of its queue. If it was served, it is the next stream's turn.
func (f *flow) remove(w *waiter, served bool) {
	l := w.lane
	l.waiters.remove(w, inLane)
	r := &f.rings[index(l.onward)]
	if l.waiters.head == nil {
		r.remove(l)
	} else if served && r.head == l {
		r.head = l.next
	}
	f.arrivals.remove(w, inArrival)
	if w.place > 0 {
		f.dates.remove(w.place)
	}
	f.waiting--
}

// next is the waiter whose turn it is.
func (f *flow) next(m Mode) *waiter {
	switch {
	case m == FIFO:
		return f.arrivals.head
	case f.byDate:
		return f.dates.top()
	}
	for i := len(f.rings) - 1; i >= 0; i-- {
		if l := f.rings[i].head; l != nil {
			return l.waiters.head
		}
	}
	return nil
}

// name is the tenant's.
func (f *flow) name() string { return f.tenant.id.Name }

// orderBy changes the order within the flow.
func (f *flow) orderBy(o Order) {
	if f.byDate == (o == ByDeadline) {
		return
	}
	f.byDate = o == ByDeadline
	for w := f.arrivals.head; w != nil; w = w.links[inArrival].next {
		if f.byDate {
			f.dates.push(w, &w.place, w.date())
		} else {
			f.dates.remove(w.place)
		}
	}
}

// date is a waiter's key in the order by deadline: those without come last, as they arrived. Requests from another executor come before new ones.
func (w *waiter) date() uint64 {
	const none, entry = 1 << 62, 1 << 63
	key := uint64(w.deadline)
	if w.deadline == 0 {
		key = none + w.sequence
	}
	if !w.lane.onward {
		key |= entry
	}
	return key
}

func index(onward bool) int {
	if onward {
		return 1
	}
	return 0
}
