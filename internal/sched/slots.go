package sched

import (
	"math"
	"slices"
)

// source is where a pool gets slots from. Replicas of its own are one; where several gateways share an executor, grants of the gateway that
// keeps its slots are another. All methods are called with the pool's mutex held; a source that has got slots by itself calls Pool.changed.
type source interface {
	// free says that take may succeed.
	free() bool
	// take gives w a slot: its replica, and the start of its service.
	take(w *waiter, now int64) bool
	// put takes the slot back and returns how many executor-seconds the service took, and whether that is typical. Binding says that others wait.
	put(w *waiter, now int64, o Outcome, binding bool) (service float64, typical bool)
	// settle is called when what put gave back has been taken again, or has not.
	settle(r *Replica)
	// tune tells the service time and the turnaround, in seconds.
	tune(service, turnaround float64)
	// capacity is the number of slots.
	capacity() int
}

// maxWindow bounds how many requests are sent ahead for one slot.
const maxWindow = 16

// Replica is one instance of an executor. The pool's mutex guards it, but for Name and Peer, which do not change.
type Replica struct {
	// Name is its address.
	Name string
	// Peer is what the caller calls it by.
	Peer any

	pool      *Pool
	place     int32 // in the heap of those with free slots
	inFlight  int
	lastTaken uint64 // of all taken
	sent      uint64 // requests, ever
	slots     int    // as given, learned, or tried out
	paused    bool
	removed   bool
	requests  queue // in flight, as they were sent
	// unstarted is the first of those sent ahead, which are the last ones: an executor that takes them in order has not begun to work on them.
	unstarted *waiter
	ahead     int // number of them
	// fullSince is since when it has had all the requests that it may; -1 if it has not.
	fullSince int64

	since         int64  // when slots changed
	normal, trial sample // service times at the slots learned, and at those tried out
	block         block
}

// replicas is the source of slots of a pool with replicas of its own.
type replicas struct {
	pool   *Pool
	all    []*Replica
	ready  heap[Replica] // those with free slots, the least busy first, of these the one that has waited longest
	taken  uint64        // slots taken, ever
	slots  int           // of each replica, but for one that tries out another number
	given  bool          // not learned
	window int           // requests sent per slot
	learner
}

func newReplicas(p *Pool) *replicas {
	start := learner{changed: p.clock.now(), reason: "one to begin with", holdUp: 1, holdDown: 1}
	return &replicas{pool: p, slots: 1, window: 1, learner: start}
}

func (s *replicas) free() bool { return s.ready.len() > 0 }

func (s *replicas) capacity() int {
	n := 0
	for _, r := range s.all {
		if !r.paused {
			n += r.slots
		}
	}
	return n
}

func (s *replicas) take(w *waiter, now int64) bool {
	r := s.ready.top()
	if r == nil {
		return false
	}
	if r == w.avoid && s.ready.len() > 1 {
		s.ready.remove(r.place)
		r = s.ready.top()
		s.place(w.avoid)
	}
	if r == s.canary {
		s.closeCohort(now)
	}
	w.replica, w.start, w.number = r, now, r.sent
	r.sent++
	r.inFlight++
	s.taken++
	r.lastTaken = s.taken
	r.requests.push(w, inReplica)
	if r.inFlight > r.slots {
		w.start = 0
		if r.ahead == 0 {
			r.unstarted = w
		}
		r.ahead++
	}
	if r.inFlight >= r.slots*s.window && r.fullSince < 0 {
		r.fullSince = now
	}
	s.place(r)
	return true
}

func (s *replicas) put(w *waiter, now int64, o Outcome, binding bool) (float64, bool) {
	r := w.replica
	r.inFlight--
	if w.start == 0 { // it has overtaken others
		w.start = now
		r.ahead--
		if w == r.unstarted {
			r.unstarted = w.links[inReplica].next
		}
	}
	r.requests.remove(w, inReplica)
	s.start(r, now)
	s.place(r)
	service := seconds(now - w.start)
	typical := o == Answered && r != s.canary
	stay := seconds(now-w.taken) / float64(w.docs)
	switch {
	case s.given:
	case o == Overloaded:
		s.failed(w.taken, now)
	case r == s.canary:
		s.watch(w, stay, o == Answered, now)
	case o == Answered:
		s.observe(r, w, stay)
	}
	if s.canary != nil && now > s.giveUp {
		s.abandonTrial()
	}
	if binding && s.canary == nil && !s.given {
		s.try(r, now)
	}
	return service, typical
}

// start begins the service of the requests sent ahead for which there are slots.
func (s *replicas) start(r *Replica, now int64) {
	for r.ahead > 0 && r.inFlight-r.ahead < r.slots {
		r.unstarted.start = now
		r.unstarted = r.unstarted.links[inReplica].next
		r.ahead--
	}
}

func (s *replicas) settle(r *Replica) {
	if r.inFlight < r.slots*s.window {
		r.fullSince = -1
		if r == s.canary {
			s.abandonTrial() // what it tries out is not made use of
		}
	}
}

// place puts a replica where it belongs among those with free slots.
func (s *replicas) place(r *Replica) {
	free := !r.paused && !r.removed && r.inFlight < r.slots*s.window
	switch {
	case free && r.place > 0:
		s.ready.fix(r.place, s.busy(r))
	case free:
		s.ready.push(r, &r.place, s.busy(r))
	case r.place > 0:
		s.ready.remove(r.place)
	}
}

// busy orders replicas by requests in flight, then by who has waited longest.
func (s *replicas) busy(r *Replica) uint64 {
	return uint64(r.inFlight)<<48 | r.lastTaken&(1<<48-1)
}

// setSlots changes the slots of one replica.
func (s *replicas) setSlots(r *Replica, n int, now int64) {
	r.slots, r.since = n, now
	s.start(r, now)
	if r.inFlight < n*s.window {
		r.fullSince = -1
	} else if r.fullSince < 0 {
		r.fullSince = now
	}
	s.place(r)
}

// tune changes how many requests are sent per slot: one, unless the way to the replica and back is more than a 200th of a service.
func (s *replicas) tune(service, turnaround float64) {
	window := 1
	if s.window > 1 {
		service *= 0.8 // not to and fro
	}
	if service < 200*turnaround {
		window = min(1+int(math.Ceil(turnaround/max(service, 1e-9))), maxWindow)
	}
	if window == s.window {
		return
	}
	s.abandonTrial()
	s.window = window
	now := s.pool.clock.now()
	for _, r := range s.all {
		r.normal, r.block = sample{}, block{}
		s.setSlots(r, r.slots, now)
	}
}

// add makes a replica of the executor known.
func (s *replicas) add(r *Replica, now int64) {
	s.all = append(s.all, r)
	s.setSlots(r, s.slots, now)
	s.regrouped(now)
}

func (s *replicas) remove(r *Replica, now int64) {
	s.all = slices.DeleteFunc(s.all, func(other *Replica) bool { return other == r })
	r.removed = true
	s.place(r)
	if r == s.canary {
		s.abandonTrial()
	}
	s.regrouped(now)
}

// configure sets the slots of each replica; 0 has them learned, from those it had.
func (s *replicas) configure(slots int, now int64) {
	if slots == 0 && !s.given || s.given && slots == s.slots {
		return
	}
	s.abandonTrial()
	s.given = slots > 0
	s.learner = learner{changed: now, reason: "configured", holdUp: 1, holdDown: 1}
	if !s.given {
		s.reason, slots = "no longer configured", s.slots
	}
	s.slots = slots
	for _, r := range s.all {
		r.normal, r.block = sample{}, block{}
		s.setSlots(r, slots, now)
	}
}
