package sched

import (
	"fmt"
	"math"
)

// learner finds out how many slots a replica has, from throughput.
//
// While requests wait, one replica tries out another number of slots, and its throughput with all of them in use (slots over mean service time) is
// compared with that before. A slot pays if throughput rises by at least half of what it would if each slot worked for itself. Where one more slot
// pays, twice as many are tried, and so on; where it does not, the number stays and is tried again after a while; now and then, and when replicas
// come or go, one slot less is tried. Latency alone decides nothing: under a flood it says how long the queue is, not how long it should be, and a
// learner that follows it drifts.
//
// A trial looks at cohorts: requests sent one after the other, all of them, however long they take. The first are those of half a service time: if all
// slots pay, or the only one does not, it shows. Otherwise the queue at the replica may still be building up, so there is a second look, at a
// multiple of the slots known to work, since requests often run in step. With fewer slots than before, that is the first.
//
// The more service times differ by themselves, the more requests a trial takes and the bigger its step has to be.
type learner struct {
	canary *Replica // that tries out another number; nil between trials
	target int      // what it tries out
	began  int64    // the trial
	looks  int      // at it, before the present one
	cohort cohort   // looked at
	giveUp int64    // when to wait for it no longer: the canary hangs

	from     int  // slots from which the present climb doubles; 0 if one more slot comes next
	wide     bool // a step of one showed a gain too small to tell: take a bigger one
	cautious int  // having failed with so many slots, climb one by one up to there
	falling  bool // one slot less was as good: try half

	nextUp, nextDown int64 // no trial before
	holdUp, holdDown int   // how many times longer than usual to wait after the next vain trial
	shrunk           int64 // when it last failed

	noise float64 // variance of service times, in squares of their mean, as far as it is chance
	heard int     // blocks

	changed int64
	reason  string
}

// cohort is the requests that a replica was sent with these numbers.
type cohort struct {
	first, end uint64
	ended      uint64
	until      int64 // what is sent later does not belong to it
}

const (
	// leastLook is the least number of requests that a trial takes, firstLook that before the first trial, longestLook the most.
	leastLook   = 2
	firstLook   = 8
	longestLook = 256
	// longMemory is how many blocks the noise is known from.
	longMemory = 32
	// surely is the standard error of a gain at which a verdict is safe at the first look, nearly at the second.
	surely = 0.1
	nearly = 0.2
	// Gains are fractions of what the slots would give if each worked for itself: all pay, worth more than nothing.
	pays     = 0.75
	worth    = 0.05
	leastUse = 0.01 // of throughput, that what is worth something must give
	// A number of slots found right is not questioned for so many rounds: a longer time each time that the question was vain, up to a limit.
	roundsUp, roundsDown = 30, 60
	longestHold          = 8
	// patience is how many times longer than usual the canary may take.
	patience = 10
)

// sample is service times per document, of which it forgets the older ones.
type sample struct {
	n    int
	mean float64
}

func (s *sample) add(x float64) {
	if s.n >= 2*longestLook {
		s.n /= 2
	}
	s.n++
	s.mean += (x - s.mean) / float64(s.n)
}

// block is as many service times as a replica has requests at a time. What runs in step, or in a batch, differs within a block but not from one block
// to the next, so it is the difference between blocks that tells how much of a sample's mean is chance.
type block struct {
	sample
	blocks int     // before this one; the first does not count, since the replica's queue has to settle
	before float64 // mean of the last
}

// observe takes note of a request at a replica that learns nothing new, if all slots were in use as long as it was there.
func (s *replicas) observe(r *Replica, w *waiter, x float64) {
	if r.removed || w.taken <= r.since || r.fullSince < 0 || w.taken < r.fullSince {
		return
	}
	b := &r.block
	b.add(x)
	if b.blocks > 0 {
		r.normal.add(x)
	}
	if n := s.slots * s.window; b.n >= n {
		if b.blocks > 1 && r.normal.mean > 0 {
			d := (b.mean - b.before) / r.normal.mean
			s.heard = min(s.heard+1, longMemory)
			s.noise += (d*d/2*float64(n) - s.noise) / float64(s.heard)
		}
		*b = block{blocks: b.blocks + 1, before: b.mean}
	}
}

// watch takes note of a request that ended at the canary.
func (s *replicas) watch(w *waiter, x float64, answered bool, now int64) {
	c := &s.cohort
	s.closeCohort(now)
	if w.number < c.first || w.number >= c.end {
		return
	}
	if answered {
		s.canary.trial.add(x)
	}
	if c.ended++; c.ended == c.end-c.first {
		s.judge(s.canary, now)
	}
}

