package docarray

import "google.golang.org/protobuf/encoding/protowire"

// mergedV2 is a document of v2 that others were merged into.
type mergedV2 struct {
	names   []string // in order of appearance
	nodes   map[string]*mergedNode
	unknown [][]byte // whole fields
}

func newMergedV2(doc []byte) (*mergedV2, error) {
	m := &mergedV2{nodes: map[string]*mergedNode{}}
	return m, m.merge(doc, 1)
}

func (m *mergedV2) merge(doc []byte, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	// Of a name that occurs more than once in a message the last value counts.
	latest := map[string][]byte{}
	var names []string
	for f, err := range fields(doc) {
		if err != nil {
			return err
		}
		if !f.is(1, protowire.BytesType) {
			m.unknown = append(m.unknown, f.raw)
			continue
		}
		name, node, err := mapEntry(f.val)
		if err != nil {
			return err
		}
		if _, seen := latest[name]; !seen {
			names = append(names, name)
		}
		latest[name] = node
	}
	for _, name := range names {
		if err := m.mergeField(name, latest[name], depth); err != nil {
			return err
		}
	}
	return nil
}

func (m *mergedV2) mergeField(name string, node []byte, depth int) error {
	left := m.nodes[name]
	if left == nil {
		left = &mergedNode{}
		m.nodes[name] = left
		m.names = append(m.names, name)
	}
	return left.merge(node, depth)
}

func (m *mergedV2) appendTo(b []byte) []byte {
	for _, name := range m.names {
		var entry, node int
		b, entry = beginMessage(b, 1)
		b = appendBytes(b, 1, []byte(name))
		b, node = beginMessage(b, 2)
		b = endMessage(m.nodes[name].appendTo(b), node)
		b = endMessage(b, entry)
	}
	for _, raw := range m.unknown {
		b = append(b, raw...)
	}
	return b
}

// mergedNode is a NodeProto that others were merged into.
type mergedNode struct {
	raw     []byte // as it was read, while nothing was merged into it
	content field
	opaque  bool // has fields that this package doesn't know, so it can only be replaced

	parts [][]byte        // of a list, set or dictionary: pieces of its message
	items map[string]bool // of a set: what is in it
	doc   *mergedV2
	docs  *reducer
}

func (m *mergedNode) merge(node []byte, depth int) error {
	content, _, known, err := splitNode(node)
	if err != nil {
		return err
	}
	switch {
	case known && content.num == 0 && m.raw != nil: // null leaves what is there
		return nil
	case !known || m.opaque || content.num != m.content.num || content.num < nodeDoc || content.num == nodeTuple:
		*m = mergedNode{raw: node, content: content, opaque: !known}
		return nil
	}
	return m.mergeContainer(content, depth+1)
}

func (m *mergedNode) mergeContainer(right field, depth int) (err error) {
	switch right.num {
	case nodeDoc:
		if m.doc == nil {
			if m.doc, err = newMergedV2(m.content.val); err != nil {
				return err
			}
		}
		return m.doc.merge(right.val, depth)
	case nodeDocArray:
		return m.mergeDocuments(right.val, depth)
	case nodeSet:
		if m.items == nil {
			m.items = map[string]bool{}
			if err := m.unite(m.content.val); err != nil {
				return err
			}
		}
		return m.unite(right.val)
	default:
		// The pieces of a list make one list; in a dictionary the later of two entries with the same key counts.
		if m.parts == nil {
			m.parts = append(m.parts, m.content.val)
		}
		m.parts = append(m.parts, right.val)
		return nil
	}
}

func (m *mergedNode) mergeDocuments(right []byte, depth int) error {
	if m.docs == nil {
		docs, err := collect(listed(m.content.val))
		if err != nil {
			return err
		}
		if m.docs, err = newReducer(V2, docs); err != nil {
			return err
		}
	}
	docs, err := collect(listed(right))
	if err != nil {
		return err
	}
	return m.docs.merge(docs, depth)
}

// unite adds those items of a set that are not in it.
func (m *mergedNode) unite(set []byte) error {
	for f, err := range fields(set) {
		if err != nil {
			return err
		}
		if !m.items[string(f.raw)] {
			m.items[string(f.raw)] = true
			m.parts = append(m.parts, f.raw)
		}
	}
	return nil
}

func (m *mergedNode) appendTo(b []byte) []byte {
	if m.doc == nil && m.docs == nil && m.parts == nil {
		return append(b, m.raw...)
	}
	b, pos := beginMessage(b, m.content.num)
	switch {
	case m.doc != nil:
		b = m.doc.appendTo(b)
	case m.docs != nil:
		b = m.docs.appendTo(b, 1)
	default:
		for _, part := range m.parts {
			b = append(b, part...)
		}
	}
	return endMessage(b, pos)
}
