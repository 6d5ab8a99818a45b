package docarray

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

var roundTrips = []struct {
	name string
	gen  Generation
	docs List
}{
	{"nothing", V1, List{}},
	{"text", V1, List{{ID: "1", Text: "a"}, {Text: "b"}}},
	{"blob", V1, List{{Blob: []byte{0, 255}}}},
	{"tensor", V1, List{{Tensor: withType(NewTensor([]float32{1, 2, 3, 4}, 2, 2), "numpy")}}},
	{"everything else", V1, List{{
		ID: "1", URI: "u", MimeType: "m", Weight: 1.5, ParentID: "p", Granularity: 1, Adjacency: 2, Modality: "mo", Offset: 3,
		Location: []float32{0, 1}, Tags: map[string]any{"a": []any{nil, true, 1.0, "x", map[string]any{}}},
		Metadata: map[string]any{"b": 2.0}, Scores: map[string]Score{"s": {1, "op", "desc", "ref"}, "zero": {}},
		Evaluations: map[string]Score{"e": {Value: -1}}, Embedding: withType(NewTensor([]int8{1}), "torch"),
		Chunks: List{{ID: "c", Chunks: List{{}}}}, Matches: List{{ID: "m"}},
	}}},

	{"nothing", V2, List{}},
	{"as LegacyDocument", V2, List{{
		ID: "1", Text: "a", Blob: []byte{}, Tags: map[string]any{"n": 1, "f": 1.5}, Chunks: List{}, Matches: List{{ID: "m"}},
		Tensor: withType(NewTensor([]float64{1}), "ndarray"), Embedding: withType(NewTensor([]uint16{1}), "torch_embedding"),
	}}},
	{"null and empty under known names", V2, List{{
		Fields: map[string]any{"id": nil, "text": "", "tags": nil, "tensor": nil, "chunks": 5},
	}}},
	{"own fields", V2, List{{Fields: map[string]any{
		"null": nil, "s": "x", "b": true, "i": -1, "f": 0.5, "blob2": []byte("x"), "list": []any{1, []any{}}, "set": Set{1},
		"tuple": Tuple{"a", nil}, "dict": map[string]any{"k": nil}, "url": Typed{"image_url", "http://x"},
		"sound": Typed{"audio_bytes", []byte("riff")}, "doc": &Document{Text: "in"}, "docs": List{{}},
		"tensor2": withType(NewTensor([]int64{1, 2}), "image_ndarray"),
	}}}},
}

func withType(t *Tensor, class string) *Tensor { t.Type = class; return t }

func TestRoundTrip(t *testing.T) {
	for _, test := range roundTrips {
		t.Run(test.gen.String()+" "+test.name, func(t *testing.T) {
			data := mustEncode(t, test.gen, test.docs)
			if got := mustDecode(t, test.gen, data); !reflect.DeepEqual(got, test.docs) {
				t.Errorf("got %v, want %v", viaJSON(t, got), viaJSON(t, test.docs))
			}
			if n, err := Count(data); err != nil || n != len(test.docs) {
				t.Errorf("Count = %d, %v", n, err)
			}
		})
	}
}

func TestConveniencesOfWriting(t *testing.T) {
	docs := List{{Fields: map[string]any{"a": []string{"x"}, "b": int64(7), "c": int32(7), "d": float32(0.5), "e": Typed{"", "x"}}}}
	want := List{{Fields: map[string]any{"a": []any{"x"}, "b": 7, "c": 7, "d": 0.5, "e": "x"}}}
	if got := mustDecode(t, V2, mustEncode(t, V2, docs)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", viaJSON(t, got))
	}
	docs = List{{Tags: map[string]any{"a": 7, "b": int32(7), "c": int64(7), "d": float32(0.5)}}}
	want = List{{Tags: map[string]any{"a": 7.0, "b": 7.0, "c": 7.0, "d": 0.5}}}
	if got := mustDecode(t, V1, mustEncode(t, V1, docs)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", viaJSON(t, got))
	}
}

func TestAFieldSetWinsOverFields(t *testing.T) {
	d := &Document{Text: "new", Fields: map[string]any{"text": nil}}
	got := mustDecode(t, V2, mustEncode(t, V2, List{d}))
	if want := (List{{Text: "new"}}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", viaJSON(t, got))
	}
}

