package docarray

import (
	"fmt"
	"testing"
)

// A hundred documents with embeddings, as a request of Jina's client holds.
func benchmarkList() List {
	var docs List
	for i := range 100 {
		docs = append(docs, &Document{ID: fmt.Sprint(i), Text: "some text", Embedding: NewTensor(make([]float64, 512))})
	}
	return docs
}

func BenchmarkDecode(b *testing.B) {
	for _, gen := range []Generation{V1, V2} {
		data := mustEncode(b, gen, benchmarkList())
		b.Run(gen.String(), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				mustDecode(b, gen, data)
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, gen := range []Generation{V1, V2} {
		docs := benchmarkList()
		b.Run(gen.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				mustEncode(b, gen, docs)
			}
		})
	}
}

// The branches of a join: one has the texts, the other the embeddings.
func BenchmarkReduce(b *testing.B) {
	for _, gen := range []Generation{V1, V2} {
		left, right := benchmarkList(), benchmarkList()
		for i := range left {
			left[i].Embedding = nil
			right[i].Text = ""
		}
		parts := [][]byte{mustEncode(b, gen, left), mustEncode(b, gen, right)}
		b.Run(gen.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Reduce(gen, parts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
