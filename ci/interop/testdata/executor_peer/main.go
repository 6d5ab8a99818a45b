// Command executor_peer has the executors of peer.py, written in Go, and one that answers with documents of all kinds.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/executor"
)

func main() {
	p := &peer{}
	all := []*executor.Executor{
		executor.New("Peer").With(p).Concurrent().
			On(executor.Default, p.stamp).
			On("/parameters", p.parameters).
			On("/results", p.results).
			On("/fail", p.fail).
			On("/fail-tagged", p.failTagged).
			On("/slow", p.slow).
			On("/branch", p.branch).
			On("/conflict", p.conflict).
			On("/parts", p.parts),
		executor.New("Picky").On("/known", known),
		executor.New("Kinds").On("/v1", kindsV1).On("/v2", kindsV2),
	}
	if class := os.Getenv("DOCUMENT_CLASS"); class != "" { // what Python gateways check
		for _, e := range all {
			e.Schema("Doc", json.RawMessage(class))
		}
	}
	executor.Main(all...)
}

type peer struct {
	Mark  string  `json:"mark"`
	Delay float64 `json:"delay"` // seconds
}

// ValueError and KeyError are what the Python peers raise.
type ValueError string

func (e ValueError) Error() string { return "ValueError(" + string(e) + ")" }

type KeyError string

func (e KeyError) Error() string { return "KeyError(" + string(e) + ")" }

// each changes all documents; those without text have, like those of the Python peers, an empty one.
func each(r *executor.Request, change func(*docarray.Document)) error {
	docs, err := r.Docs()
	for _, d := range docs {
		change(d)
	}
	return err
}

func (p *peer) sleep() { time.Sleep(time.Duration(p.Delay * float64(time.Second))) }

func (p *peer) stamp(_ context.Context, r *executor.Request) error {
	p.sleep()
	return each(r, func(d *docarray.Document) { d.Text += p.Mark })
}

func (p *peer) parameters(_ context.Context, r *executor.Request) error {
	p.sleep()
	return each(r, func(d *docarray.Document) { tags(d)[p.Mark] = withoutResults(r.Parameters) })
}

func tags(d *docarray.Document) map[string]any {
	if d.Tags == nil {
		d.Tags = map[string]any{}
	}
	return d.Tags
}

func withoutResults(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for k, v := range m {
		if k != "__results__" {
			out[k] = withoutResults(v)
		}
	}
	return out
}

func (p *peer) results(_ context.Context, r *executor.Request) error {
	docs, err := r.Docs()
	r.Results = map[string]any{"documents": len(docs), "by": p.Mark}
	return err
}

func (p *peer) fail(ctx context.Context, r *executor.Request) error {
	if who, ok := r.Parameters["who"]; !ok || who == p.Mark {
		return ValueError(fmt.Sprintf("'%s does not like this', 42", p.Mark))
	}
	return p.stamp(ctx, r)
}

func (p *peer) failTagged(ctx context.Context, r *executor.Request) error {
	docs, err := r.Docs()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(docs, func(d *docarray.Document) bool { return d.Tags["fail"] != nil }) {
		return KeyError("'fail'")
	}
	return p.stamp(ctx, r)
}

func (p *peer) slow(ctx context.Context, r *executor.Request) error {
	docs, err := r.Docs()
	if err != nil {
		return err
	}
	seconds := 0.0
	for _, d := range docs {
		if s, ok := d.Tags["seconds"].(float64); ok {
			seconds = max(seconds, s)
		}
	}
	time.Sleep(time.Duration(seconds * float64(time.Second)))
	return p.stamp(ctx, r)
}

func (p *peer) branch(ctx context.Context, r *executor.Request) error {
	if p.Mark == "c" {
		return p.stamp(ctx, r)
	}
	p.sleep()
	err := each(r, func(d *docarray.Document) {
		if p.Mark == "a" {
			d.Tags = map[string]any{"by": "a"}
		} else {
			d.Embedding = docarray.NewTensor([]float64{0, 1, 2})
		}
	})
	if err != nil {
		return err
	}
	docs, err := r.Docs()
	r.SetDocs(append(docs, &docarray.Document{ID: "added by " + p.Mark, Text: "new "}))
	return err
}

func (p *peer) conflict(ctx context.Context, r *executor.Request) error {
	if p.Mark != "c" {
		err := each(r, func(d *docarray.Document) { d.Tags = map[string]any{"both": p.Mark, p.Mark: true} })
		if err != nil {
			return err
		}
	}
	return p.stamp(ctx, r)
}

func (p *peer) parts(_ context.Context, r *executor.Request) error {
	p.sleep()
	parts, err := r.Parts()
	if err != nil {
		return err
	}
	docs, err := r.Docs()
	if err != nil {
		return err
	}
	byName, matrix := map[string]any{}, []any{}
	for _, part := range parts {
		byName[part.From] = texts(part.Docs)
		matrix = append(matrix, texts(part.Docs))
	}
	slices.SortFunc(matrix, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	all := texts(docs)
	slices.SortFunc(all, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	seen := map[string]any{"docs": all, "map": byName, "matrix": matrix}
	return each(r, func(d *docarray.Document) {
		d.Text += p.Mark
		d.Tags = map[string]any{p.Mark: seen}
	})
}

func texts(docs docarray.List) []any {
	out := []any{}
	for _, d := range docs {
		out = append(out, d.Text)
	}
	return out
}

func known(_ context.Context, r *executor.Request) error {
	return each(r, func(d *docarray.Document) { d.Text += " known" })
}

// kindsV1 and kindsV2 answer with one document that has something in every field; executor_kinds.py knows what.
func kindsV1(_ context.Context, r *executor.Request) error {
	r.SetDocs(docarray.List{{
		ID: "1", Text: "grüße", URI: "u", MimeType: "text/plain", Weight: 0.5, Modality: "m", Offset: 1.5, Location: []float32{0, 2},
		Tags:      map[string]any{"a": []any{nil, true, 1.5, "x", map[string]any{"k": map[string]any{}}}},
		Scores:    map[string]docarray.Score{"s": {Value: 0.25, OpName: "op", Description: "d", RefID: "r"}},
		Embedding: docarray.NewTensor([]float32{1, 2, 3, 4, 5, 6}, 2, 3),
		Chunks: docarray.List{
			{ID: "c", Blob: []byte{0, 255}, Chunks: docarray.List{{ID: "cc", Tensor: docarray.NewTensor([]uint8{1, 2})}}},
		},
		Matches: docarray.List{{ID: "m", Text: "match"}},
	}})
	return nil
}

func kindsV2(_ context.Context, r *executor.Request) error {
	inner := func(id string) *docarray.Document {
		return &docarray.Document{ID: id, Fields: map[string]any{"title": "in " + id, "words": []string{"w"}}}
	}
	r.SetDocs(docarray.List{{
		ID: "1", Fields: map[string]any{
			"title": "grüße", "price": 2.5, "count": math.MinInt32, "flag": false, "raw": []byte{0, 255}, "none": nil,
			"page":   docarray.Typed{Type: "image_url", Value: "https://example.com/a.png"},
			"sound":  docarray.Typed{Type: "audio_bytes", Value: []byte("riff")},
			"vector": docarray.NewTensor([]float32{1, 2, 3, 4, 5, 6}, 2, 3), "words": []string{"a", "b"}, "numbers": docarray.Set{1, 2},
			"pair": docarray.Tuple{7, "x"}, "extra": map[string]any{"k": []any{1, 2.5, nil}}, "inner": inner("i"),
			"inners": docarray.List{inner("j"), inner("k")},
		},
	}})
	return nil
}
