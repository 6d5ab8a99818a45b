package sched

import (
	"math"
	"time"
)

// clock counts nanoseconds from the scheduler's beginning, from 1: cheaper to hold and to compare than a time.Time.
type clock struct{ epoch time.Time }

func (c clock) now() int64 { return int64(time.Since(c.epoch)) + 1 }

// at is the clock's reading at a time, at least 1; 0 for the zero time.
func (c clock) at(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(int64(t.Sub(c.epoch))+1, 1)
}

func (c clock) time(at int64) time.Time { return c.epoch.Add(time.Duration(at - 1)) }

func seconds(d int64) float64 { return float64(d) / float64(time.Second) }

// nanoseconds is a duration that is not negative, and at most about a year.
func nanoseconds(s float64) int64 { return int64(min(max(s, 0), 3e7) * float64(time.Second)) }

func duration(s float64) time.Duration { return time.Duration(nanoseconds(s)) }

// average is an exponentially weighted mean. The first samples count alike.
type average struct {
	mean    float64
	samples int
}

const (
	// averageOver is about how many samples an average remembers.
	averageOver = 16
	// outlier is how many times the mean a sample counts at most, once the mean is worth something.
	outlier = 10
)

func (a *average) add(x float64) {
	if a.samples >= averageOver {
		x = min(x, max(outlier*a.mean, 0.001))
	}
	if a.samples < averageOver {
		a.samples++
	}
	a.mean += (x - a.mean) / float64(a.samples)
}

// or is the mean, or another value while there is none.
func (a *average) or(unknown float64) float64 {
	if a.samples == 0 {
		return unknown
	}
	return a.mean
}

// usage is executor-seconds used: in all, and lately.
type usage struct {
	total float64
	late  float64 // decays by half each usageHalfLife
	at    int64
}

const usageHalfLife = 10 * time.Second

func (u *usage) add(s float64, now int64) {
	u.total += s
	u.late = u.lately(now) + s
	u.at = now
}

func (u *usage) lately(now int64) float64 {
	return u.late * math.Exp2(-float64(now-u.at)/float64(usageHalfLife))
}
