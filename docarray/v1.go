package docarray

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of v1's DocumentProto.
const (
	v1ID          = 1
	v1Blob        = 2
	v1Tensor      = 3
	v1Text        = 4
	v1Granularity = 5
	v1Adjacency   = 6
	v1ParentID    = 7
	v1Weight      = 8
	v1URI         = 9
	v1Modality    = 10
	v1MimeType    = 11
	v1Offset      = 12
	v1Location    = 13
	v1Chunks      = 14
	v1Matches     = 15
	v1Embedding   = 16
	v1Tags        = 17
	v1Scores      = 18
	v1Evaluations = 19
	v1Metadata    = 20
)

func decodeV1(b []byte, depth int) (*Document, error) {
	d := &Document{}
	for f, err := range fields(b) {
		if err != nil {
			return nil, err
		}
		switch f.typ {
		case protowire.BytesType:
			err = d.setV1Bytes(f, depth)
		case protowire.VarintType, protowire.Fixed32Type:
			d.setV1Number(f)
		default:
			d.unknown.keep(V1, f)
		}
		if err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *Document) setV1Number(f field) {
	switch {
	case f.is(v1Granularity, protowire.VarintType):
		d.Granularity = uint32(f.uint())
	case f.is(v1Adjacency, protowire.VarintType):
		d.Adjacency = uint32(f.uint())
	case f.is(v1Weight, protowire.Fixed32Type):
		d.Weight = math.Float32frombits(uint32(f.uint()))
	case f.is(v1Offset, protowire.Fixed32Type):
		d.Offset = math.Float32frombits(uint32(f.uint()))
	case f.is(v1Location, protowire.Fixed32Type):
		d.Location = append(d.Location, math.Float32frombits(uint32(f.uint())))
	default:
		d.unknown.keep(V1, f)
	}
}

func (d *Document) setV1Bytes(f field, depth int) (err error) {
	switch f.num {
	case v1ID:
		d.ID, err = f.text()
	case v1Blob:
		d.Blob, d.Tensor, d.Text = f.val, nil, ""
	case v1Tensor:
		d.Blob, d.Text = nil, ""
		d.Tensor, err = decodeTensor(V1, f.val)
	case v1Text:
		d.Blob, d.Tensor = nil, nil
		d.Text, err = f.text()
	case v1ParentID:
		d.ParentID, err = f.text()
	case v1URI:
		d.URI, err = f.text()
	case v1Modality:
		d.Modality, err = f.text()
	case v1MimeType:
		d.MimeType, err = f.text()
	case v1Location:
		d.Location, err = decodeFloats(d.Location, f.val)
	case v1Chunks:
		err = appendDecoded(&d.Chunks, V1, f.val, depth)
	case v1Matches:
		err = appendDecoded(&d.Matches, V1, f.val, depth)
	case v1Embedding:
		d.Embedding, err = decodeTensor(V1, f.val)
	case v1Tags:
		err = decodeStruct(f.val, makeMap(&d.Tags), depth+1)
	case v1Metadata:
		err = decodeStruct(f.val, makeMap(&d.Metadata), depth+1)
	case v1Scores:
		err = decodeScore(f.val, makeMap(&d.Scores))
	case v1Evaluations:
		err = decodeScore(f.val, makeMap(&d.Evaluations))
	default:
		d.unknown.keep(V1, f)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", v1Names[f.num], err)
	}
	return nil
}

var v1Names = map[protowire.Number]string{
	v1ID: "id", v1Tensor: "tensor", v1Text: "text", v1ParentID: "parent_id", v1URI: "uri", v1Modality: "modality",
	v1MimeType: "mime_type", v1Location: "location", v1Chunks: "chunks", v1Matches: "matches", v1Embedding: "embedding",
	v1Tags: "tags", v1Metadata: "metadata", v1Scores: "scores", v1Evaluations: "evaluations",
}

func makeMap[V any](m *map[string]V) map[string]V {
	if *m == nil {
		*m = map[string]V{}
	}
	return *m
}

func appendDecoded(list *List, gen Generation, b []byte, depth int) error {
	d, err := decodeDocument(gen, b, depth+1)
	if err != nil {
		return fmt.Errorf("[%d]: %w", len(*list), err)
	}
	*list = append(*list, d)
	return nil
}

// decodeFloats reads a packed repeated float.
func decodeFloats(into []float32, b []byte) ([]float32, error) {
	for len(b) > 0 {
		v, n := protowire.ConsumeFixed32(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		into = append(into, math.Float32frombits(v))
		b = b[n:]
	}
	return into, nil
}

func decodeScore(entry []byte, into map[string]Score) error {
	key, b, err := mapEntry(entry)
	if err != nil {
		return err
	}
	var s Score
	for f, err := range fields(b) {
		if err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
		switch {
		case f.is(1, protowire.Fixed32Type):
			s.Value = math.Float32frombits(uint32(f.uint()))
		case f.is(2, protowire.BytesType):
			s.OpName, err = f.text()
		case f.is(3, protowire.BytesType):
			s.Description, err = f.text()
		case f.is(4, protowire.BytesType):
			s.RefID, err = f.text()
		}
		if err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
	}
	into[key] = s
	return nil
}

func appendV1(b []byte, d *Document, depth int) ([]byte, error) {
	if err := d.fitsV1(); err != nil {
		return b, err
	}
	w := v1Writer{b: b}
	w.text(v1ID, d.ID)
	w.bytes(v1Blob, d.Blob)
	w.tensor(v1Tensor, d.Tensor)
	w.text(v1Text, d.Text)
	w.varint(v1Granularity, d.Granularity)
	w.varint(v1Adjacency, d.Adjacency)
	w.text(v1ParentID, d.ParentID)
	w.float(v1Weight, d.Weight)
	w.text(v1URI, d.URI)
	w.text(v1Modality, d.Modality)
	w.text(v1MimeType, d.MimeType)
	w.float(v1Offset, d.Offset)
	w.floats(v1Location, d.Location)
	w.documents(v1Chunks, d.Chunks, depth)
	w.documents(v1Matches, d.Matches, depth)
	w.tensor(v1Embedding, d.Embedding)
	w.tags(v1Tags, d.Tags, depth)
	w.scores(v1Scores, d.Scores)
	w.scores(v1Evaluations, d.Evaluations)
	w.tags(v1Metadata, d.Metadata, depth)
	if w.err != nil {
		return b, w.err
	}
	return d.unknown.appendTo(w.b, V1)
}

func (d *Document) fitsV1() error {
	if len(d.Fields) > 0 {
		name := slices.Sorted(maps.Keys(d.Fields))[0]
		return fmt.Errorf("field %q: documents of generation v1 have no fields of their own: put it into Tags", name)
	}
	content := 0
	for _, set := range []bool{d.Text != "", len(d.Blob) > 0, d.Tensor != nil} {
		if set {
			content++
		}
	}
	if content > 1 {
		return errors.New("a document of generation v1 holds only one of text, blob and tensor")
	}
	return nil
}

// v1Writer appends fields, leaving out empty ones, until the first error.
type v1Writer struct {
	b   []byte
	err error
}

func (w *v1Writer) done(num protowire.Number, b []byte, err error) {
	if w.err != nil {
		return
	}
	if err != nil {
		w.err = fmt.Errorf("%s: %w", v1Names[num], err)
		return
	}
	w.b = b
}

func (w *v1Writer) text(num protowire.Number, s string) {
	b, err := appendPlainText(w.b, num, s)
	w.done(num, b, err)
}

func (w *v1Writer) bytes(num protowire.Number, v []byte) {
	if len(v) > 0 {
		w.b = appendBytes(w.b, num, v)
	}
}

func (w *v1Writer) varint(num protowire.Number, v uint32) {
	if v != 0 {
		w.b = protowire.AppendVarint(protowire.AppendTag(w.b, num, protowire.VarintType), uint64(v))
	}
}

func (w *v1Writer) float(num protowire.Number, v float32) {
	w.b = appendFloat(w.b, num, v)
}

func (w *v1Writer) floats(num protowire.Number, v []float32) {
	if len(v) == 0 {
		return
	}
	w.b = protowire.AppendTag(w.b, num, protowire.BytesType)
	w.b = protowire.AppendVarint(w.b, uint64(4*len(v)))
	for _, x := range v {
		w.b = protowire.AppendFixed32(w.b, math.Float32bits(x))
	}
}

func (w *v1Writer) tensor(num protowire.Number, t *Tensor) {
	if t == nil {
		return
	}
	b, err := appendTensor(w.b, num, V1, t)
	w.done(num, b, err)
}

func (w *v1Writer) documents(num protowire.Number, l List, depth int) {
	b, err := appendList(w.b, num, V1, l, depth+1)
	w.done(num, b, err)
}

func (w *v1Writer) tags(num protowire.Number, m map[string]any, depth int) {
	if len(m) == 0 {
		return
	}
	b, pos := beginMessage(w.b, num)
	b, err := appendStruct(b, m, depth+1)
	if err == nil {
		b = endMessage(b, pos)
	}
	w.done(num, b, err)
}

func (w *v1Writer) scores(num protowire.Number, m map[string]Score) {
	for _, key := range slices.Sorted(maps.Keys(m)) {
		b, err := appendScore(w.b, num, key, m[key])
		w.done(num, b, err)
	}
}

func appendScore(b []byte, num protowire.Number, key string, s Score) ([]byte, error) {
	b, pos := beginMessage(b, num)
	b, err := appendText(b, 1, key)
	if err != nil {
		return b, err
	}
	b, value := beginMessage(b, 2)
	b = appendFloat(b, 1, s.Value)
	for i, text := range []string{s.OpName, s.Description, s.RefID} {
		if b, err = appendPlainText(b, protowire.Number(2+i), text); err != nil {
			return b, err
		}
	}
	return endMessage(endMessage(b, value), pos), nil
}

// appendFloat omits zero, as proto3 does for fields without presence.
func appendFloat(b []byte, num protowire.Number, v float32) []byte {
	if math.Float32bits(v) == 0 {
		return b
	}
	return protowire.AppendFixed32(protowire.AppendTag(b, num, protowire.Fixed32Type), math.Float32bits(v))
}
