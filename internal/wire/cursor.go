package wire

import (
	"errors"
	"io"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

var errGroup = errors.New("groups are not part of this protocol")

// cursor reads protobuf fields from a message that lies in several buffers, without joining them.
type cursor struct {
	buffers mem.BufferSlice
	pos     int // from the message's start
	index   int // the buffer that pos is in
	base    int // position of that buffer's first byte
}

// current returns what is left of the current buffer, moving on to the next when it is used up; nil at the end.
func (c *cursor) current() []byte {
	for c.index < len(c.buffers) {
		b := c.buffers[c.index].ReadOnlyData()
		if rest := b[c.pos-c.base:]; len(rest) > 0 {
			return rest
		}
		c.base += len(b)
		c.index++
	}
	return nil
}

func (c *cursor) done() bool { return c.current() == nil }

func (c *cursor) varint() (uint64, error) {
	b := c.current()
	if v, n := protowire.ConsumeVarint(b); n > 0 {
		c.pos += n
		return v, nil
	}
	// It crosses buffers, or is none.
	var joined [10]byte
	n := 0
	for ; n < len(joined); n++ {
		b := c.current()
		if b == nil {
			break
		}
		joined[n] = b[0]
		c.pos++
		if b[0] < 0x80 {
			n++
			break
		}
	}
	v, size := protowire.ConsumeVarint(joined[:n])
	if size < 0 {
		return 0, protowire.ParseError(size)
	}
	return v, nil
}

func (c *cursor) tag() (protowire.Number, protowire.Type, error) {
	v, err := c.varint()
	if err != nil {
		return 0, 0, err
	}
	num, typ := protowire.DecodeTag(v)
	if num < protowire.MinValidNumber {
		return 0, 0, errors.New("invalid field number")
	}
	return num, typ, nil
}

// length reads a length that skip will check against what is there.
func (c *cursor) length() (int, error) {
	v, err := c.varint()
	if err != nil {
		return 0, err
	}
	if v > 1<<31-1 {
		return 0, io.ErrUnexpectedEOF
	}
	return int(v), nil
}

func (c *cursor) skip(n int) error {
	for n > 0 {
		b := c.current()
		if b == nil {
			return io.ErrUnexpectedEOF
		}
		step := min(n, len(b))
		c.pos += step
		n -= step
	}
	return nil
}

func (c *cursor) skipValue(_ protowire.Number, typ protowire.Type) error {
	switch typ {
	case protowire.VarintType:
		_, err := c.varint()
		return err
	case protowire.Fixed32Type:
		return c.skip(4)
	case protowire.Fixed64Type:
		return c.skip(8)
	case protowire.BytesType:
		n, err := c.length()
		if err != nil {
			return err
		}
		return c.skip(n)
	}
	return errGroup
}

// pieces calls f with the parts of each buffer that lie in [start, end).
func (c *cursor) pieces(start, end int, f func(b mem.Buffer, from, to int)) {
	base := 0
	for _, b := range c.buffers {
		if base >= end {
			return
		}
		from, to := max(start-base, 0), min(end-base, b.Len())
		if from < to {
			f(b, from, to)
		}
		base += b.Len()
	}
}

// appendRange appends a copy of [start, end).
func (c *cursor) appendRange(dst []byte, start, end int) []byte {
	c.pieces(start, end, func(b mem.Buffer, from, to int) { dst = append(dst, b.ReadOnlyData()[from:to]...) })
	return dst
}

// view returns [start, end) for reading at once: in place if it lies in one buffer.
func (c *cursor) view(start, end int) []byte {
	if start >= c.base && c.index < len(c.buffers) {
		return c.buffers[c.index].ReadOnlyData()[start-c.base : end-c.base]
	}
	return c.appendRange(nil, start, end)
}

// appendSlices appends references to the buffers under [start, end).
func (c *cursor) appendSlices(dst mem.BufferSlice, start, end int) mem.BufferSlice {
	c.pieces(start, end, func(b mem.Buffer, from, to int) { dst = append(dst, b.Slice(from, to)) })
	return dst
}