// look has the next n requests that the canary is sent watched, or what it is sent until then.
func (s *replicas) look(n int, until, now int64) {
	s.cohort = cohort{first: s.canary.sent, end: s.canary.sent + uint64(n), until: until}
	rounds := patience * (2 + n/s.target)
	s.giveUp = now + nanoseconds(float64(rounds)*s.pool.service.mean)
}

// closeCohort ends the cohort when its time is over.
func (s *replicas) closeCohort(now int64) {
	if c := &s.cohort; now > c.until {
		c.end = min(c.end, s.canary.sent)
	}
}

// try begins a trial at r if one is due, and enough is known about r to compare it with.
func (s *replicas) try(r *Replica, now int64) {
	if r.removed || r.paused || s.heard < firstLook-2 {
		return
	}
	switch step := s.step(); {
	case s.slots > 1 && now >= s.nextDown:
		if s.falling {
			step = s.slots / 2
		}
		s.target = max(s.slots-step, 1)
	case s.slots < maxSlots && now >= s.nextUp:
		switch {
		case s.wide:
			step = max(step, s.slots/4)
		case s.from > 0 && s.cautious == 0:
			step = max(step, 2*s.from-s.slots)
		}
		s.target = min(s.slots+step, maxSlots)
	default:
		return
	}
	low, high := float64(min(s.slots, s.target)), float64(max(s.slots, s.target))
	needed := 2 * s.chance() * math.Pow(high/(high-low)/nearly, 2)
	if r.normal.n < max(leastLook, int(min(needed, longestLook))) || s.target < s.slots && r.normal.n < s.slots*s.window {
		return
	}
	s.canary, s.looks, s.began = r, 0, now
	r.trial = sample{}
	if s.target < s.slots {
		s.look(4*s.target*s.window, math.MaxInt64, now)
	} else {
		// What runs in step starts within half a service time. If more slots are tried out than there are, one of it has to wait.
		half := nanoseconds(s.pool.service.mean * float64(s.window) / 2)
		s.look(s.target*s.window, now+half, now)
		for w := r.requests.tail; w != nil && w.taken >= now-half; w = w.links[inReplica].prev {
			s.cohort.ended += s.cohort.first - w.number - 1 // in the meantime
			s.cohort.first = w.number
		}
	}
	s.setSlots(r, s.target, now)
}

// step is how many slots more or less can be told from none by a trial: one, unless service times differ much by themselves.
func (s *replicas) step() int {
	resolution := nearly / (math.Sqrt(2*s.chance()/longestLook) + 1e-9)
	if resolution <= 2 {
		return s.slots
	}
	return min(max(int(math.Ceil(float64(s.slots)/(resolution-1))), 1), s.slots)
}

// chance is the noise, and two standard errors of it more: from few blocks it is known badly.
func (s *replicas) chance() float64 { return s.noise * (1 + math.Sqrt(8/float64(max(s.heard, 1)))) }

// judge ends the trial at r, if what it has seen is enough.
func (s *replicas) judge(r *Replica, now int64) {
	low, high := min(s.slots, s.target), max(s.slots, s.target)
	period := low * s.window
	gain, doubt, more := s.gain(r)
	if s.looks == 0 {
		if doubt <= surely && (gain >= pays || gain <= worth && (high-low == 1 || s.target < s.slots)) {
			s.conclude(r, gain, doubt, more, now)
			return
		}
		s.looks, r.trial = 1, sample{}
		s.look(4*period, math.MaxInt64, now) // for slots in between, of which it is no multiple
		return
	}
	// This is the difference that one request makes that had to wait, for each cohort.
	ragged := float64(s.looks*period) / float64((high-low)*r.trial.n)
	clear := doubt <= nearly && (gain <= worth || gain-2*doubt-ragged >= worth)
	if !clear && r.trial.n < longestLook {
		s.looks++
		s.look(max(r.trial.n, period)/period*period, math.MaxInt64, now) // twice as many in all
		return
	}
	if gain-ragged < worth {
		gain = 0
	}
	s.conclude(r, gain, doubt, more, now)
}

// gain compares the trial with normal. It returns what the slots between the two numbers give, as a fraction of what they would give if each worked
// for itself; the standard error of that; and what they give relative to the throughput with the smaller number.
func (s *replicas) gain(r *Replica) (gain, doubt, more float64) {
	few, many := &r.normal, &r.trial
	low, high := float64(s.slots), float64(s.target)
	if high < low {
		few, many, low, high = many, few, high, low
	}
	if few.n == 0 || many.n == 0 || many.mean == 0 {
		return 0, math.Inf(1), 0
	}
	ratio := high / low * few.mean / many.mean
	share := low / (high - low)
	doubt = share * ratio * math.Sqrt(s.chance()*(1/float64(few.n)+1/float64(many.n)))
	return (ratio - 1) * share, doubt, ratio - 1
}

