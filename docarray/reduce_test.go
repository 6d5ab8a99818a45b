package docarray

import (
	"bytes"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestReduce(t *testing.T) {
	one, two := NewTensor([]float64{1}), NewTensor([]float64{2})
	own := func(id string, fields map[string]any) *Document { return &Document{ID: id, Fields: fields} }
	for _, test := range []struct {
		name  string
		gen   Generation
		parts []List
		want  List
	}{
		{"no parts", V1, nil, List{}},
		{"empty parts", V1, []List{{}, {}}, List{}},
		{"different ids are appended", V1, []List{{{ID: "1"}}, {{ID: "2"}, {ID: "3"}}}, List{{ID: "1"}, {ID: "2"}, {ID: "3"}}},
		{"no ids are never the same", V1, []List{{{Text: "a"}}, {{Text: "b"}}}, List{{Text: "a"}, {Text: "b"}}},
		{
			"the left wins and is filled from the right", V1,
			[]List{{{ID: "1", Text: "l", Weight: 1}}, {{ID: "1", Text: "r", Weight: 2, Embedding: one, Tags: map[string]any{"r": 1}}}},
			List{{ID: "1", Text: "l", Weight: 1, Embedding: one, Tags: map[string]any{"r": 1}}},
		},
		{
			"tags are taken whole", V1,
			[]List{{{ID: "1", Tags: map[string]any{"l": "1"}}}, {{ID: "1", Tags: map[string]any{"r": "2"}}}},
			List{{ID: "1", Tags: map[string]any{"l": "1"}}},
		},
		{"content of another kind replaces", V1, []List{{{ID: "1", Text: "l"}}, {{ID: "1", Tensor: two}}}, List{{ID: "1", Tensor: two}}},
		{
			"the first of three wins", V1,
			[]List{{}, {{ID: "1", URI: "a"}}, {{ID: "1", URI: "b", Modality: "m"}}},
			List{{ID: "1", URI: "a", Modality: "m"}},
		},
		{
			"chunks and matches by id", V1,
			[]List{
				{{ID: "1", Chunks: List{{ID: "c", Text: "l"}}, Matches: List{{ID: "m"}}}},
				{{ID: "1", Chunks: List{{ID: "d"}, {ID: "c", Text: "r", Weight: 1}}, Matches: List{{ID: "m", Weight: 2}}}},
			},
			List{{ID: "1", Chunks: List{{ID: "c", Text: "l", Weight: 1}, {ID: "d"}}, Matches: List{{ID: "m", Weight: 2}}}},
		},
		{
			"parent_id is not filled", V1,
			[]List{{{ID: "1"}}, {{ID: "1", ParentID: "p"}}},
			List{{ID: "1"}},
		},

		{
			"the right wins unless it is null", V2,
			[]List{{own("1", map[string]any{"a": 1, "b": 1})}, {own("1", map[string]any{"a": 2, "b": nil, "c": 3})}},
			List{own("1", map[string]any{"a": 2, "b": 1, "c": 3})},
		},
		{
			"null on the left is filled", V2,
			[]List{{own("1", map[string]any{"embedding": nil})}, {{ID: "1", Embedding: one}}},
			List{{ID: "1", Embedding: one}},
		},
		{"null stays null", V2, []List{{own("1", map[string]any{"a": nil})}, {own("1", map[string]any{"a": nil})}}, List{own("1", map[string]any{"a": nil})}},
		{
			"lists are concatenated, tuples replaced", V2,
			[]List{{own("1", map[string]any{"l": []any{1}, "t": Tuple{1}})}, {own("1", map[string]any{"l": []any{1, 2}, "t": Tuple{2}})}},
			List{own("1", map[string]any{"l": []any{1, 1, 2}, "t": Tuple{2}})},
		},
		{
			"sets are united", V2,
			[]List{{own("1", map[string]any{"s": Set{1, 2}})}, {own("1", map[string]any{"s": Set{2, 3}})}},
			List{own("1", map[string]any{"s": Set{1, 2, 3}})},
		},
		{"empty sets", V2, []List{{own("1", map[string]any{"s": Set{}})}, {own("1", map[string]any{"s": Set{}})}}, List{own("1", map[string]any{"s": Set{}})}},
		{
			"dictionaries are updated, not deeply", V2,
			[]List{{{ID: "1", Tags: map[string]any{"a": 1, "b": 1, "m": map[string]any{"x": 1}}}}, {{ID: "1", Tags: map[string]any{"b": 2, "m": map[string]any{}}}}},
			List{{ID: "1", Tags: map[string]any{"a": 1, "b": 2, "m": map[string]any{}}}},
		},
		{
			"nested documents are merged whatever their ids", V2,
			[]List{{own("1", map[string]any{"d": own("x", map[string]any{"a": 1})})}, {own("1", map[string]any{"d": own("y", map[string]any{"b": 2})})}},
			List{own("1", map[string]any{"d": own("y", map[string]any{"a": 1, "b": 2})})},
		},
		{
			"lists of documents are merged by id", V2,
			[]List{{{ID: "1", Chunks: List{{ID: "c", Text: "l"}}}}, {{ID: "1", Chunks: List{{ID: "c", Text: "r"}, {ID: "d"}, {ID: "d"}}}}},
			List{{ID: "1", Chunks: List{{ID: "c", Text: "r"}, {ID: "d"}, {ID: "d"}}}},
		},
		{"another kind replaces", V2, []List{{own("1", map[string]any{"a": []any{1}})}, {own("1", map[string]any{"a": Set{2}})}}, List{own("1", map[string]any{"a": Set{2}})}},
		{
			"ids that the first part lacks are added by every part", V2,
			[]List{{{ID: "1"}}, {{ID: "2", Text: "a"}}, {{ID: "2", Text: "b"}}},
			List{{ID: "1"}, {ID: "2", Text: "a"}, {ID: "2", Text: "b"}},
		},
		{
			"unless the first part is empty", V2,
			[]List{{}, {{ID: "2", Text: "a"}}, {{ID: "2", Text: "b"}}},
			List{{ID: "2", Text: "b"}},
		},
	} {
		t.Run(test.gen.String()+" "+test.name, func(t *testing.T) {
			var parts [][]byte
			for _, part := range test.parts {
				parts = append(parts, mustEncode(t, test.gen, part))
			}
			got, err := Reduce(test.gen, parts)
			if err != nil {
				t.Fatal(err)
			}
			want := mustDecode(t, test.gen, mustEncode(t, test.gen, test.want))
			if got := mustDecode(t, test.gen, got); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %v\nwant %v", viaJSON(t, got), viaJSON(t, want))
			}
		})
	}
}

