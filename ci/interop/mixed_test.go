package interop

import (
	"strings"
	"testing"

	"github.com/helm-flow/helm-flow/internal/config"
)

// TestGoAmongPythonV2 has no oracle: in the second generation Jina's gateway starts only if the schemas of neighbours are equal,
// and a Go executor that takes any document cannot have the schema of the user's Python class. Ours does not mind.
func TestGoAmongPythonV2(t *testing.T) {
	const g generation = "v2"
	client := startClient(t, g)
	a := startJinaExecutor(t, g, "a", "peer.yml", map[string]any{"mark": "a"})
	c := startJinaExecutor(t, g, "c", "peer.yml", map[string]any{"mark": "c"})
	echo := startExecutor(t, "echo", "echo")
	for _, p := range []*process{a, c, echo} {
		p.waitServing(t)
	}
	gateway := startGateway(t, "mixed", config.Gateway{Executors: []config.Executor{
		{Name: "a", Needs: []string{"gateway"}, Addresses: []string{"grpc://" + a.addr}},
		{Name: "echo", Needs: []string{"a"}, Addresses: []string{"grpc://" + echo.addr}},
		{Name: "c", Needs: []string{"echo"}, Addresses: []string{"grpc://" + c.addr}},
	}})
	gateway.waitServing(t)
	for scenario, want := range map[string]string{
		"returns_documents":      `["text 0ac","text 1ac","text 2ac"]`,
		"ten_thousand_documents": `{"documents":10000,"marks":["ac"],"repeated":[],"requests":200}`,
		"large_document":         `[true,"ac"]`,
		"embeddings":             `{"embedding":[0,1,2,3],"id":"d0","tags":{"list":["a","b"],"map":{"k":"v"},"n":1.5,"none":null,"yes":true},"text":"text 0ac"}`,
		"is_flow_ready":          `true`,
	} {
		t.Run(scenario, func(t *testing.T) {
			if got := mustJSON(t, client.facts(t, scenario, gateway.addr)); !strings.Contains(got, want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
