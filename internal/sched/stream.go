package sched

import (
	"container/list"
	"context"
	"sync/atomic"
	"time"
)

// Stream is one connection of a tenant's, on which requests come one after the other. One goroutine at a time may call Next.
type Stream struct {
	sched  *Scheduler
	tenant *tenant
	lanes  atomic.Pointer[[]*lanes] // by pool

	// The scheduler's mutex guards what follows.
	prefetch int // requests under way at a time; 0 is no limit of its own
	held     int // requests under way
	bytes    int64
	size     int64 // of the last request: what the next one is taken to have until it has been read
	closed   bool
	pending  *Request      // that Next waits with
	place    *list.Element // among its tenant's readers, if it waits for others
	turn     chan struct{} // has a token once pending has got its credit
}

// Request is a request under way: from before it is read until its answer is written. That is its credit: it needs no other on its way from
// executor to executor, so that what has been taken in can always go on.
type Request struct {
	stream   *Stream
	bytes    int64 // guarded by the scheduler's mutex, as is closed
	closed   bool
	deadline int64 // 0 is none
}

// Entry is what is known of a request once it has been read.
type Entry struct {
	Bytes int64
	// Deadline is when its client stops waiting; zero is never.
	Deadline time.Time
	// Documents in it; less than 1 counts as 1.
	Documents int
	// Path is the executors that it passes one after the other; where it takes several branches, the slowest.
	Path []*Pool
}

// Open makes a stream known. Prefetch is how many of its requests may be under way at a time; 0 leaves that to the limits.
func (s *Scheduler) Open(id Identity, prefetch int) *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &Stream{sched: s, tenant: s.use(id), prefetch: max(prefetch, 0), turn: make(chan struct{}, 1)}
}

// Close ends a stream. Its requests go on, until they are closed.
func (st *Stream) Close() {
	s := st.sched
	s.mu.Lock()
	defer s.mu.Unlock()
	if !st.closed {
		st.closed = true
		s.leave(st.tenant)
	}
}

// Next waits until the stream may take in another request, and returns it. It must be closed, even if nothing comes.
//
// There is no taking in while the stream or its tenant has as much under way as it may; nor while all together have, unless the tenant has less than an
// even share.
func (st *Stream) Next(ctx context.Context) (*Request, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := st.sched
	r := &Request{stream: st}
	s.mu.Lock()
	if st.closed {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	if s.lack(st) == enough {
		s.take(r, st.size)
		s.mu.Unlock()
		return r, nil
	}
	st.pending = r
	s.lineUp(st)
	s.mu.Unlock()
	select {
	case <-st.turn:
		return r, nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	waits := st.pending != nil
	s.withdraw(st)
	s.mu.Unlock()
	if !waits { // it has got the credit in the meantime
		<-st.turn
		r.Close()
	}
	return nil, ctx.Err()
}

// Single takes in a request that comes by itself, and is there already: it is taken or refused at once, with a *Refusal.
func (s *Scheduler) Single(id Identity, e Entry) (*Request, error) {
	s.mu.Lock()
	t := s.use(id)
	r := &Request{stream: t.single}
	lack := s.lack(t.single)
	if lack == enough {
		s.take(r, e.Bytes)
	}
	s.leave(t)
	s.mu.Unlock()
	if lack != enough {
		t.refused[lack].Add(1)
		refusal := &Refusal{Reason: lack, Tenant: id.Name}
		for _, p := range e.Path {
			refusal.RetryAfter = max(refusal.RetryAfter, p.nextEnd())
		}
		return nil, refusal
	}
	if err := r.Admit(e); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Admit notes what a request is, once it has been read. The error is a *Refusal if it cannot be answered before its deadline; it takes no time to find out.
func (r *Request) Admit(e Entry) error {
	s, t := r.stream.sched, r.stream.tenant
	s.mu.Lock()
	if !r.closed {
		s.resize(r, e.Bytes)
	}
	s.mu.Unlock()
	r.deadline = s.clock.at(e.Deadline)
	if r.deadline == 0 {
		return nil
	}
	needed := 0.0
	var worst float64
	var at *Pool
	for _, p := range e.Path {
		n := p.estimate(t, int64(max(e.Documents, 1)))
		if needed += n; n > worst {
			worst, at = n, p
		}
	}
	left := r.deadline - s.clock.now()
	if left > 0 && nanoseconds(needed) <= left || at == nil && left > 0 {
		return nil
	}
	refusal := &Refusal{Reason: TooLate, Tenant: t.id.Name, Needed: duration(needed), Left: time.Duration(left)}
	if at == nil {
		t.refused[TooLate].Add(1)
		return refusal
	}
	at.refuse(t)
	refusal.Pool = at.name
	refusal.RetryAfter = duration(needed) - max(refusal.Left, 0)
	return refusal
}

// Close ends a request: its answer has been written, or there will be none. Further calls do nothing.
func (r *Request) Close() {
	s := r.stream.sched
	s.mu.Lock()
	defer s.mu.Unlock()
	if !r.closed {
		r.closed = true
		s.give(r)
	}
}
