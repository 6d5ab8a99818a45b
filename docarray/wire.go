package docarray

import (
	"errors"
	"fmt"
	"iter"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// maxDepth bounds how deep documents, lists and dictionaries may nest. Python's protobuf refuses messages nested
// deeper than 100, and every level of ours is at least one of its messages.
const maxDepth = 100

var (
	errDepth = fmt.Errorf("nested deeper than %d levels", maxDepth)
	errUTF8  = errors.New("text is not valid UTF-8")
)

// field is one field of a message as it stands on the wire.
type field struct {
	num protowire.Number
	typ protowire.Type
	raw []byte // tag and value
	val []byte // value; of a length-delimited field its content
}

// nextField splits the first field off a message. The field aliases b.
func nextField(b []byte) (f field, rest []byte, err error) {
	num, typ, tag := protowire.ConsumeTag(b)
	if tag < 0 {
		return field{}, nil, fmt.Errorf("malformed message: %w", protowire.ParseError(tag))
	}
	size := protowire.ConsumeFieldValue(num, typ, b[tag:])
	if size < 0 {
		return field{}, nil, fmt.Errorf("malformed field %d: %w", num, protowire.ParseError(size))
	}
	end := tag + size
	f = field{num: num, typ: typ, raw: b[:end:end], val: b[tag:end:end]}
	if typ == protowire.BytesType {
		f.val, _ = protowire.ConsumeBytes(f.val)
		f.val = f.val[:len(f.val):len(f.val)]
	}
	return f, b[end:], nil
}

// fields yields the fields of a message, and an error at the end if there is one.
func fields(b []byte) iter.Seq2[field, error] {
	return func(yield func(field, error) bool) {
		for len(b) > 0 {
			f, rest, err := nextField(b)
			if !yield(f, err) || err != nil {
				return
			}
			b = rest
		}
	}
}

func (f field) is(num protowire.Number, typ protowire.Type) bool { return f.num == num && f.typ == typ }

func (f field) uint() uint64 {
	switch f.typ {
	case protowire.VarintType:
		v, _ := protowire.ConsumeVarint(f.val)
		return v
	case protowire.Fixed32Type:
		v, _ := protowire.ConsumeFixed32(f.val)
		return uint64(v)
	case protowire.Fixed64Type:
		v, _ := protowire.ConsumeFixed64(f.val)
		return v
	}
	return 0
}

func (f field) text() (string, error) {
	if !utf8.Valid(f.val) {
		return "", errUTF8
	}
	return string(f.val), nil
}

// isZero reports whether the field says no more than its absence would.
func (f field) isZero() bool {
	switch f.typ {
	case protowire.BytesType:
		return len(f.val) == 0
	case protowire.StartGroupType:
		return false
	}
	return f.uint() == 0
}

// mapEntry splits an entry of a map<string, message> field.
func mapEntry(b []byte) (key string, value []byte, err error) {
	k, value, err := splitEntry(b)
	if err != nil {
		return "", nil, err
	}
	key, err = field{val: k}.text()
	return key, value, err
}

// splitEntry is mapEntry for those who only compare the key.
func splitEntry(b []byte) (key, value []byte, err error) {
	for f, err := range fields(b) {
		if err != nil {
			return nil, nil, err
		}
		switch {
		case f.is(1, protowire.BytesType):
			key = f.val
		case f.is(2, protowire.BytesType):
			value = f.val
		}
	}
	return key, value, nil
}

// beginMessage opens a length-delimited field; endMessage, given the position returned, closes it.
func beginMessage(b []byte, num protowire.Number) ([]byte, int) {
	b = protowire.AppendTag(b, num, protowire.BytesType)
	return append(b, 0), len(b) + 1
}

// endMessage writes the length of what was appended since beginMessage, moving it if the length needs more than the
// one byte that was kept free.
func endMessage(b []byte, pos int) []byte {
	size := len(b) - pos
	extra := protowire.SizeVarint(uint64(size)) - 1
	if extra > 0 {
		b = append(b, make([]byte, extra)...)
		copy(b[pos+extra:], b[pos:pos+size])
	}
	protowire.AppendVarint(b[:pos-1], uint64(size))
	return b
}

func appendBytes(b []byte, num protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), v)
}

func appendText(b []byte, num protowire.Number, s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return b, errUTF8
	}
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s), nil
}

// appendPlainText omits the empty string, as proto3 does for fields without presence.
func appendPlainText(b []byte, num protowire.Number, s string) ([]byte, error) {
	if s == "" {
		return b, nil
	}
	return appendText(b, num, s)
}

// unknown are the fields of a message that this package doesn't know, as they were read. They mean something in the
// generation they came from only.
type unknown struct {
	gen Generation
	raw []byte
}

func (u *unknown) keep(gen Generation, f field) {
	u.gen = gen
	u.raw = append(u.raw, f.raw...)
}

func (u *unknown) appendTo(b []byte, gen Generation) ([]byte, error) {
	if len(u.raw) > 0 && u.gen != gen {
		return b, fmt.Errorf("holds data that only generation %v can express", u.gen)
	}
	return append(b, u.raw...), nil
}
