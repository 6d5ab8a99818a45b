package sched

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// A heap gives back what is in it by key, whatever has been moved or removed in between.
func TestHeap(t *testing.T) {
	type value struct {
		key   float64
		place int32
	}
	rapid.Check(t, func(rt *rapid.T) {
		var h heap[value]
		var all []*value
		keys := rapid.Float64Range(-100, 100)
		rt.Repeat(map[string]func(*rapid.T){
			"push": func(rt *rapid.T) {
				v := &value{key: keys.Draw(rt, "key")}
				all = append(all, v)
				h.push(v, &v.place, order(v.key))
			},
			"move": func(rt *rapid.T) {
				if len(all) == 0 {
					rt.Skip()
				}
				v := rapid.SampledFrom(all).Draw(rt, "value")
				v.key = keys.Draw(rt, "key")
				h.fix(v.place, order(v.key))
			},
			"remove": func(rt *rapid.T) {
				if len(all) == 0 {
					rt.Skip()
				}
				i := rapid.IntRange(0, len(all)-1).Draw(rt, "index")
				h.remove(all[i].place)
				if all[i].place != 0 {
					rt.Fatal("a value that was removed has a place")
				}
				all = slices.Delete(all, i, i+1)
			},
			"": func(rt *rapid.T) {
				if h.len() != len(all) {
					rt.Fatalf("%d values, expected %d", h.len(), len(all))
				}
				least := math.Inf(1)
				for _, v := range all {
					if h.items[v.place-1].value != v {
						rt.Fatal("a value is not in its place")
					}
					least = min(least, v.key)
				}
				if len(all) > 0 && h.top().key != least {
					rt.Fatalf("top is %v, expected %v", h.top().key, least)
				}
			},
		})
	})
}

func TestOrderOfFloats(t *testing.T) {
	floats := []float64{math.Inf(-1), -1e300, -1, -1e-300, 0, 1e-300, 1, 1.0000001, 1e300, math.Inf(1)}
	for i, f := range floats[1:] {
		if order(floats[i]) >= order(f) {
			t.Errorf("%v does not come before %v", floats[i], f)
		}
	}
}

// A calendar's top is never more than a bucket away from the least tag, while virtual time goes on, and flows come, are moved and go.
func TestCalendar(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var c calendar
		var all []*flow
		service := rapid.Float64Range(1e-5, 100).Draw(rt, "service")
		if rapid.Bool().Draw(rt, "divided") {
			c.rebuild(service/bucketsPerService, 0, nil)
		}
		vtime := 0.0
		// From the idle credit to what a light tenant or a long request may be charged.
		tags := rapid.OneOf(rapid.Float64Range(-idleCredit, 4), rapid.Float64Range(0, 100))
		tag := func(f *flow) float64 { return f.tag }
		draw := func(rt *rapid.T) float64 { return vtime + service*tags.Draw(rt, "tag") }
		pick := func(rt *rapid.T) *flow {
			if len(all) == 0 {
				rt.Skip()
			}
			return rapid.SampledFrom(all).Draw(rt, "flow")
		}
		remove := func(f *flow) {
			c.remove(f)
			all = slices.DeleteFunc(all, func(other *flow) bool { return other == f })
		}
		rt.Repeat(map[string]func(*rapid.T){
			"push": func(rt *rapid.T) {
				f := &flow{tag: draw(rt)}
				all = append(all, f)
				c.push(f, f.tag)
			},
			"move": func(rt *rapid.T) {
				f := pick(rt)
				f.tag = draw(rt)
				c.move(f, f.tag)
			},
			"remove": func(rt *rapid.T) { remove(pick(rt)) },
			"serve": func(rt *rapid.T) {
				f := c.top()
				if f == nil {
					rt.Skip()
				}
				vtime = max(vtime, f.tag)
				c.advance(vtime)
				if rapid.Bool().Draw(rt, "last") {
					remove(f)
					return
				}
				f.tag = max(f.tag, vtime) + service*rapid.Float64Range(0, 30).Draw(rt, "cost")
				c.move(f, f.tag)
			},
			"rebuild": func(rt *rapid.T) {
				c.rebuild(service*rapid.SampledFrom([]float64{0, 0.25, 1, 4}).Draw(rt, "scale")/bucketsPerService, vtime, tag)
			},
			"": func(rt *rapid.T) {
				if c.len() != len(all) {
					rt.Fatalf("%d flows, expected %d", c.len(), len(all))
				}
				top := c.top()
				if len(all) == 0 {
					if top != nil {
						rt.Fatal("an empty calendar has a top")
					}
					return
				}
				least := math.Inf(1)
				for _, f := range all {
					if !f.seat.taken() {
						rt.Fatal("a flow has no seat")
					}
					least = min(least, f.tag)
				}
				// What is before the first bucket counts as in it.
				if floor := float64(c.low) * c.width; top.tag > max(least, floor)+2*c.width && top.tag > least {
					rt.Fatalf("top has tag %v, the least is %v; buckets of %v, virtual time %v", top.tag, least, c.width, vtime)
				}
			},
		})
	})
}
