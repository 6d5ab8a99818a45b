package load

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Report is what every client got so far.
type Report struct {
	Target   string         `json:"target"`
	Elapsed  Span           `json:"elapsed_seconds"`
	Duration Span           `json:"duration_seconds"` // 0 is no end
	Clients  []ClientReport `json:"clients"`
}

// ClientReport is what one client got so far. All counts are of requests.
type ClientReport struct {
	Name     string `json:"name"`
	Sent     uint64 `json:"sent"`
	Answered uint64 `json:"answered"`
	Failed   uint64 `json:"failed"` // a part of Answered: an executor's code failed
	Waiting  uint64 `json:"waiting"`
	// Rate is answers per second: of the last ten seconds, or, when the client has ended, of all its time.
	Rate float64 `json:"answers_per_second"`
	// Latency is nil without an answer.
	Latency *Latency `json:"latency_seconds"`
	// OldestWait is the age of the oldest request without an answer.
	OldestWait Span `json:"oldest_wait_seconds"`
	// Error is why the client could not go on.
	Error string `json:"error,omitempty"`
	// Seconds are the last ones up to now or the client's end; FirstSecond numbers the first of them, from the start of the run.
	Seconds     []Second `json:"-"`
	FirstSecond int      `json:"-"`
}

// Latency of the answers so far: from the time a request was sent, or, of a client with a rate, should have been sent.
type Latency struct {
	P50  Span `json:"p50"`
	P90  Span `json:"p90"`
	P99  Span `json:"p99"`
	P999 Span `json:"p999"`
	Max  Span `json:"max"`
}

// Span is a length of time; in JSON it is a number of seconds.
type Span time.Duration

// Seconds is the span as a number.
func (s Span) Seconds() float64 { return time.Duration(s).Seconds() }

// MarshalJSON implements json.Marshaler.
func (s Span) MarshalJSON() ([]byte, error) { return json.Marshal(s.Seconds()) }

// UnmarshalJSON implements json.Unmarshaler.
func (s *Span) UnmarshalJSON(b []byte) error {
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return err
	}
	*s = Span(seconds * float64(time.Second))
	return nil
}

// String is the span as a person would say it, in at most seven characters.
func (s Span) String() string {
	switch d := time.Duration(s); {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1e3)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 100*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	default:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
}

// Report takes the figures of this moment.
func (r *Run) Report() Report {
	report := Report{Target: r.config.Target, Elapsed: Span(r.elapsed()), Duration: Span(r.config.Duration)}
	for i, c := range r.config.Clients {
		report.Clients = append(report.Clients, r.tallies[i].report(c.Name))
	}
	return report
}

// WriteJSON writes the report as one JSON object. Times are in seconds; latency_seconds is null without an answer.
func (r Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}
