package docarray

import (
	"bytes"
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// anyValue draws what a v2 field, or if plain what a tag, may hold.
func anyValue(plain bool, depth int) *rapid.Generator[any] {
	text := rapid.String()
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		text.AsAny(),
		rapid.Float64().AsAny(),
	}
	if !plain {
		kinds = append(kinds,
			rapid.Map(rapid.Int32(), func(i int32) int { return int(i) }).AsAny(),
			rapid.SliceOf(rapid.Byte()).AsAny(),
			anyTensor("ndarray").AsAny(),
			rapid.Map(text, func(s string) any { return Typed{"any_url", s} }),
		)
	}
	if depth > 0 {
		inner := anyValue(plain, depth-1)
		list := rapid.SliceOfN(inner, 0, 3)
		kinds = append(kinds, list.AsAny(), rapid.MapOfN(text, inner, 0, 3).AsAny())
		if !plain {
			kinds = append(kinds,
				rapid.Map(list, func(l []any) any { return Set(l) }),
				rapid.Map(list, func(l []any) any { return Tuple(l) }),
				anyDocument(V2, depth-1).AsAny(),
				rapid.Map(rapid.SliceOfN(anyDocument(V2, depth-1), 0, 2), func(l []*Document) any { return List(l) }),
			)
		}
	}
	return rapid.OneOf(kinds...)
}

func anyTensor(class string) *rapid.Generator[*Tensor] {
	return rapid.Map(rapid.SliceOfN(rapid.Float32(), 1, 5), func(v []float32) *Tensor { return withType(NewTensor(v), class) })
}

func anyDocument(gen Generation, depth int) *rapid.Generator[*Document] {
	return rapid.Custom(func(t *rapid.T) *Document {
		d := &Document{ID: rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(t, "id")}
		if gen == V2 {
			d.Text = rapid.String().Draw(t, "text")
			d.Fields = rapid.MapOfN(rapid.StringMatching("[f-s]{1,3}"), anyValue(false, depth), 0, 3).Draw(t, "fields")
			if len(d.Fields) == 0 {
				d.Fields = nil
			}
			return d
		}
		switch rapid.IntRange(0, 2).Draw(t, "content") {
		case 0:
			d.Text = rapid.String().Draw(t, "text")
		case 1:
			d.Tensor = anyTensor("numpy").Draw(t, "tensor")
		}
		d.Weight = rapid.Float32().Draw(t, "weight")
		d.Granularity = rapid.Uint32().Draw(t, "granularity")
		if tags := rapid.MapOfN(rapid.String(), anyValue(true, depth), 0, 3).Draw(t, "tags"); len(tags) > 0 {
			d.Tags = tags
		}
		if depth > 0 {
			if chunks := rapid.SliceOfN(anyDocument(V1, depth-1), 0, 2).Draw(t, "chunks"); len(chunks) > 0 {
				d.Chunks = chunks
			}
		}
		return d
	})
}

func anyList(gen Generation) *rapid.Generator[List] {
	return rapid.Map(rapid.SliceOfN(anyDocument(gen, 3), 0, 4), func(l []*Document) List { return append(List{}, l...) })
}

func eachGenerationRapid(t *testing.T, property func(*rapid.T, Generation)) {
	eachGeneration(t, func(t *testing.T, gen Generation) {
		rapid.Check(t, func(t *rapid.T) { property(t, gen) })
	})
}

func TestAnyDocumentSurvives(t *testing.T) {
	eachGenerationRapid(t, func(t *rapid.T, gen Generation) {
		docs := anyList(gen).Draw(t, "docs")
		if got := mustDecode(t, gen, mustEncode(t, gen, docs)); !reflect.DeepEqual(got, docs) {
			t.Errorf("got %#v", got)
		}
	})
}

func TestReducingDisjointPartsConcatenates(t *testing.T) {
	eachGenerationRapid(t, func(t *rapid.T, gen Generation) {
		var parts [][]byte
		var all List
		for p := range 3 {
			docs := anyList(gen).Draw(t, "docs")
			for i, d := range docs {
				d.ID = fmt.Sprint(p, "-", i)
			}
			parts = append(parts, mustEncode(t, gen, docs))
			all = append(all, docs...)
		}
		got, err := Reduce(gen, parts)
		if want := mustEncode(t, gen, all); err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %x, %v\nwant %x", got, err, want)
		}
	})
}

func TestReducingV1WithItselfChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		docs := anyList(V1).Draw(t, "docs")
		uniqueIDs(docs)
		part := mustEncode(t, V1, docs)
		merged, err := Reduce(V1, [][]byte{part, part})
		if err != nil {
			t.Fatal(err)
		}
		if again := mustEncode(t, V1, mustDecode(t, V1, merged)); !bytes.Equal(again, part) {
			t.Errorf("got %x\nwant %x", again, part)
		}
	})
}

func uniqueIDs(docs List) {
	for i, d := range docs {
		d.ID = fmt.Sprint(i)
		uniqueIDs(d.Chunks)
	}
}
