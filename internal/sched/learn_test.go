package sched

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// Slots are found exactly, soon, without giving out more than one too many, and stay for ten hours of flood.
func TestSlotsAreLearned(t *testing.T) {
	for _, slots := range []int{1, 2, 4, 8, 32} {
		for name, e := range map[string]func() executor{
			"in order":    func() executor { return newServer(slots) },
			"all at once": func() executor { return newSharer(slots) },
		} {
			t.Run(fmt.Sprintf("%d %s", slots, name), func(t *testing.T) {
				simulate(t, Config{}, PoolConfig{}, func(x *sim) {
					x.add(e())
					service := time.Duration(slots) * second // so that ten hours are 36,000 requests
					flood := x.client("flood", service)
					soon := 20 * int(math.Log2(float64(slots)))
					wrong, high := 0, 0
					flood.after = func(done int) {
						learned, most := x.slots()
						if done >= soon && learned != slots && most != slots {
							wrong = done
						}
						high = max(high, most)
					}
					flood.flood(1_000_000, 100)
					x.until(10 * time.Hour)
					if wrong > 0 {
						t.Errorf("after %d requests not %d slots", wrong, slots)
					}
					if high > slots+1 {
						t.Errorf("up to %d slots were given out", high)
					}
					if learned, _ := x.slots(); learned != slots {
						t.Errorf("%d slots after ten hours", learned)
					}
				})
			})
		}
	}
}
