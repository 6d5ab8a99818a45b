package docarray

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"
)

// python is what testdata/make.py wrote with the real docarray of one generation.
type python struct {
	gen   Generation
	Lists []struct {
		Name      string
		Data      []byte
		Documents any
	}
	Reductions []struct {
		Name  string
		Parts [][]byte
		Want  []byte
	}
}

func readPython(tb testing.TB, gen Generation) python {
	tb.Helper()
	raw, err := os.ReadFile("testdata/" + gen.String() + ".json")
	if err != nil {
		tb.Fatal(err)
	}
	p := python{gen: gen}
	if err := json.Unmarshal(raw, &p); err != nil {
		tb.Fatal(err)
	}
	return p
}

func eachGeneration(t *testing.T, run func(*testing.T, Generation)) {
	for _, gen := range []Generation{V1, V2} {
		t.Run(gen.String(), func(t *testing.T) { run(t, gen) })
	}
}

func TestReadsWhatPythonWrote(t *testing.T) {
	eachGeneration(t, func(t *testing.T, gen Generation) {
		for _, list := range readPython(t, gen).Lists {
			t.Run(list.Name, func(t *testing.T) {
				docs, err := Decode(gen, list.Data)
				if err != nil {
					t.Fatal(err)
				}
				if got := viaJSON(t, docs); !reflect.DeepEqual(got, list.Documents) {
					t.Errorf("Python says\n%v\ngot\n%v", list.Documents, got)
				}
				if n, err := Count(list.Data); err != nil || n != len(docs) {
					t.Errorf("Count = %d, %v; %d documents", n, err, len(docs))
				}
				detected, ok := Detect(list.Data)
				if ok != (len(docs) > 0) || ok && detected != gen {
					t.Errorf("Detect = %v, %v", detected, ok)
				}
			})
		}
	})
}

func TestWritesWhatItReadAsPythonDoes(t *testing.T) {
	eachGeneration(t, func(t *testing.T, gen Generation) {
		for _, list := range readPython(t, gen).Lists {
			docs := mustDecode(t, gen, list.Data)
			same(t, gen, list.Name, mustEncode(t, gen, docs), list.Data)
		}
	})
}

func TestReducesAsPythonDoes(t *testing.T) {
	eachGeneration(t, func(t *testing.T, gen Generation) {
		for _, r := range readPython(t, gen).Reductions {
			merged, err := Reduce(gen, r.Parts)
			if err != nil {
				t.Fatal(err)
			}
			// The order of fields, which is free, and entries that later ones replaced go with decoding.
			same(t, gen, r.Name, mustEncode(t, gen, mustDecode(t, gen, merged)), r.Want)
		}
	})
}

// same compares encoded documents up to the order of map entries and sets, which is free.
func same(t *testing.T, gen Generation, name string, got, want []byte) {
	t.Helper()
	g, w := mustDecode(t, gen, got), mustDecode(t, gen, want)
	sortSets(g)
	sortSets(w)
	if len(got) != len(want) || !reflect.DeepEqual(g, w) {
		t.Errorf("%s: Python wrote\n%v\ngot\n%v", name, viaJSON(t, w), viaJSON(t, g))
	}
}

func sortSets(docs List) {
	for _, d := range docs {
		for _, v := range d.Fields {
			if set, ok := v.(Set); ok {
				slices.SortFunc(set, func(a, b any) int { return a.(int) - b.(int) })
			}
		}
	}
}

// failer is what testing's and rapid's T have in common.
type failer interface {
	Helper()
	Fatal(...any)
}

func mustDecode(tb failer, gen Generation, data []byte) List {
	tb.Helper()
	docs, err := Decode(gen, data)
	if err != nil {
		tb.Fatal(err)
	}
	return docs
}

func mustEncode(tb failer, gen Generation, docs List) []byte {
	tb.Helper()
	data, err := docs.Encode(gen)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// viaJSON is the JSON form of v as encoding/json's plain values.
func viaJSON(tb testing.TB, v any) (plain any) {
	tb.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(raw, &plain); err != nil {
		tb.Fatal(err)
	}
	return plain
}