// conclude draws the consequence of a trial.
func (s *replicas) conclude(r *Replica, gain, doubt, more float64, now int64) {
	target, slots := s.target, s.slots
	step := target - slots
	if step < 0 {
		step = -step
	}
	// Of the slots tried out those that work show as a part of the gain.
	work := min(max(int(math.Round(gain*float64(step))), 0), step)
	if gain < 2*doubt {
		work = 0
	}
	rising := gain-2*doubt >= worth
	useful := rising && more >= leastUse
	if work == 0 && useful && (step == 1 || target > slots) {
		work = 1 // as in a batch, which gives less with each request but gives
	}
	s.canary = nil
	if target > slots {
		s.concludeUp(r, work, step, rising && !useful, now)
	} else {
		s.concludeDown(r, work, step, now)
	}
}

func (s *replicas) concludeUp(r *Replica, work, step int, unclear bool, now int64) {
	if work == 0 {
		s.setSlots(r, s.slots, now)
		s.from = 0
		if unclear && !s.wide && s.slots/4 > step {
			s.wide = true
			return
		}
		s.wide = false
		s.nextUp = now + s.hold(roundsUp, &s.holdUp, now-s.began)
		return
	}
	before, doubling := s.slots, s.from > 0
	s.from = 0
	if work == step && step < before && !doubling {
		s.from = before
	}
	s.become(r, before+work, fmt.Sprintf("throughput rose with %d slots a replica instead of %d", before+work, before), now)
	s.nextUp, s.holdUp = now, 1
	s.holdDown = 1
	s.nextDown = now + s.hold(roundsDown, &s.holdDown, 0)
}

func (s *replicas) concludeDown(r *Replica, work, step int, now int64) {
	if work == step {
		s.setSlots(r, s.slots, now)
		s.nextDown = now + s.hold(roundsDown, &s.holdDown, now-s.began)
		if s.falling {
			s.falling, s.nextUp = false, now
		}
		return
	}
	before := s.slots
	after := before - step + work
	s.falling = work == 0 && after > 1
	s.from = 0
	s.become(r, after, fmt.Sprintf("throughput was the same with %d slots a replica instead of %d", after, before), now)
	s.nextDown, s.holdDown = now, 1
	if !s.falling {
		s.nextDown = now + s.hold(roundsDown, &s.holdDown, 0)
		s.nextUp, s.holdUp = now, 1
	}
}

// hold is how long a number of slots is not questioned again: so many rounds of four service times, firstLook requests, or a trial that took so long.
// The next time it is twice as long.
func (s *replicas) hold(rounds int, times *int, took int64) int64 {
	round := s.pool.service.or(initialService) * max(4, firstLook/float64(s.slots*max(len(s.all), 1)))
	t := int64(*times) * int64(rounds) * max(nanoseconds(round), took)
	*times = min(2**times, longestHold)
	return t
}

// become changes the slots of all replicas. What the canary has seen with that number stands.
func (s *replicas) become(r *Replica, n int, reason string, now int64) {
	seen := sample{}
	if r != nil && n == s.target {
		seen = r.trial
	}
	s.slots, s.changed, s.reason = n, now, reason
	s.wide = false
	if n >= s.cautious {
		s.cautious = 0
	}
	for _, other := range s.all {
		other.normal, other.block = sample{}, block{}
		if other.slots != n {
			s.setSlots(other, n, now)
		}
	}
	if r != nil {
		r.normal = seen
	}
}

// failed halves the slots: an executor said, or showed, that it has too much to do with a request sent at that time.
func (s *replicas) failed(sent, now int64) {
	if sent < s.shrunk || s.slots == 1 && s.canary == nil {
		return // it has been halved since
	}
	before := s.slots
	s.abandonTrial()
	s.cautious = before
	s.shrunk = now
	s.from, s.falling = 0, false
	s.become(nil, max(before/2, 1), fmt.Sprintf("overloaded with %d slots a replica", before), now)
	s.nextUp = now + s.hold(1, &s.holdUp, 0)
	s.nextDown = now + s.hold(roundsDown, &s.holdDown, 0)
}

// abandonTrial ends a trial without a verdict.
func (s *replicas) abandonTrial() {
	if r := s.canary; r != nil {
		s.canary = nil
		s.setSlots(r, s.slots, s.pool.clock.now())
	}
}

// regrouped has everything questioned soon: replicas have come or gone, and may be of another kind.
func (s *replicas) regrouped(now int64) {
	s.nextUp, s.nextDown, s.holdUp, s.holdDown, s.cautious = now, now, 1, 1, 0
}
