package docarray

import (
	"fmt"
	"iter"

	"google.golang.org/protobuf/encoding/protowire"
)

// Reduce merges the documents of several branches into one list, as Python does where branches of a flow join: the
// first part's documents, then each part's documents whose id was not seen yet. Documents of the same id become one:
//
//   - v1: the left one wins, and what is empty in it is filled from the right. Text, blob and tensor replace each other:
//     one of them that only the right has drops the left's. Chunks and matches are merged by id in the same way.
//   - v2: the right one wins wherever it is not null. Lists are concatenated, sets united, dictionaries updated, nested
//     documents merged, and lists of documents merged by id in the same way. Of an id that the first part doesn't have
//     every later part adds a document of its own (unless the first part is empty).
//
// Documents are merged on the wire: they are not decoded, those that occur once are copied as they are, and fields that
// this package doesn't know are kept. Documents without an id are never merged.
func Reduce(gen Generation, parts [][]byte) ([]byte, error) {
	if err := gen.check(); err != nil {
		return nil, err
	}
	if len(parts) == 1 {
		return parts[0], nil
	}
	var r *reducer
	size := 0
	for i, part := range parts {
		docs, err := collect(documents(part))
		switch {
		case err != nil:
		case r == nil:
			if r, err = newReducer(gen, docs); err == nil {
				r.once = gen == V2 && len(r.index) > 0
			}
		default:
			err = r.merge(docs, 1)
		}
		if err != nil {
			return nil, fmt.Errorf("branch %d: %w", i, err)
		}
		size += len(part)
	}
	if r == nil {
		return nil, nil
	}
	out, pos := beginMessage(make([]byte, 0, size+8), 1)
	return endMessage(r.appendTo(out, 1), pos), nil
}

// collect returns all documents of a list, or its error.
func collect(list iter.Seq2[[]byte, error]) (docs [][]byte, err error) {
	for doc, err := range list {
		if err != nil {
			return nil, err
		}
		docs = append(docs, doc)
	}
	return docs, nil
}

// reducer is a list that other lists are merged into. Every merge costs time in proportion to the list merged, however
// large the documents already there are.
type reducer struct {
	gen   Generation
	slots []slot
	index map[string]int // id to position in slots; of documents with the same id the last
	once  bool           // only documents of the first list are merged with later ones
}

// slot is a document as it was read or, from the second document of its id on, merged.
type slot struct {
	raw    []byte
	merged mergedDocument
}

type mergedDocument interface {
	// merge adds a document of the same id.
	merge(doc []byte, depth int) error
	appendTo(b []byte) []byte
}

func newReducer(gen Generation, docs [][]byte) (*reducer, error) {
	r := &reducer{gen: gen, slots: make([]slot, 0, len(docs)), index: make(map[string]int, len(docs))}
	for _, doc := range docs {
		id, err := documentID(gen, doc)
		if err != nil {
			return r, err
		}
		r.add(doc, id, r.index)
	}
	return r, nil
}

func (r *reducer) add(doc, id []byte, index map[string]int) {
	if len(id) > 0 {
		index[string(id)] = len(r.slots)
	}
	r.slots = append(r.slots, slot{raw: doc})
}

func (r *reducer) merge(docs [][]byte, depth int) error {
	// Python's v1 sees at once what it appended, its v2 only in the next list.
	added := r.index
	if r.gen == V2 {
		added = map[string]int{}
	}
	for _, doc := range docs {
		id, err := documentID(r.gen, doc)
		if err != nil {
			return err
		}
		if i, ok := r.index[string(id)]; !ok {
			r.add(doc, id, added)
		} else if err := r.mergeInto(&r.slots[i], doc, depth); err != nil {
			return fmt.Errorf("document %q: %w", id, err)
		}
	}
	if r.gen == V2 && !r.once {
		for id, i := range added {
			r.index[id] = i
		}
	}
	return nil
}

func (r *reducer) mergeInto(s *slot, doc []byte, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	if s.merged == nil {
		var err error
		if r.gen == V1 {
			s.merged, err = newMergedV1(s.raw)
		} else {
			s.merged, err = newMergedV2(s.raw)
		}
		if err != nil {
			return err
		}
		s.raw = nil
	}
	return s.merged.merge(doc, depth)
}

// appendTo appends the documents as the repeated field num.
func (r *reducer) appendTo(b []byte, num protowire.Number) []byte {
	for _, s := range r.slots {
		if s.merged == nil {
			b = appendBytes(b, num, s.raw)
			continue
		}
		var pos int
		b, pos = beginMessage(b, num)
		b = endMessage(s.merged.appendTo(b), pos)
	}
	return b
}

// documentID returns a document's id, empty if it has none.
func documentID(gen Generation, doc []byte) (id []byte, err error) {
	for f, err := range fields(doc) {
		if err != nil {
			return nil, err
		}
		if !f.is(1, protowire.BytesType) {
			continue
		}
		if gen == V1 {
			id = f.val
			continue
		}
		key, node, err := splitEntry(f.val)
		if err != nil {
			return nil, err
		}
		if string(key) != "id" {
			continue
		}
		content, _, _, err := splitNode(node)
		if err != nil {
			return nil, err
		}
		if id = nil; content.num == nodeText {
			id = content.val
		}
	}
	return id, nil
}
