package sched

import "math/bits"

// A calendar has buckets for this many virtual service times, some of them for those who may start in the past.
const (
	bucketsPerService = 64
	bucketsOfCredit   = idleCredit * bucketsPerService
	buckets           = 16 * bucketsPerService // a power of two
)

// calendar holds flows in the order of their tags. It is a calendar queue: a ring of buckets, a fraction of a service time wide, first in, first out in each, so
// that moving a flow costs the same among ten and among 100,000; and a heap for the few whose tags are far ahead. The order is wrong by less
// than a bucket, but tags are not, so the error does not add up.
//
// Without a width it is a heap, and the order is exact.
type calendar struct {
	width  float64 // of a bucket, in virtual seconds
	per    float64 // 1/width: buckets in a virtual second
	low    int64   // the first bucket; buckets are numbered from the beginning of virtual time
	first  int64   // no flow is in a bucket before this one
	near   int     // flows in buckets
	ring   []bucket
	used   [buckets / 64]uint64
	beyond heap[flow]
}

type bucket struct{ first, last *flow }

// seat is where a flow is in a calendar.
type seat struct {
	next, prev *flow // in the bucket
	bucket     int64 // its number
	place      int32 // in the heap; -1 in a bucket
}

func (s *seat) taken() bool { return s.place != 0 }

func (c *calendar) len() int { return c.near + c.beyond.len() }

func (c *calendar) push(f *flow, key float64) {
	if c.width == 0 || key >= float64(c.low+buckets)*c.width {
		c.beyond.push(f, &f.seat.place, order(key))
		return
	}
	number := max(int64(key*c.per), c.low)
	if c.ring == nil {
		c.ring = make([]bucket, buckets)
	}
	slot := number & (buckets - 1)
	b := &c.ring[slot]
	f.seat = seat{prev: b.last, bucket: number, place: -1}
	if b.last == nil {
		b.first = f
		c.used[slot/64] |= 1 << (slot % 64)
	} else {
		b.last.seat.next = f
	}
	b.last = f
	if c.near == 0 || number < c.first {
		c.first = number
	}
	c.near++
}

func (c *calendar) remove(f *flow) {
	if f.seat.place > 0 {
		c.beyond.remove(f.seat.place)
		return
	}
	slot, at := f.seat.bucket&(buckets-1), f.seat
	b := &c.ring[slot]
	if at.prev == nil {
		b.first = at.next
	} else {
		at.prev.seat.next = at.next
	}
	if at.next == nil {
		b.last = at.prev
	} else {
		at.next.seat.prev = at.prev
	}
	if b.first == nil {
		c.used[slot/64] &^= 1 << (slot % 64)
	}
	f.seat = seat{}
	c.near--
}

func (c *calendar) move(f *flow, key float64) {
	c.remove(f)
	c.push(f, key)
}

// top is the flow with the least tag, nil if there is none.
func (c *calendar) top() *flow {
	if c.near == 0 {
		return c.beyond.top()
	}
	slot := c.first & (buckets - 1)
	if c.ring[slot].first == nil {
		c.first += c.distance(slot)
		slot = c.first & (buckets - 1)
	}
	return c.ring[slot].first
}

// distance is that from an empty bucket to the next that is not. There is one.
func (c *calendar) distance(slot int64) int64 {
	word := slot / 64
	if rest := c.used[word] >> (slot % 64); rest != 0 {
		return int64(bits.TrailingZeros64(rest))
	}
	for i := int64(1); ; i++ {
		next := (word + i) % int64(len(c.used))
		if c.used[next] != 0 {
			return i*64 - slot%64 + int64(bits.TrailingZeros64(c.used[next]))
		}
	}
}

// advance moves the ring on with virtual time, and takes into it what has come near.
func (c *calendar) advance(vtime float64) {
	if c.width == 0 {
		return
	}
	low := int64(vtime*c.per) - bucketsOfCredit
	if c.near > 0 {
		low = min(low, c.first)
	}
	if low < c.low+bucketsPerService && c.near > 0 {
		return // a step of a service time is soon enough
	}
	c.low = max(c.low, low)
	for f := c.beyond.top(); f != nil && f.tag < float64(c.low+buckets)*c.width; f = c.beyond.top() {
		c.beyond.remove(f.seat.place)
		c.push(f, f.tag)
	}
}

// rebuild gives the buckets another width, 0 for an exact order, and the flows their keys anew.
func (c *calendar) rebuild(width, vtime float64, key func(*flow) float64) {
	all := make([]*flow, 0, c.len())
	for c.len() > 0 {
		f := c.top()
		c.remove(f)
		all = append(all, f)
	}
	c.width, c.per, c.low, c.first = width, 0, 0, 0
	if width > 0 {
		c.per = 1 / width
		c.low = int64(vtime*c.per) - bucketsOfCredit
	}
	for _, f := range all {
		c.push(f, key(f))
	}
}
