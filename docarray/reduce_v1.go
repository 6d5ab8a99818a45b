package docarray

import "google.golang.org/protobuf/encoding/protowire"

// mergedV1 is a document of v1 that others were merged into, as the fields of all that are in it.
type mergedV1 struct {
	fields          [][]byte // whole fields but for content, chunks and matches
	has             uint64   // the numbers of the fields that are not empty, by bit
	content         field    // blob, tensor or text
	chunks, matches *reducer
}

func newMergedV1(doc []byte) (*mergedV1, error) {
	m := &mergedV1{}
	children, err := m.add(doc, func(field) bool { return true })
	if err != nil {
		return nil, err
	}
	if m.chunks, err = newReducer(V1, children.chunks); err != nil {
		return nil, err
	}
	m.matches, err = newReducer(V1, children.matches)
	return m, err
}

func (m *mergedV1) merge(doc []byte, depth int) error {
	had := m.has
	children, err := m.add(doc, func(f field) bool {
		return f.num != v1ID && f.num != v1ParentID && had&bit(f.num) == 0 && !f.isZero()
	})
	if err != nil {
		return err
	}
	if err := m.chunks.merge(children.chunks, depth+1); err != nil {
		return err
	}
	return m.matches.merge(children.matches, depth+1)
}

type childrenV1 struct{ chunks, matches [][]byte }

// add takes the document's content, if it is of a kind not there yet, and those of its other fields that accept
// chooses. It returns the chunks and matches.
func (m *mergedV1) add(doc []byte, accept func(field) bool) (children childrenV1, err error) {
	var content field
	for f, err := range fields(doc) {
		if err != nil {
			return children, err
		}
		switch {
		case f.is(v1Chunks, protowire.BytesType):
			children.chunks = append(children.chunks, f.val)
		case f.is(v1Matches, protowire.BytesType):
			children.matches = append(children.matches, f.val)
		case f.is(v1Blob, protowire.BytesType), f.is(v1Tensor, protowire.BytesType), f.is(v1Text, protowire.BytesType):
			content = f
		case accept(f):
			m.fields = append(m.fields, f.raw)
			if !f.isZero() {
				m.has |= bit(f.num)
			}
		}
	}
	if content.num != m.content.num && !content.isZero() {
		m.content = content
	}
	return children, nil
}

// bit tells field numbers apart as far as there are any; greater ones share a bit.
func bit(num protowire.Number) uint64 { return 1 << min(num, 63) }

func (m *mergedV1) appendTo(b []byte) []byte {
	for _, raw := range m.fields {
		b = append(b, raw...)
	}
	b = append(b, m.content.raw...)
	b = m.chunks.appendTo(b, v1Chunks)
	return m.matches.appendTo(b, v1Matches)
}
