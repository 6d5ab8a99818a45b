package wire

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// Header is a HeaderProto.
type Header struct {
	RequestID string
	// Status is a serialised StatusProto; nil if there is none.
	Status []byte
	// ExecEndpoint and TargetExecutor tell an empty text from none: a client sees the difference.
	ExecEndpoint   Optional
	TargetExecutor Optional

	rest []byte // the timeout, which nobody reads, and unknown fields, tags included
}

// Optional is a text that may be absent.
type Optional struct {
	Text    string
	Present bool
}

// Some is a text that is present.
func Some(text string) Optional { return Optional{Text: text, Present: true} }

const (
	headerRequestID      protowire.Number = 1
	headerStatus         protowire.Number = 2
	headerExecEndpoint   protowire.Number = 3
	headerTargetExecutor protowire.Number = 4
)

// merge reads a serialised HeaderProto into h, as protobuf merges a field that occurs more than once.
func (h *Header) merge(b []byte) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if typ != protowire.BytesType || num < headerRequestID || num > headerTargetExecutor {
			size := protowire.ConsumeFieldValue(num, typ, b[n:])
			if size < 0 {
				return protowire.ParseError(size)
			}
			h.rest = append(h.rest, b[:n+size]...)
			b = b[n+size:]
			continue
		}
		value, size := protowire.ConsumeBytes(b[n:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		switch num {
		case headerRequestID:
			h.RequestID = string(value)
		case headerStatus:
			h.Status = append(append([]byte{}, h.Status...), value...)
		case headerExecEndpoint:
			h.ExecEndpoint = Some(string(value))
		case headerTargetExecutor:
			h.TargetExecutor = Some(string(value))
		}
		b = b[n+size:]
	}
	return nil
}

func (h *Header) size() int {
	n := len(h.rest)
	if h.RequestID != "" {
		n += protowire.SizeTag(headerRequestID) + protowire.SizeBytes(len(h.RequestID))
	}
	if h.Status != nil {
		n += protowire.SizeTag(headerStatus) + protowire.SizeBytes(len(h.Status))
	}
	if h.ExecEndpoint.Present {
		n += protowire.SizeTag(headerExecEndpoint) + protowire.SizeBytes(len(h.ExecEndpoint.Text))
	}
	if h.TargetExecutor.Present {
		n += protowire.SizeTag(headerTargetExecutor) + protowire.SizeBytes(len(h.TargetExecutor.Text))
	}
	return n
}

func (h *Header) append(b []byte) []byte {
	if h.RequestID != "" {
		b = protowire.AppendTag(b, headerRequestID, protowire.BytesType)
		b = protowire.AppendString(b, h.RequestID)
	}
	if h.Status != nil {
		b = protowire.AppendTag(b, headerStatus, protowire.BytesType)
		b = protowire.AppendBytes(b, h.Status)
	}
	if h.ExecEndpoint.Present {
		b = protowire.AppendTag(b, headerExecEndpoint, protowire.BytesType)
		b = protowire.AppendString(b, h.ExecEndpoint.Text)
	}
	if h.TargetExecutor.Present {
		b = protowire.AppendTag(b, headerTargetExecutor, protowire.BytesType)
		b = protowire.AppendString(b, h.TargetExecutor.Text)
	}
	return append(b, h.rest...)
}

// StatusProto decodes the status; an absent one is SUCCESS.
func (h *Header) StatusProto() (*jinapb.StatusProto, error) {
	s := new(jinapb.StatusProto)
	if err := proto.Unmarshal(h.Status, s); err != nil {
		return nil, fmt.Errorf("status of request %q: %w", h.RequestID, err)
	}
	return s, nil
}

// SetStatus replaces the status.
func (h *Header) SetStatus(s *jinapb.StatusProto) error {
	b, err := proto.Marshal(s)
	if err != nil {
		return fmt.Errorf("status of request %q: %w", h.RequestID, err)
	}
	h.Status = append([]byte{}, b...)
	return nil
}

// Route is a RouteProto: one node's part in answering a request.
type Route struct {
	Executor string
	// Start and End are absent when zero: an executor names itself without times, a node that was skipped has no end.
	Start, End time.Time
	// Status is a serialised StatusProto, of a node that failed.
	Status []byte
}

const (
	routeExecutor protowire.Number = 1
	routeStart    protowire.Number = 2
	routeEnd      protowire.Number = 3
	routeStatus   protowire.Number = 4

	timestampSeconds protowire.Number = 1
	timestampNanos   protowire.Number = 2
)

// append appends the route as a field of a DataRequestProto.
func (r Route) append(b []byte) []byte {
	var body [64]byte
	route := protowire.AppendTag(body[:0], routeExecutor, protowire.BytesType)
	route = protowire.AppendString(route, r.Executor)
	route = appendTime(route, routeStart, r.Start)
	route = appendTime(route, routeEnd, r.End)
	if r.Status != nil {
		route = protowire.AppendTag(route, routeStatus, protowire.BytesType)
		route = protowire.AppendBytes(route, r.Status)
	}
	b = protowire.AppendTag(b, fieldRoutes, protowire.BytesType)
	return protowire.AppendBytes(b, route)
}

func appendTime(b []byte, num protowire.Number, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	var body [24]byte
	stamp := protowire.AppendTag(body[:0], timestampSeconds, protowire.VarintType)
	stamp = protowire.AppendVarint(stamp, uint64(t.Unix()))
	stamp = protowire.AppendTag(stamp, timestampNanos, protowire.VarintType)
	stamp = protowire.AppendVarint(stamp, uint64(t.Nanosecond()))
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return protowire.AppendBytes(b, stamp)
}
