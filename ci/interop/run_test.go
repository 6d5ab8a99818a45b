package interop

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
)

// startFlow starts a flow of examples by `helm flow run`; it serves a moment later: see waitServing.
func startFlow(tb testing.TB, g generation, example string) *process {
	tb.Helper()
	goBinary(tb, "flow-gateway") // run looks for them beside itself
	goBinary(tb, "flow-executor")
	port := freePort(tb)
	cmd := exec.Command(goBinary(tb, "helm-flow"), "run", filepath.Join(repository, "examples", example, "flow.yml"),
		"--python", g.python(tb), "--set", fmt.Sprintf("gateway.ports.grpc=%d", port))
	p := start(tb, "run-"+example, cmd)
	p.addr = loopback(port)
	return p
}

// answers are the facts of posts_documents, as far as they concern documents.
type answers []struct {
	Docs []struct {
		Text      string
		Tags      map[string]any
		Embedding []float64
	}
}

// TestRun has real clients post to flows that run as a user runs them: real Python executors from their sources, and the built-ins of the
// demo.
func TestRun(t *testing.T) {
	for _, g := range generations {
		t.Run(string(g), func(t *testing.T) {
			client := startClient(t, g)
			python, demo := startFlow(t, g, "python"), startFlow(t, g, "linkerd-demo")
			posted := func(p *process) answers {
				p.waitServing(t)
				var got answers
				if err := json.Unmarshal([]byte(mustJSON(t, client.facts(t, "posts_documents", p.addr))), &got); err != nil {
					t.Fatal(err)
				}
				if len(got) != 1 || len(got[0].Docs) != 5 {
					t.Fatalf("%s: answers %+v, want one with five documents", p.name, got)
				}
				return got
			}
			for i, d := range posted(python)[0].Docs {
				if want := fmt.Sprintf("TEXT %d!", i); d.Text != want || d.Tags["letters"] != 7.0 {
					t.Errorf("document %d: %+v, want %q and its 7 letters", i, d, want)
				}
			}
			for i, d := range posted(demo)[0].Docs {
				if want := fmt.Sprintf("text %d", i); d.Text != want || len(d.Embedding) != 512 {
					t.Errorf("document %d: %q with %d numbers, want %q with 512", i, d.Text, len(d.Embedding), want)
				}
			}
		})
	}
}
