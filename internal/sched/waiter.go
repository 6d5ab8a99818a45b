package sched

// waiter is a request that waits for a slot or, once granted, holds one. The pool's mutex guards it; it is used again for another request.
type waiter struct {
	links    [lists]links
	lane     *lane
	docs     int64  // at least 1
	deadline int64  // 0 is none
	arrived  int64  // when it began to wait
	sequence uint64 // in the order of arrival at the pool
	id       uint64 // of this use
	state    state
	place    int32   // in the flow's order by deadline
	pooled   float64 // virtual seconds charged to the pooled account on arrival
	avoid    *Replica
	ready    chan struct{} // has a token once the state is no longer waiting
	next     *waiter       // of those to be woken, or of those not in use

	// What follows is set when it is granted or refused.
	replica *Replica
	number  uint64  // of those sent to the replica
	taken   int64   // when it was
	start   int64   // when its service began, as far as can be known here; 0 while it has been sent ahead
	guess   float64 // executor-seconds charged
	refusal *Refusal
}

type state uint8

const (
	unused state = iota
	waiting
	granted
	refused
)

// The lists that a waiter is in.
const (
	inLane    = iota // of its stream's requests
	inArrival        // of its flow's, in the order of arrival
	inReplica        // of its replica's, once granted
	lists
)

type links struct{ next, prev *waiter }

// queue is a list through waiters.
type queue struct{ head, tail *waiter }

func (l *queue) push(w *waiter, k int) {
	w.links[k] = links{prev: l.tail}
	if l.tail == nil {
		l.head = w
	} else {
		l.tail.links[k].next = w
	}
	l.tail = w
}

func (l *queue) pushFront(w *waiter, k int) {
	w.links[k] = links{next: l.head}
	if l.head == nil {
		l.tail = w
	} else {
		l.head.links[k].prev = w
	}
	l.head = w
}

func (l *queue) remove(w *waiter, k int) {
	at := w.links[k]
	if at.prev == nil {
		l.head = at.next
	} else {
		at.prev.links[k].next = at.next
	}
	if at.next == nil {
		l.tail = at.prev
	} else {
		at.next.links[k].prev = at.prev
	}
	w.links[k] = links{}
}

// lane is the requests of one stream that wait in one pool, first in, first out. It is in its flow's ring while there are any.
type lane struct {
	flow       *flow
	onward     bool
	waiters    queue
	next, prev *lane
}

// ring is the lanes of a flow that have waiters, the next one to be served first.
type ring struct{ head *lane }

func (r *ring) push(l *lane) {
	if r.head == nil {
		l.next, l.prev = l, l
		r.head = l
		return
	}
	last := r.head.prev
	l.next, l.prev = r.head, last
	last.next, r.head.prev = l, l
}

func (r *ring) remove(l *lane) {
	if l.next == l {
		r.head = nil
	} else {
		l.next.prev, l.prev.next = l.prev, l.next
		if r.head == l {
			r.head = l.next
		}
	}
	l.next, l.prev = nil, nil
}
