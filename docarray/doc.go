// Package docarray reads and writes the documents that Jina's requests carry, in both of their generations.
//
// Which one a request holds depends on the docarray package of the Python that wrote it; nothing on the wire says so,
// and both use the same message names. [Detect] tells them apart by their shape.
//
// Functions that take data work on the bytes of DataRequestProto's field data, a DataContentProto.
package docarray

import (
	"errors"
	"fmt"
	"iter"

	"google.golang.org/protobuf/encoding/protowire"
)

// Generation says which of Python's two incompatible docarray packages wrote a document.
type Generation int

const (
	// V1 is docarray before 0.30: one fixed message with tags for what it has no field for.
	V1 Generation = 1
	// V2 is docarray from 0.30 on: a map from field names, which the user's class declares, to values.
	V2 Generation = 2
)

func (g Generation) String() string {
	switch g {
	case V1:
		return "v1"
	case V2:
		return "v2"
	}
	return fmt.Sprintf("generation %d", int(g))
}

// ErrDocsBytes is returned where documents must be read but a client put them into docs_bytes, whose format (in v1 a
// Python pickle) only Python reads.
var ErrDocsBytes = errors.New("the documents are in docs_bytes, which only Python reads: send them in docs")

// Document is one document of either generation. Fields marked v1 exist in that generation only; writing one that is
// set as v2 is an error, so that nothing is lost in silence.
//
// The zero value of a field means that it is absent. In v2, where a class may demand a field even when it is empty or
// null, Fields says so: an entry of the same name is written when the field itself is zero.
type Document struct {
	ID        string
	Text      string
	Blob      []byte
	Tensor    *Tensor // in v1 a document holds only one of Text, Blob and Tensor
	Embedding *Tensor
	// Tags are values of JSON's kinds: nil, bool, float64, string, []any, map[string]any. In v2 they may be anything
	// that Fields may hold; in v1 all numbers travel as float64.
	Tags    map[string]any
	Chunks  List
	Matches List

	URI         string           // v1
	MimeType    string           // v1
	Weight      float32          // v1
	Scores      map[string]Score // v1
	Evaluations map[string]Score // v1
	ParentID    string           // v1
	Granularity uint32           // v1: depth in chunks
	Adjacency   uint32           // v1: distance in matches
	Modality    string           // v1
	Offset      float32          // v1
	Location    []float32        // v1
	Metadata    map[string]any   // v1: as Tags

	// Fields (v2) are the fields of the user's own class, by name. Values are nil, string, bool, int, float64, []byte,
	// *Tensor, *Document, List, []any, Set, Tuple, map[string]any, Typed or Opaque; for writing also int32, int64,
	// float32 and []string. Integers must fit 32 bits.
	Fields map[string]any

	unknown unknown
}

// List is an ordered list of documents: DocumentArray in v1, DocList in v2.
type List []*Document

// Score is one of v1's named scores.
type Score struct {
	Value       float32
	OpName      string
	Description string
	RefID       string
}

// Decode reads all documents of data. Blobs and tensors alias data, which must not change while they are in use.
func Decode(gen Generation, data []byte) (List, error) {
	if err := gen.check(); err != nil {
		return nil, err
	}
	list := List{}
	for doc, err := range documents(data) {
		if err != nil {
			return nil, err
		}
		d, err := decodeDocument(gen, doc, 1)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", len(list), err)
		}
		list = append(list, d)
	}
	return list, nil
}

// Encode is AppendEncode to a new slice.
func (l List) Encode(gen Generation) ([]byte, error) {
	// What is large is counted, so that the slice need not be copied as it grows.
	size := 0
	for _, d := range l {
		if d != nil {
			size += 128 + len(d.Text) + len(d.Blob) + d.Tensor.size() + d.Embedding.size()
		}
	}
	return l.AppendEncode(make([]byte, 0, size), gen)
}

// AppendEncode appends a DataContentProto with the list's documents to b. It fails for a document that the generation
// cannot express; b is then returned as it was.
func (l List) AppendEncode(b []byte, gen Generation) ([]byte, error) {
	if err := gen.check(); err != nil {
		return b, err
	}
	out, pos := beginMessage(b, 1)
	out, err := appendList(out, 1, gen, l, 1)
	if err != nil {
		return b, err
	}
	return endMessage(out, pos), nil
}

// Count returns the number of documents without decoding them.
func Count(data []byte) (n int, err error) {
	for _, err := range documents(data) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

func (g Generation) check() error {
	if g != V1 && g != V2 {
		return fmt.Errorf("unknown document generation %d: expected v1 or v2", int(g))
	}
	return nil
}

// documents yields the bytes of each document of a DataContentProto, and an error at the end if there is one.
func documents(data []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for f, err := range fields(data) {
			switch {
			case err != nil:
				yield(nil, err)
				return
			case f.is(2, protowire.BytesType):
				yield(nil, ErrDocsBytes)
				return
			case !f.is(1, protowire.BytesType):
				continue
			}
			for doc, err := range listed(f.val) {
				if !yield(doc, err) {
					return
				}
			}
		}
	}
}

// listed yields the bytes of each document of a DocumentArrayProto or DocListProto, and an error at the end if there is one.
func listed(b []byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for f, err := range fields(b) {
			if (err != nil || f.is(1, protowire.BytesType)) && !yield(f.val, err) {
				return
			}
		}
	}
}

func decodeDocument(gen Generation, b []byte, depth int) (*Document, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	if gen == V1 {
		return decodeV1(b, depth)
	}
	return decodeV2(b, depth)
}

// appendList appends the documents as the repeated field num.
func appendList(b []byte, num protowire.Number, gen Generation, l List, depth int) ([]byte, error) {
	for i, d := range l {
		var err error
		if b, err = appendDocument(b, num, gen, d, depth); err != nil {
			return b, fmt.Errorf("document %d: %w", i, err)
		}
	}
	return b, nil
}

func appendDocument(b []byte, num protowire.Number, gen Generation, d *Document, depth int) ([]byte, error) {
	if d == nil {
		return b, errors.New("is nil")
	}
	if depth > maxDepth {
		return b, fmt.Errorf("%w; does it contain itself?", errDepth)
	}
	b, pos := beginMessage(b, num)
	var err error
	if gen == V1 {
		b, err = appendV1(b, d, depth)
	} else {
		b, err = appendV2(b, d, depth)
	}
	if err != nil {
		return b, err
	}
	return endMessage(b, pos), nil
}
