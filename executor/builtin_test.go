package executor

import (
	"bytes"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/helm-flow/helm-flow/docarray"
)

func TestHeavySetsRandomEmbeddings(t *testing.T) {
	heavy := newHeavy()
	if err := heavy.configure(map[string]any{"n_dim": 512.0, "sleep": 0.0}, nil); err != nil {
		t.Fatal(err)
	}
	conn := start(t, heavy)
	for _, gen := range []docarray.Generation{docarray.V1, docarray.V2} {
		out, _, err := single(t, conn, request(t, "/any", gen, docarray.List{{ID: "1", Text: "a"}, {ID: "2"}}))
		if err != nil {
			t.Fatal(err)
		}
		docs := decode(t, gen, out)
		if len(docs) != 2 || docs[0].Text != "a" || docs[0].Embedding.DType != "<f8" || !reflect.DeepEqual(docs[0].Embedding.Shape, []int{512}) {
			t.Fatalf("%v: got %v", gen, docs)
		}
		values, err := docarray.Values[float64](docs[0].Embedding)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, v := range values {
			if v < 0 || v >= 1 {
				t.Errorf("%v is not in [0, 1)", v)
			}
			sum += v
		}
		if mean := sum / 512; mean < 0.4 || mean > 0.6 || bytes.Equal(docs[0].Embedding.Buffer, docs[1].Embedding.Buffer) {
			t.Errorf("mean %v", mean)
		}
	}
}

func TestHeavyDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := start(t, newHeavy())
		begin := time.Now()
		out, _, err := single(t, conn, request(t, "/", docarray.V1, docarray.List{{ID: "1"}}))
		if err != nil || time.Since(begin) != 3*time.Second {
			t.Fatalf("after %v: %v", time.Since(begin), err)
		}
		if got := decode(t, docarray.V1, out)[0].Embedding.Shape[0]; got != 256 {
			t.Errorf("%d dimensions", got)
		}
	})
}

// Without embeddings the documents are not even decoded.
func TestHeavyWithoutEmbeddingsAndEchoLeaveBytesAlone(t *testing.T) {
	heavy := newHeavy()
	if err := heavy.configure(map[string]any{"n_dim": -1.0, "sleep": 0.0}, nil); err != nil {
		t.Fatal(err)
	}
	for _, e := range []*Executor{heavy, newEcho("echo"), newEcho("BaseExecutor")} {
		in := request(t, "/", docarray.V1, nil)
		in.Data = []byte{0x0a, 1, 0xff} // no documents at all
		out, _, err := single(t, start(t, e), in)
		if err != nil || !bytes.Equal(out.Data, in.Data) || len(out.Routes) != 1 {
			t.Errorf("%s: got %v, %v", e.class, out, err)
		}
	}
}
