package sched

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// maxMin is the weighted max-min fair allocation of a capacity to demands: nobody gets more than it asks for, and who gets less has, by weight, as much
// as anybody else.
func maxMin(demands, weights []float64, capacity float64) []float64 {
	got := make([]float64, len(demands))
	open := make([]int, len(demands))
	for i := range open {
		open[i] = i
	}
	for len(open) > 0 {
		sum := 0.0
		for _, i := range open {
			sum += weights[i]
		}
		level := capacity / sum
		still := slices.DeleteFunc(slices.Clone(open), func(i int) bool { return demands[i] <= level*weights[i] })
		if len(still) == len(open) {
			for _, i := range open {
				got[i] = level * weights[i]
			}
			break
		}
		for _, i := range open {
			if !slices.Contains(still, i) {
				got[i] = demands[i]
				capacity -= demands[i]
			}
		}
		open = still
	}
	return got
}

func TestMaxMin(t *testing.T) {
	for _, c := range []struct {
		demands, weights []float64
		capacity         float64
		want             []float64
	}{
		{[]float64{1, 10, 10}, []float64{1, 1, 1}, 9, []float64{1, 4, 4}},
		{[]float64{1, 10, 10}, []float64{1, 1, 3}, 9, []float64{1, 2, 6}},
		{[]float64{1, 2}, []float64{1, 1}, 9, []float64{1, 2}},
	} {
		if got := maxMin(c.demands, c.weights, c.capacity); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%v of %v by %v: %v, expected %v", c.demands, c.capacity, c.weights, got, c.want)
		}
	}
}

// tenantModel is a client that sends requests at an even rate, whether they are answered or not.
type tenantModel struct {
	weight  float64
	demand  float64 // executor-seconds a second
	service time.Duration
	streams int
}

// Whatever clients ask for, they get what max-min fairness says, but for a few requests.
func TestAllocationIsMaxMinFair(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		slots := rapid.IntRange(1, 4).Draw(rt, "slots")
		replicas := rapid.IntRange(1, 3).Draw(rt, "replicas")
		capacity := float64(slots * replicas)
		models := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) tenantModel {
			return tenantModel{
				weight:  rapid.SampledFrom([]float64{0.5, 1, 1, 1, 2, 3.5}).Draw(rt, "weight"),
				demand:  capacity * rapid.Float64Range(0.02, 1.2).Draw(rt, "demand"),
				service: time.Duration(rapid.IntRange(100, 3000).Draw(rt, "service")) * time.Millisecond,
				streams: rapid.IntRange(1, 5).Draw(rt, "streams"),
			}
		}), 1, 5).Draw(rt, "tenants")
		const over = 40 * second
		got := make([]float64, len(models))
		synctest.Test(t, func(t *testing.T) { runModel(t, models, slots, replicas, over, got) })

		demands, weights := make([]float64, len(models)), make([]float64, len(models))
		longest := 0.0
		for i, m := range models {
			demands[i], weights[i] = m.demand, m.weight
			longest = max(longest, m.service.Seconds())
		}
		for i, want := range maxMin(demands, weights, capacity) {
			// As many requests as there are slots may be ahead or behind, and a service time's credit each.
			slack := (0.01*want*over.Seconds() + (capacity+idleCredit+2)*longest)
			if diff := math.Abs(got[i]-want*over.Seconds()) - slack; diff > 0 {
				rt.Fatalf("tenant %d of %+v got %.1f executor-seconds of %.0f, expected %.1f ± %.1f",
					i, models, got[i], capacity*over.Seconds(), want*over.Seconds(), slack)
			}
		}
	})
}

func runModel(t *testing.T, models []tenantModel, slots, replicas int, over time.Duration, got []float64) {
	tenants := map[string]Settings{}
	for i, m := range models {
		tenants[nameOf("tenant", i)] = Settings{Weight: m.weight}
	}
	simulateIn(t, Config{Tenants: tenants}, PoolConfig{Slots: slots, Turnaround: 1}, func(x *sim) {
		for range replicas {
			x.add(newServer(slots))
		}
		clients := make([]*client, len(models))
		for i, m := range models {
			clients[i] = x.client(nameOf("tenant", i), m.service)
			pause := time.Duration(m.service.Seconds() / m.demand * float64(m.streams) * float64(second))
			for range m.streams {
				clients[i].send(func() time.Duration { return pause })
			}
		}
		x.until(20 * second)
		for i, c := range clients {
			got[i] = -c.now().used.Seconds()
		}
		time.Sleep(over)
		for i, c := range clients {
			got[i] += c.now().used.Seconds()
		}
	})
}