func TestWhatAGenerationCannotExpress(t *testing.T) {
	cyclic := &Document{}
	cyclic.Chunks = List{cyclic}
	fromV1 := mustDecode(t, V1, content(appendBytes(nil, 99, []byte("new"))))
	for _, test := range []struct {
		gen  Generation
		docs List
		want string
	}{
		{V1, List{{}, {Fields: map[string]any{"title": "x"}}}, `document 1: field "title": documents of generation v1`},
		{V1, List{{Text: "a", Blob: []byte("b")}}, "only one of text, blob and tensor"},
		{V1, List{{Tags: map[string]any{"t": struct{}{}}}}, `document 0: tags: "t": a struct {} cannot stand in tags`},
		{V1, List{{Text: "\xff"}}, "text: text is not valid UTF-8"},
		{V1, List{nil}, "document 0: is nil"},
		{V1, List{cyclic}, "does it contain itself?"},
		{V2, List{cyclic}, "does it contain itself?"},
		{V2, List{{MimeType: "x"}}, "MimeType exists in generation v1 only"},
		{V2, List{{Fields: map[string]any{"n": 1 << 31}}}, "document 0: n: 2147483648 does not fit the 32 bits"},
		{V2, List{{Fields: map[string]any{"l": []any{1, make(chan int)}}}}, "l: [1]: a chan int cannot stand in a document"},
		{V2, List{{Fields: map[string]any{"t": Typed{"x", 1}}}}, "a Typed value of type int"},
		{V2, List{{Fields: map[string]any{"t": &Tensor{Shape: []int{-1}}}}}, "a dimension must fit 32 bits"},
		{V2, fromV1, "only generation v1 can express"},
		{3, List{}, "unknown document generation 3"},
	} {
		before := []byte("before")
		b, err := test.docs.AppendEncode(before, test.gen)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: got error %v, want %q", test.gen, err, test.want)
		}
		if !bytes.Equal(b, before) {
			t.Errorf("%v: %s: left %q behind", test.gen, test.want, b)
		}
	}
}

// content makes a DataContentProto of one document.
func content(document []byte) []byte { return appendBytes(nil, 1, appendBytes(nil, 1, document)) }

// entry is a field of a v2 document with the given NodeProto.
func entry(name string, node []byte) []byte {
	return appendBytes(nil, 1, appendBytes(appendBytes(nil, 1, []byte(name)), 2, node))
}

