package docarray

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestJSON(t *testing.T) {
	for _, test := range []struct {
		name string
		doc  *Document
		json string
	}{
		{"empty", &Document{}, `{}`},
		{"v1", &Document{
			ID: "1", Text: "a", URI: "u", MimeType: "m", Weight: 0.1, ParentID: "p", Granularity: 1, Adjacency: 2,
			Modality: "mo", Offset: 3, Location: []float32{1}, Tags: map[string]any{"n": 1, "f": 1.5}, Metadata: map[string]any{"b": "x"},
			Scores: map[string]Score{"s": {0.5, "op", "d", "r"}}, Evaluations: map[string]Score{"e": {}}, Embedding: NewTensor([]int64{1}),
			Chunks: List{{ID: "c"}}, Matches: List{{ID: "m"}},
		}, `{"id":"1","parent_id":"p","granularity":1,"adjacency":2,"text":"a","mime_type":"m","uri":"u","weight":0.1,
			"tags":{"f":1.5,"n":1},"offset":3,"location":[1],"embedding":[1],"modality":"mo","evaluations":{"e":{"value":0}},
			"scores":{"s":{"value":0.5,"op_name":"op","description":"d","ref_id":"r"}},"_metadata":{"b":"x"},
			"chunks":[{"id":"c"}],"matches":[{"id":"m"}]}`},
		{"blob", &Document{Blob: []byte("hi")}, `{"blob":"aGk="}`},
		{"tensor", &Document{Tensor: NewTensor([]float64{1.5})}, `{"tensor":[1.5]}`},
		{"own fields", &Document{ID: "1", Fields: map[string]any{"b": []any{1, "x"}, "a": map[string]any{"k": 0.5}}},
			`{"id":"1","a":{"k":0.5},"b":[1,"x"]}`},
		{"only own fields", &Document{Fields: map[string]any{"a": "x"}}, `{"a":"x"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := strings.NewReplacer("\n", "", "\t", "").Replace(test.json)
			got, err := json.Marshal(test.doc)
			if err != nil || string(got) != want {
				t.Errorf("got %s, %v\nwant %s", got, err, want)
			}
			var again Document
			if err := json.Unmarshal(got, &again); err != nil || !reflect.DeepEqual(&again, test.doc) {
				t.Errorf("read back %+v, %v", again, err)
			}
		})
	}
}

func TestWhatJSONCannotExpress(t *testing.T) {
	d := &Document{
		Weight: float32(math.NaN()), Tags: map[string]any{"n": []any{math.Inf(1)}},
		Fields: map[string]any{
			"null": nil, "url": Typed{"image_url", "http://x"}, "opaque": Opaque("x"), "set": Set{math.NaN()},
			"tuple": Tuple{1}, "f": float32(math.NaN()), "doc": &Document{ID: "d"}, "docs": List{{}},
		},
	}
	got, err := json.Marshal(d)
	want := `{"weight":null,"tags":{"n":[null]},"doc":{"id":"d"},"docs":[{}],"f":null,"opaque":"eA==","set":[null],"tuple":[1],"url":"http://x"}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
	_, err = json.Marshal(&Document{Embedding: &Tensor{DType: "<f8", Shape: []int{3}}})
	if err == nil || !strings.Contains(err.Error(), "does not fit its buffer") {
		t.Errorf("got error %v", err)
	}
}

func TestBadJSON(t *testing.T) {
	for bad, want := range map[string]string{
		`[]`:                             "[]: expected a document, that is an object",
		`{"id":5}`:                       "id: 5: expected a string",
		`{"granularity":-1}`:             "granularity: -1: expected an integer from 0 on",
		`{"weight":"x"}`:                 `weight: "x": expected a number`,
		`{"blob":"%"}`:                   "blob: illegal base64",
		`{"blob":1}`:                     "blob: 1: expected a string in base64",
		`{"tags":[1]}`:                   "tags: [1]: expected an object",
		`{"location":[1,"x"]}`:           `location: [1]: "x": expected a number`,
		`{"location":1}`:                 "location: 1: expected a list of numbers",
		`{"chunks":[{"chunks":1}]}`:      "chunks: [0]: chunks: 1: expected a list of documents",
		`{"scores":1}`:                   "scores: 1: expected an object of scores",
		`{"scores":{"a":1}}`:             `scores: "a": 1: expected an object with "value"`,
		`{"scores":{"a":{"x":1}}}`:       `scores: "a": unknown field "x"`,
		`{"scores":{"a":{"value":"x"}}}`: `scores: "a": value: "x": expected a number`,
		`{"embedding":["x"]}`:            `embedding: tensor has "x" among its elements`,
		`{"price":1e999}`:                "value out of range",
		strings.Repeat(`{"chunks":[`, 101) + strings.Repeat(`]}`, 101): "nested deeper than 100 levels",
	} {
		var d Document
		if err := json.Unmarshal([]byte(bad), &d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", bad, err, want)
		}
	}
}
