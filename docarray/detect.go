package docarray

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

var errDetected = errors.New("detected")

// Detect tells the generation of data's documents: field 1 of a v2 document is a map entry (a message of a key and a
// value), that of a v1 document its id, and v2 documents have no other field. It looks at documents until one tells;
// ok is false if none does, as when there are no documents.
func Detect(data []byte) (gen Generation, ok bool) {
	_ = eachDocument(data, func(doc []byte) error {
		if gen, ok = detectDocument(doc); ok {
			return errDetected
		}
		return nil
	})
	return gen, ok
}

func detectDocument(doc []byte) (Generation, bool) {
	for len(doc) > 0 {
		f, rest, err := nextField(doc)
		if err != nil {
			return 0, false
		}
		doc = rest
		switch {
		case f.num != 1 || f.typ != protowire.BytesType:
			return V1, true
		case len(f.val) == 0:
			// An empty id or an empty entry.
		case looksLikeEntry(f.val):
			return V2, true
		default:
			return V1, true
		}
	}
	return 0, false
}

// looksLikeEntry reports whether b is a map entry: fields 1 (key) and 2 (a NodeProto) and no others. The tags of both
// are control characters, which no id starts with.
func looksLikeEntry(b []byte) bool {
	for len(b) > 0 {
		f, rest, err := nextField(b)
		if err != nil || f.typ != protowire.BytesType || f.num > 2 {
			return false
		}
		b = rest
	}
	return true
}