// Documents that occur once are not even looked into beyond their id: what would not decode comes through.
func TestReduceCopiesWhatItNeedNotMerge(t *testing.T) {
	odd := appendBytes(appendBytes(nil, v1ID, []byte("odd")), v1Tags, []byte{0xff, 0xff})
	left, right := content(odd), mustEncode(t, V1, List{{ID: "2", Text: "x"}})
	got, err := Reduce(V1, [][]byte{left, right})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(V1, got); err == nil || !bytes.Contains(got, odd) {
		t.Errorf("got %x, decoding: %v", got, err)
	}
}

func TestReduceOfOnePartIsThePart(t *testing.T) {
	part := []byte("anything")
	if got, err := Reduce(V1, [][]byte{part}); err != nil || &got[0] != &part[0] {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestReduceKeepsUnknownFields(t *testing.T) {
	future := appendBytes(nil, 99, []byte("future"))
	eachGeneration(t, func(t *testing.T, gen Generation) {
		doc, raw := mustEncode(t, gen, List{{ID: "1"}}), mustDocument(t, gen, &Document{ID: "1"})
		for _, parts := range [][][]byte{{content(append(raw, future...)), doc}, {doc, content(append(raw, future...))}} {
			got, err := Reduce(gen, parts)
			if err != nil || !bytes.Contains(got, future) {
				t.Errorf("got %x, %v", got, err)
			}
		}
	})
}

func TestReduceOfMalformedDocuments(t *testing.T) {
	good := mustEncode(t, V2, List{{ID: "1", Chunks: List{{ID: "c"}}}})
	deep := func() *Document {
		d := &Document{ID: "1"}
		for range maxDepth - 1 {
			d = &Document{ID: "1", Chunks: List{d}}
		}
		return d
	}
	deeper := content(appendBytes(appendBytes(nil, v1ID, []byte("1")), v1Chunks, mustDocument(t, V1, deep())))
	for _, test := range []struct {
		name  string
		gen   Generation
		parts [][]byte
		want  string
	}{
		{"a part", V1, [][]byte{good, {0xff}}, "branch 1: malformed message"},
		{"a document", V1, [][]byte{content([]byte{0xff}), good}, "branch 0: malformed message"},
		{"a document of two", V2, [][]byte{good, content(append(entry("id", appendBytes(nil, nodeText, []byte("1"))), entry("chunks", appendBytes(nil, nodeDocArray, []byte{0xff}))...))}, `branch 1: document "1": malformed`},
		{"nesting", V1, [][]byte{deeper, deeper}, "nested deeper than 100 levels"},
		{"no generation", 0, [][]byte{good, good}, "unknown document generation"},
	} {
		if _, err := Reduce(test.gen, test.parts); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want %q", test.name, err, test.want)
		}
	}
}

// mustDocument is the document as it stands in a list.
func mustDocument(t *testing.T, gen Generation, d *Document) []byte {
	t.Helper()
	docs, err := collect(documents(mustEncode(t, gen, List{d})))
	if err != nil {
		t.Fatal(err)
	}
	return docs[0]
}

// A part that repeats one id many times must not cost its length times the size of what is merged into it.
func TestReduceTakesLinearSpace(t *testing.T) {
	eachGeneration(t, func(t *testing.T, gen Generation) {
		large := &Document{ID: "1", Text: strings.Repeat("x", 1<<20)}
		var small List
		for i := range 10_000 {
			large.Chunks = append(large.Chunks, &Document{ID: fmt.Sprint(i)})
			small = append(small, &Document{ID: "1", Chunks: List{{ID: fmt.Sprint(i)}}})
		}
		parts := [][]byte{mustEncode(t, gen, List{large}), mustEncode(t, gen, small)}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Reduce(gen, parts); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		input := uint64(len(parts[0]) + len(parts[1]))
		if used := after.TotalAlloc - before.TotalAlloc; used > 50*input {
			t.Errorf("allocated %d bytes for %d", used, input)
		}
	})
}