func TestUnknownFieldsSurvive(t *testing.T) {
	future := appendBytes(nil, 99, []byte("future"))
	future = protowire.AppendVarint(protowire.AppendTag(future, 100, protowire.VarintType), 7)
	tensor := append(appendBytes(nil, 1, append(appendBytes(nil, 1, []byte{1}), future...)), future...)
	for _, test := range []struct {
		name string
		gen  Generation
		doc  []byte
	}{
		{"v1 document", V1, append(appendBytes(nil, v1Text, []byte("x")), future...)},
		{"v1 field of another wire type", V1, protowire.AppendVarint(protowire.AppendTag(nil, v1Text, protowire.VarintType), 1)},
		{"v1 chunk", V1, appendBytes(nil, v1Chunks, future)},
		{"v1 tensor", V1, appendBytes(nil, v1Tensor, append(tensor, appendBytes(nil, 3, []byte("torch"))...))},
		{"v1 sparse tensor", V1, appendBytes(nil, v1Embedding, appendBytes(appendBytes(nil, 2, future), 3, []byte("scipy")))},
		{"v2 document", V2, append(entry("text", appendBytes(nil, nodeText, []byte("x"))), future...)},
		{"v2 node", V2, entry("text", append(appendBytes(nil, nodeText, []byte("x")), future...))},
		{"v2 nested document", V2, entry("d", appendBytes(nil, nodeDoc, future))},
		{"v2 list", V2, entry("l", appendBytes(nil, nodeList, future))},
		{"v2 dict", V2, entry("l", appendBytes(nil, nodeDict, future))},
		{"v2 list of documents", V2, entry("l", appendBytes(nil, nodeDocArray, future))},
		{"v2 tensor", V2, entry("t", appendBytes(appendBytes(nil, nodeNdArray, tensor), nodeType, []byte("ndarray")))},
		{"v2 type on a value that has none", V2, entry("t", appendBytes(nil, nodeType, []byte("strange")))},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := content(test.doc)
			again := mustEncode(t, test.gen, mustDecode(t, test.gen, data))
			if len(again) != len(data) || !bytes.Contains(again, []byte("future")) && bytes.Contains(data, []byte("future")) {
				t.Errorf("read  %x\nwrote %x", data, again)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	for _, test := range []struct {
		name string
		gen  Generation
		data []byte
		want string
	}{
		{"no field", V1, []byte{0xff}, "malformed message"},
		{"cut off", V1, []byte{0x0a, 5, 1}, "malformed field 1"},
		{"cut off in a document", V1, content([]byte{0x0a, 5, 1}), "document 0: malformed field 1"},
		{"text is not text", V1, content(appendBytes(nil, v1Text, []byte{0xff})), "document 0: text: text is not valid UTF-8"},
		{"in a chunk", V1, content(appendBytes(nil, v1Chunks, []byte{0xff})), "document 0: chunks: [0]: malformed message"},
		{"in tags", V1, content(appendBytes(nil, v1Tags, entry("k", appendBytes(nil, valueString, []byte{0xff})))), `tags: "k": text is not`},
		{"in a list", V2, content(entry("l", appendBytes(nil, nodeList, appendBytes(nil, 1, []byte{0xff})))), "l: [0]: malformed message"},
		{"no generation", 0, nil, "unknown document generation 0"},
	} {
		_, err := Decode(test.gen, test.data)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want %q", test.name, err, test.want)
		}
	}
}

func TestDocsBytesAreRefusedWhereDocumentsAreRead(t *testing.T) {
	data := appendBytes(nil, 2, []byte("a Python pickle"))
	if _, err := Decode(V1, data); !errors.Is(err, ErrDocsBytes) {
		t.Errorf("Decode: %v", err)
	}
	if _, err := Count(data); !errors.Is(err, ErrDocsBytes) {
		t.Errorf("Count: %v", err)
	}
	if _, err := Reduce(V2, [][]byte{nil, data}); !errors.Is(err, ErrDocsBytes) {
		t.Errorf("Reduce: %v", err)
	}
	if _, ok := Detect(data); ok {
		t.Error("Detect found a generation")
	}
}

func TestNestingIsBounded(t *testing.T) {
	nest := map[string]func(inner []byte) []byte{
		"chunks": func(inner []byte) []byte { return appendBytes(nil, v1Chunks, inner) },
		"document": func(inner []byte) []byte {
			return entry("d", appendBytes(nil, nodeDoc, inner))
		},
		"list": func(inner []byte) []byte {
			return entry("l", appendBytes(nil, nodeDocArray, appendBytes(nil, 1, inner)))
		},
	}
	for name, deeper := range nest {
		t.Run(name, func(t *testing.T) {
			gen := V2
			if name == "chunks" {
				gen = V1
			}
			doc := []byte(nil)
			for range maxDepth - 1 {
				doc = deeper(doc)
			}
			docs := mustDecode(t, gen, content(doc))
			mustEncode(t, gen, docs)
			if _, err := Decode(gen, content(deeper(doc))); err == nil || !strings.Contains(err.Error(), "nested deeper than 100") {
				t.Errorf("got error %v", err)
			}
		})
	}
}

func TestDetect(t *testing.T) {
	for _, test := range []struct {
		name string
		data []byte
		gen  Generation
	}{
		{"nothing", nil, 0},
		{"no documents", appendBytes(nil, 1, nil), 0},
		{"empty documents", mustEncode(t, V1, List{{}, {}}), 0},
		{"an id", mustEncode(t, V1, List{{ID: "0123456789abcdef0123456789abcdef"}}), V1},
		{"a short id", mustEncode(t, V1, List{{ID: "1"}}), V1},
		{"no id", mustEncode(t, V1, List{{Text: "x"}}), V1},
		{"an empty document first", mustEncode(t, V1, List{{}, {Text: "x"}}), V1},
		{"only tags", mustEncode(t, V1, List{{Tags: map[string]any{"a": 1}}}), V1},
		{"an id", mustEncode(t, V2, List{{ID: "1"}}), V2},
		{"only null", mustEncode(t, V2, List{{Fields: map[string]any{"a": nil}}}), V2},
		{"an empty document first", mustEncode(t, V2, List{{}, {Text: "x"}}), V2},
		{"malformed", []byte{0xff}, 0},
		{"a malformed document", content([]byte{0xff}), 0},
	} {
		if gen, ok := Detect(test.data); gen != test.gen || ok != (test.gen != 0) {
			t.Errorf("%v %s: got %v, %v", test.gen, test.name, gen, ok)
		}
	}
}
