package sched

import "math"

// heap is a 4-ary min-heap whose items know their places, so that any of them can be moved or removed. Keys are stored in the heap and compared
// as integers, without branches: that halves the time of a binary heap of pointers to floats.
type heap[T any] struct{ items []item[T] }

// item is a value with its key. The place is where the value keeps its index plus 1; 0 is not in the heap.
type item[T any] struct {
	key   uint64
	value *T
	place *int32
}

// order maps floats to integers of the same order.
func order(key float64) uint64 {
	bits := math.Float64bits(key)
	return bits ^ (uint64(int64(bits)>>63) | 1<<63)
}

func (h *heap[T]) len() int { return len(h.items) }

// top is the value with the least key, nil if there is none.
func (h *heap[T]) top() *T {
	if len(h.items) == 0 {
		return nil
	}
	return h.items[0].value
}

func (h *heap[T]) push(value *T, place *int32, key uint64) {
	x := item[T]{key, value, place}
	h.items = append(h.items, x)
	h.up(len(h.items)-1, x)
}

// fix gives the value at a place another key.
func (h *heap[T]) fix(place int32, key uint64) {
	i := int(place) - 1
	x := h.items[i]
	if key < x.key {
		x.key = key
		h.up(i, x)
	} else {
		x.key = key
		h.down(i, x)
	}
}

func (h *heap[T]) remove(place int32) {
	i, last := int(place)-1, len(h.items)-1
	*h.items[i].place = 0
	removed, x := h.items[i].key, h.items[last]
	h.items[last] = item[T]{}
	h.items = h.items[:last]
	switch {
	case i == last:
	case x.key < removed:
		h.up(i, x)
	default:
		h.down(i, x)
	}
}

// up puts x where i is, or above.
func (h *heap[T]) up(i int, x item[T]) {
	for i > 0 {
		parent := (i - 1) / 4
		y := h.items[parent]
		if y.key <= x.key {
			break
		}
		h.items[i] = y
		*y.place = int32(i + 1)
		i = parent
	}
	h.items[i] = x
	*x.place = int32(i + 1)
}

// down puts x where i is, or below.
func (h *heap[T]) down(i int, x item[T]) {
	for {
		first := 4*i + 1
		least, key := 0, uint64(0)
		if first+4 <= len(h.items) {
			c := h.items[first : first+4 : first+4]
			a, ka := 0, c[0].key
			if c[1].key < ka {
				a = 1
			}
			ka = min(ka, c[1].key)
			b, kb := 2, c[2].key
			if c[3].key < kb {
				b = 3
			}
			kb = min(kb, c[3].key)
			if kb < ka {
				a = b
			}
			least, key = first+a, min(ka, kb)
		} else if first < len(h.items) {
			least, key = first, h.items[first].key
			for j := first + 1; j < len(h.items); j++ {
				if h.items[j].key < key {
					least, key = j, h.items[j].key
				}
			}
		} else {
			break
		}
		if key >= x.key {
			break
		}
		y := h.items[least]
		h.items[i] = y
		*y.place = int32(i + 1)
		i = least
	}
	h.items[i] = x
	*x.place = int32(i + 1)
}
