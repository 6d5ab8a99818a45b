package graph

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/helm-flow/helm-flow/flow"
)

var update = flag.Bool("update", false, "write the drawings in testdata anew")

// said is a field that a file says.
func said[T any](v T) flow.Field[T] {
	return flow.Field[T]{Value: v, Pos: flow.Pos{Line: 1, Column: 1}}
}

func executor(name string, needs ...string) flow.Executor {
	e := flow.Executor{Name: said(name), Needs: said(needs), Uses: flow.Uses{Kind: flow.Builtin, Name: "echo"}}
	e.Replicas, e.Shards = said(1), said(1)
	return e
}

func gateway(doors ...flow.Door) flow.Gateway {
	return flow.Gateway{Doors: said(doors)}
}

// search has all that drawings show.
func search() *flow.Flow {
	encoder := executor("encoder", "gateway")
	encoder.Uses = flow.Uses{Kind: flow.Image, Name: "registry.example/team/search/encoder-multilingual:1.2.3"}
	encoder.Replicas = said(3)
	text, pictures := executor("text", "encoder"), executor("pictures", "encoder")
	text.When = said(map[string]any{"tags__kind": map[string]any{"$eq": "text"}})
	pictures.When = said(map[string]any{"tags__kind": map[string]any{"$eq": "picture"}, "tags__size": map[string]any{"$gt": 5}})
	log := executor("log", "encoder")
	log.Floating = said(true)
	index := executor("index", "text", "pictures")
	index.Shards = said(4)
	index.UsesAfter = &flow.Uses{Kind: flow.Image, Name: "registry.example/team/rank:2"}
	index.NoReduce = said(true)
	audit := executor("audit", "log")
	audit.Floating = said(true)
	rerank := executor("rerank", "index", "encoder")
	rerank.External, rerank.Addresses = said(true), []string{"grpcs://rerank.example:443"}
	return &flow.Flow{
		Name:      said("search"),
		Gateway:   gateway(flow.Door{Protocol: flow.GRPC, Port: 8080}, flow.Door{Protocol: flow.HTTP, Port: 8081}),
		Executors: []flow.Executor{encoder, text, pictures, log, index, audit, rerank},
	}
}

func TestDrawings(t *testing.T) {
	flows := map[string]*flow.Flow{
		"search": search(),
		"empty":  {Gateway: gateway(flow.Door{Protocol: flow.GRPC, Port: 8080})},
		"quotes": {Name: said(`<b>"&`), Gateway: gateway(), Executors: []flow.Executor{func() flow.Executor {
			e := executor("end", "gateway")
			e.Uses = flow.Uses{Kind: flow.Image, Name: `a"b<c>&d#e\f`}
			return e
		}()}},
	}
	for name, f := range flows {
		for format, draw := range map[string]func(*flow.Flow) string{
			"txt": func(f *flow.Flow) string { return Text(f, false) }, "svg": SVG, "mermaid": Mermaid, "dot": DOT,
		} {
			file := filepath.Join("testdata", name+"."+format)
			got := draw(f)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s (-want +got), -update writes it anew:\n%s", file, diff)
			}
		}
	}
}

func TestSVGIsXML(t *testing.T) {
	f := search()
	f.Executors[0].Uses.Name = "<script>&\"'"
	decoder := xml.NewDecoder(strings.NewReader(SVG(f)))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// No node may lie on another, whatever the graph.
func TestNodesLieApart(t *testing.T) {
	wide := &flow.Flow{Gateway: gateway()}
	var all []string
	for i := range 40 {
		name := fmt.Sprint("e", i)
		wide.Executors = append(wide.Executors, executor(name, "gateway"))
		all = append(all, name)
	}
	wide.Executors = append(wide.Executors, executor("join", all...))
	for _, f := range []*flow.Flow{search(), wide} {
		l := arrange(f, func(p *place) (float64, float64) { return boxSize(f, p) })
		for _, column := range l.columns {
			for i, p := range column[1:] {
				if above := column[i]; p.y-p.height/2 < above.y+above.height/2+rowGap-0.01 {
					t.Errorf("a place at %v lies on the one above, at %v", p.y, above.y)
				}
			}
		}
	}
}

func TestCondition(t *testing.T) {
	for _, test := range []struct {
		when map[string]any
		want string
	}{
		{map[string]any{"tags__a": map[string]any{"$eq": 5}}, "tags__a = 5"},
		{map[string]any{"a": map[string]any{"$gte": 1, "$lt": 2}}, "a ≥ 1 and a < 2"},
		{map[string]any{"$or": []any{map[string]any{"a": map[string]any{"$exists": true}}, map[string]any{"b": map[string]any{"$in": []any{"x", 1}}}}},
			`(a exists true or b in ["x",1])`},
		{map[string]any{"$not": map[string]any{"a": map[string]any{"$eq": nil}}}, "not (a = null)"},
		{map[string]any{"a": map[string]any{"$new": 1}}, `a {"$new":1}`},
		{map[string]any{"$and": "odd"}, `$and "odd"`},
	} {
		if got := condition(test.when); got != test.want {
			t.Errorf("%v: got %q, want %q", test.when, got, test.want)
		}
	}
}

// The most executors that fit into a file, one behind another and each needed by the last.
func TestBigGraphs(t *testing.T) {
	chain := &flow.Flow{Gateway: gateway()}
	last := "gateway"
	var all []string
	for i := range 10000 {
		name := fmt.Sprint("e", i)
		chain.Executors = append(chain.Executors, executor(name, last))
		last = name
		all = append(all, name)
	}
	chain.Executors = append(chain.Executors, executor("join", all...))
	started := time.Now()
	if !strings.HasSuffix(SVG(chain), "</svg>\n") {
		t.Error("the picture has no end")
	}
	if took := time.Since(started); took > time.Minute {
		t.Errorf("a picture of 10,000 executors took %s", took)
	}
}

// The flows that the chart renders golden have their graph beside the manifests, as in the terminal and as Mermaid.
func TestGoldenFlows(t *testing.T) {
	flows, err := filepath.Glob("../../internal/chart/testdata/flows/*.yml")
	if err != nil || len(flows) == 0 {
		t.Fatalf("no flows: %v", err)
	}
	opts := flow.Options{
		LookupEnv: func(name string) (string, bool) { return "of " + name, true },
		Hub:       flow.HubMap{Template: "registry.example/{user}/{name}:{tag}"},
	}
	for _, path := range flows {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f, err := flow.ReadFile(path, opts)
			if err != nil {
				t.Fatal(err)
			}
			got := Text(f, false) + "\n" + Mermaid(f)
			file := filepath.Join(strings.TrimSuffix(path, ".yml"), "graph.golden.txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
