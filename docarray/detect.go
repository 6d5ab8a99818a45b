package docarray

import "google.golang.org/protobuf/encoding/protowire"

// Detect tells the generation of data's documents: field 1 of a v2 document is a map entry (a message of a key and a
// value), that of a v1 document its id, and v2 documents have no other field. It looks at documents until one tells;
// ok is false if none does, as when there are no documents.
func Detect(data []byte) (gen Generation, ok bool) {
	for doc, err := range documents(data) {
		if err != nil {
			return 0, false
		}
		if gen, ok = detectDocument(doc); ok {
			return gen, true
		}
	}
	return 0, false
}

func detectDocument(doc []byte) (Generation, bool) {
	for f, err := range fields(doc) {
		if err != nil {
			return 0, false
		}
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
	for f, err := range fields(b) {
		if err != nil || f.typ != protowire.BytesType || f.num > 2 {
			return false
		}
	}
	return true
}
