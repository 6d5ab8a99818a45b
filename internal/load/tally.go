package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Bounds of the latency histogram, in microseconds; what is longer counts as an hour.
const (
	shortest    = 1
	longest     = int64(time.Hour / time.Microsecond)
	precision   = 3  // significant digits
	rateSeconds = 10 // the rate shown is that of the last so many seconds
)

// Timeline is how many seconds a tally remembers; a terminal is hardly wider.
const Timeline = 240

// Second is what happened to a client in one second of the run.
type Second struct {
	Answers int
	// Waiting says that some request waited in this second.
	Waiting bool
}

// tally counts what happens to one client's requests. Requests are numbered from 0 in the order of sending.
type tally struct {
	start time.Time // of the run

	mu      sync.Mutex // guards the rest
	latency *hdrhistogram.Histogram
	waiting map[uint64]time.Time // when each request without an answer was, or should have been, sent
	oldest  uint64               // no request before it waits
	sent    uint64
	answers uint64
	failed  uint64
	first   time.Time // of the first request
	end     time.Time // zero while the client is at work
	err     error     // why it ended early
	seconds [Timeline]Second
	second  int // the newest one in seconds, counted from the start
}

func newTally(start time.Time) *tally {
	return &tally{start: start, latency: hdrhistogram.New(shortest, longest, precision), waiting: map[uint64]time.Time{}}
}

// send notes that the next request goes out, and returns its number.
func (t *tally) send(due time.Time) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(time.Now())
	n := t.sent
	if n == 0 {
		t.first = due
	}
	t.sent++
	t.waiting[n] = due
	t.current().Waiting = true
	return n
}

// answer notes that request n was answered, and reports whether it was waiting.
func (t *tally) answer(n uint64, failed bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.advance(now)
	due, ok := t.waiting[n]
	if !ok {
		return false
	}
	delete(t.waiting, n)
	for t.oldest < t.sent {
		if _, waits := t.waiting[t.oldest]; waits {
			break
		}
		t.oldest++
	}
	_ = t.latency.RecordValue(min(max(now.Sub(due).Microseconds(), shortest), longest)) // within bounds: cannot fail
	t.answers++
	if failed {
		t.failed++
	}
	t.current().Answers++
	return true
}

// finish notes that the client stopped, and why if it should not have.
func (t *tally) finish(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end, t.err = time.Now(), err
}

// advance moves on to the second that now is in.
func (t *tally) advance(now time.Time) {
	for second := int(now.Sub(t.start) / time.Second); t.second < second; {
		t.second++
		*t.current() = Second{Waiting: len(t.waiting) > 0}
	}
}

func (t *tally) current() *Second { return &t.seconds[t.second%Timeline] }

// report copies the figures as they are now.
func (t *tally) report(name string) ClientReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if !t.end.IsZero() {
		now = t.end
	}
	t.advance(now)
	r := ClientReport{
		Name: name, Sent: t.sent, Answered: t.answers, Failed: t.failed, Waiting: uint64(len(t.waiting)),
	}
	if t.err != nil {
		r.Error = t.err.Error()
	}
	if t.answers > 0 {
		r.Latency = &Latency{t.quantile(50), t.quantile(90), t.quantile(99), t.quantile(99.9), t.quantile(100)}
	}
	if due, waits := t.waiting[t.oldest]; waits {
		r.OldestWait = Span(now.Sub(due))
	}
	if t.sent > 0 {
		r.Rate = t.rate(now)
	}
	r.FirstSecond = max(0, t.second-Timeline+1)
	for s := r.FirstSecond; s <= t.second; s++ {
		r.Seconds = append(r.Seconds, t.seconds[s%Timeline])
	}
	return r
}

func (t *tally) quantile(percent float64) Span {
	return Span(t.latency.ValueAtPercentile(percent)) * Span(time.Microsecond)
}

// rate is answers per second: of the last seconds while the client is at work, of all its time when it has ended.
func (t *tally) rate(now time.Time) float64 {
	if !t.end.IsZero() {
		return float64(t.answers) / max(now.Sub(t.first).Seconds(), 1e-3)
	}
	// The current second is not over yet, and the first may have begun before the client did.
	var answers int
	from := max(0, t.second-rateSeconds, int(t.first.Sub(t.start)/time.Second))
	for s := from; s < t.second; s++ {
		answers += t.seconds[s%Timeline].Answers
	}
	since := t.start.Add(time.Duration(from) * time.Second)
	if since.Before(t.first) {
		since = t.first
	}
	until := t.start.Add(time.Duration(t.second) * time.Second)
	if !until.After(since) {
		return 0
	}
	return float64(answers) / until.Sub(since).Seconds()
}
