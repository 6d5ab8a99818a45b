package sched

import (
	"errors"
	"fmt"
	"time"
)

// Refusal is the error of a request that is not served. A gateway answers with RESOURCE_EXHAUSTED and RetryAfter.
type Refusal struct {
	Reason Reason
	Tenant string
	// Pool is where the request would have waited too long; empty if it is not about one.
	Pool string
	// RetryAfter is when the same request may be accepted, as far as can be told: 0 is unknown.
	RetryAfter time.Duration
	// Needed is how long until an answer, as estimated, and Left how long until the deadline; for reasons of time.
	Needed, Left time.Duration
}

// Reason is why a request was refused.
type Reason uint8

const (
	// TooLate: it could not be answered before its deadline, so it was refused on arrival.
	TooLate Reason = iota
	// Expired: while it waited it became clear that it could not be answered before its deadline.
	Expired
	// StreamFull, TenantFull and TotalFull: the limit of requests or bytes under way was reached.
	StreamFull
	TenantFull
	TotalFull
	reasons
)

// String is the reason as a label of a metric.
func (r Reason) String() string {
	return [...]string{"too_late", "expired", "stream_full", "tenant_full", "total_full"}[r]
}

func (r *Refusal) Error() string {
	var why string
	switch r.Reason {
	case TooLate, Expired:
		why = fmt.Sprintf("an answer takes about %v, its deadline is in %v", r.Needed.Round(time.Millisecond), r.Left.Round(time.Millisecond))
	case StreamFull:
		why = "its stream has as many requests or bytes under way as it may"
	case TenantFull:
		why = "its tenant has as many requests or bytes under way as it may"
	default:
		why = "the gateway has as many requests or bytes under way as it may"
	}
	text := fmt.Sprintf("request of tenant %q refused (%s): %s", r.Tenant, r.Reason, why)
	if r.Pool != "" {
		text = fmt.Sprintf("request of tenant %q refused at executor %q (%s): %s", r.Tenant, r.Pool, r.Reason, why)
	}
	if r.RetryAfter > 0 {
		text += fmt.Sprintf("; try again in %v", r.RetryAfter.Round(time.Millisecond))
	}
	return text
}

// ErrClosed is the error of a request or stream that has been closed.
var ErrClosed = errors.New("sched: closed")
