package sched

// enough is the answer of lack if there is none.
const enough = reasons

// lack says for want of what a stream may take in no more.
func (s *Scheduler) lack(st *Stream) Reason {
	t, l := st.tenant, &s.config.Limits
	switch {
	case st.prefetch > 0 && st.held >= st.prefetch, st != t.single && l.Stream.reached(st.held, st.bytes):
		return StreamFull
	case l.Tenant.reached(t.held, t.bytes):
		return TenantFull
	case l.Total.reached(s.held, s.bytes) && s.aboveShare(t):
		return TotalFull
	}
	return enough
}

// aboveShare says that a tenant has at least its even share of what may be under way in all. One that has not may go on, so nobody can fill the gateway for others.
func (s *Scheduler) aboveShare(t *tenant) bool {
	n := s.active
	if t.held == 0 {
		n++
	}
	l := s.config.Limits.Total
	return Limit{max(l.Requests/n, min(l.Requests, 1)), max(l.Bytes/int64(n), min(l.Bytes, 1))}.reached(t.held, t.bytes)
}

// take counts a request as under way.
func (s *Scheduler) take(r *Request, bytes int64) {
	st, t := r.stream, r.stream.tenant
	if t.held == 0 {
		s.active++
	}
	t.users++
	st.held++
	t.held++
	s.held++
	s.resize(r, bytes)
}

// resize changes the bytes of a request.
func (s *Scheduler) resize(r *Request, bytes int64) {
	st, t, more := r.stream, r.stream.tenant, bytes-r.bytes
	r.bytes = bytes
	st.size = bytes
	st.bytes += more
	t.bytes += more
	s.bytes += more
	if more < 0 {
		s.madeRoom(st)
	}
}

// give takes a request out of those under way.
func (s *Scheduler) give(r *Request) {
	st, t, size := r.stream, r.stream.tenant, r.stream.size
	st.held--
	t.held--
	s.held--
	if t.held == 0 {
		s.active--
	}
	s.resize(r, 0)
	st.size = size
	s.madeRoom(st)
	s.leave(t)
}

// lineUp has a stream wait for what it lacks.
func (s *Scheduler) lineUp(st *Stream) {
	t := st.tenant
	switch lack := s.lack(st); lack {
	case enough:
		s.hand(st)
	case StreamFull: // it waits for itself
	case TenantFull:
		st.place = t.readers.PushBack(st)
	case TotalFull:
		st.place = t.readers.PushBack(st)
		s.join(t)
	}
}

// join puts a tenant in line for what others give back.
func (s *Scheduler) join(t *tenant) {
	if t.place == nil {
		t.place = s.line.PushBack(t)
	}
}

// hand gives a stream the credit that it waits for.
func (s *Scheduler) hand(st *Stream) {
	r := st.pending
	s.withdraw(st)
	s.take(r, st.size)
	st.turn <- struct{}{}
}

// withdraw has a stream wait no more.
func (s *Scheduler) withdraw(st *Stream) {
	t := st.tenant
	st.pending = nil
	if st.place != nil {
		t.readers.Remove(st.place)
		st.place = nil
	}
	if t.readers.Len() == 0 && t.place != nil {
		s.line.Remove(t.place)
		t.place = nil
	}
}

// madeRoom hands on what a stream's request has given back: to the stream itself, its tenant's others, or all in turn.
func (s *Scheduler) madeRoom(st *Stream) {
	t := st.tenant
	if st.pending != nil && st.place == nil {
		s.lineUp(st)
	}
	l := &s.config.Limits
	if t.readers.Len() > 0 && !l.Tenant.reached(t.held, t.bytes) {
		s.join(t)
	}
	for s.line.Len() > 0 {
		next := s.line.Front().Value.(*tenant)
		if l.Total.reached(s.held, s.bytes) {
			// Only who has less than its share may go on, and of those that wait only this tenant can have come to that.
			if t.place == nil || s.aboveShare(t) {
				return
			}
			next = t
		}
		s.line.Remove(next.place)
		next.place = nil
		s.hand(next.readers.Front().Value.(*Stream))
		if next.readers.Len() > 0 && !l.Tenant.reached(next.held, next.bytes) {
			s.join(next)
		}
	}
}

// reconsider has all streams that wait do so by new limits.
func (s *Scheduler) reconsider() {
	for _, t := range s.tenants {
		for range t.readers.Len() {
			st := t.readers.Front().Value.(*Stream)
			r := st.pending
			s.withdraw(st)
			st.pending = r
			s.lineUp(st)
		}
	}
}
