// Package wire is Jina's gRPC protocol: its messages, service names, reflection, and a codec that leaves documents as the bytes
// they came in.
//
// A Message is a DataRequestProto of which only the envelope (header, parameters, routes) is decoded. Its documents stay in the
// buffers grpc received them in, and go out again from there: forwarding costs the same whatever they hold.
package wire

import (
	"fmt"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of DataRequestProto and DataRequestListProto.
const (
	fieldHeader     protowire.Number = 1
	fieldParameters protowire.Number = 2
	fieldRoutes     protowire.Number = 3
	fieldData       protowire.Number = 4

	fieldRequests protowire.Number = 1
)

// Message is a DataRequestProto with its documents undecoded.
//
// It owns references to the buffers its documents are in; Free gives them back. A Message may be sent any number of times before it is freed
// and is not to be changed while it is being sent.
type Message struct {
	Header Header
	// Parameters is a serialised google.protobuf.Struct; nil if there was none.
	Parameters []byte
	// Routes holds the serialised route fields, tags included, one after the other.
	Routes []byte

	data      mem.BufferSlice // the fields numbered 4, tags included, in the order they came
	unknown   []byte          // fields this version does not know, tags included
	malformed error           // why the bytes received are no request
}

// Free gives back the documents' buffers. The envelope stays readable.
func (m *Message) Free() {
	m.data.Free()
	m.data = nil
}

// Size is the number of bytes that the message takes on the wire.
func (m *Message) Size() int { return m.envelopeSize() + m.data.Len() }

// HasData says whether the message has documents, or room for them: an empty list counts.
func (m *Message) HasData() bool { return len(m.data) > 0 }

// Data returns the DataContentProto: a copy, with repeated fields joined as protobuf merges them. It is nil without documents.
func (m *Message) Data() ([]byte, error) {
	var content []byte
	for rest := m.data.Materialize(); len(rest) > 0; {
		_, _, n := protowire.ConsumeTag(rest)
		value, size := protowire.ConsumeBytes(rest[n:])
		if size < 0 {
			return nil, fmt.Errorf("documents of request %q: %w", m.Header.RequestID, protowire.ParseError(size))
		}
		if content == nil && n+size == len(rest) {
			return value, nil
		}
		content = append(content, value...)
		rest = rest[n+size:]
	}
	return content, nil
}

// SetData replaces the documents by a serialised DataContentProto, which the message keeps; nil takes them away.
func (m *Message) SetData(content []byte) {
	m.data.Free()
	m.data = nil
	if content == nil {
		return
	}
	prefix := protowire.AppendTag(make([]byte, 0, 12), fieldData, protowire.BytesType)
	prefix = protowire.AppendVarint(prefix, uint64(len(content)))
	m.data = mem.BufferSlice{mem.SliceBuffer(prefix), mem.SliceBuffer(content)}
}

// ShareData gives to the documents of from, without copying them.
func (m *Message) ShareData(from *Message) {
	from.data.Ref()
	m.data.Free()
	m.data = append(mem.BufferSlice(nil), from.data...)
}

// Clone returns a copy with an envelope of its own and the same documents. Both must be freed.
func (m *Message) Clone() *Message {
	c := *m
	c.data = nil
	c.ShareData(m)
	return &c
}

// AddRoute appends a route to those the message carries.
func (m *Message) AddRoute(r Route) { m.Routes = r.append(m.Routes[:len(m.Routes):len(m.Routes)]) }

// envelopeSize is the length of everything but the documents.
func (m *Message) envelopeSize() int {
	n := protowire.SizeTag(fieldHeader) + protowire.SizeBytes(m.Header.size())
	if m.Parameters != nil {
		n += protowire.SizeTag(fieldParameters) + protowire.SizeBytes(len(m.Parameters))
	}
	return n + len(m.Routes) + len(m.unknown)
}

// appendEnvelope appends everything but the documents; a reader merges fields in any order.
func (m *Message) appendEnvelope(b []byte) []byte {
	b = protowire.AppendTag(b, fieldHeader, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(m.Header.size()))
	b = m.Header.append(b)
	if m.Parameters != nil {
		b = protowire.AppendTag(b, fieldParameters, protowire.BytesType)
		b = protowire.AppendBytes(b, m.Parameters)
	}
	b = append(b, m.Routes...)
	return append(b, m.unknown...)
}

// marshal serialises the message: one buffer for the envelope, then references to the documents' buffers.
func (m *Message) marshal() mem.BufferSlice {
	m.data.Ref()
	out := make(mem.BufferSlice, 0, 1+len(m.data))
	out = append(out, mem.SliceBuffer(m.appendEnvelope(make([]byte, 0, m.envelopeSize()))))
	return append(out, m.data...)
}

// unmarshal reads the envelope and takes references to the documents' buffers.
func (m *Message) unmarshal(in mem.BufferSlice) error {
	*m = Message{}
	c := cursor{buffers: in}
	for !c.done() {
		start := c.pos
		num, typ, err := c.tag()
		if err != nil {
			return err
		}
		known := typ == protowire.BytesType && num >= fieldHeader && num <= fieldData
		if !known {
			if err := c.skipValue(num, typ); err != nil {
				return err
			}
			m.unknown = c.appendRange(m.unknown, start, c.pos)
			continue
		}
		size, err := c.length()
		if err != nil {
			return err
		}
		body := c.pos
		if err := c.skip(size); err != nil {
			return err
		}
		switch num {
		case fieldHeader:
			if err := m.Header.merge(c.view(body, c.pos)); err != nil {
				return fmt.Errorf("header: %w", err)
			}
		case fieldParameters:
			if m.Parameters == nil {
				m.Parameters = []byte{}
			}
			m.Parameters = c.appendRange(m.Parameters, body, c.pos)
		case fieldRoutes:
			m.Routes = c.appendRange(m.Routes, start, c.pos)
		case fieldData:
			m.data = c.appendSlices(m.data, start, c.pos)
		}
	}
	return nil
}

// List is a DataRequestListProto: the parts of a join that are not merged.
type List struct {
	Requests []*Message

	malformed error // why the bytes received are no list
}

func (l *List) marshal() mem.BufferSlice {
	var out mem.BufferSlice
	for _, m := range l.Requests {
		size := m.envelopeSize()
		prefix := make([]byte, 0, size+16)
		prefix = protowire.AppendTag(prefix, fieldRequests, protowire.BytesType)
		prefix = protowire.AppendVarint(prefix, uint64(size+m.data.Len()))
		m.data.Ref()
		out = append(out, mem.SliceBuffer(m.appendEnvelope(prefix)))
		out = append(out, m.data...)
	}
	return out
}

func (l *List) unmarshal(in mem.BufferSlice) error {
	l.Requests = nil
	c := cursor{buffers: in}
	for !c.done() {
		num, typ, err := c.tag()
		if err != nil {
			return err
		}
		if num != fieldRequests || typ != protowire.BytesType {
			if err := c.skipValue(num, typ); err != nil {
				return err
			}
			continue
		}
		size, err := c.length()
		if err != nil {
			return err
		}
		body := c.pos
		if err := c.skip(size); err != nil {
			return err
		}
		part := c.appendSlices(nil, body, c.pos)
		m := new(Message)
		err = m.unmarshal(part)
		part.Free()
		if err != nil {
			l.free(nil)
			return fmt.Errorf("request %d: %w", len(l.Requests), err)
		}
		l.Requests = append(l.Requests, m)
	}
	return nil
}
