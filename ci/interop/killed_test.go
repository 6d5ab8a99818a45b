package interop

import (
	"strings"
	"testing"

	"github.com/helm-flow/helm-flow/internal/config"
)

// TestKilledExecutor lets Python executors die in the middle of six requests on one stream. Every request gets exactly one
// answer: from another replica where there is one, else an empty one, as from Jina, and the stream ends with an error that names
// the executor. Jina's gateway ends the stream at the first of them and loses the others.
func TestKilledExecutor(t *testing.T) {
	for _, g := range generations {
		t.Run(string(g), func(t *testing.T) {
			client := startClient(t, g)
			mortal := startJinaExecutor(t, g, "mortal", "peer.yml", map[string]any{"mark": "mortal"})
			spare := startJinaExecutor(t, g, "spare", "peer.yml", map[string]any{"mark": "spare"})
			mortal.waitServing(t)
			spare.waitServing(t)
			gateway := func(name string, replicas ...*process) *process {
				e := config.Executor{Name: "peer", Needs: []string{"gateway"}}
				for _, r := range replicas {
					e.Addresses = append(e.Addresses, "grpc://"+r.addr)
				}
				p := startGateway(t, name, config.Gateway{Executors: []config.Executor{e}})
				p.waitServing(t)
				return p
			}
			replicated, alone := gateway("replicated", mortal, spare), gateway("alone", spare)

			t.Run("replica", func(t *testing.T) {
				facts := client.facts(t, "killed_replica", replicated.addr)
				const want = `{"answers":{"0":[1],"1":[1],"2":[1],"3":[1],"4":[1],"5":[1]},"ended":"OK","said":""}`
				if got := mustJSON(t, facts); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
				mortal.waitEnded(t)
			})
			t.Run("last", func(t *testing.T) {
				facts := client.facts(t, "killed_executor", alone.addr)
				const want = `{"answers":{"0":[0],"1":[0],"2":[0],"3":[0],"4":[0],"5":[0]},"ended":"UNAVAILABLE","said":"executor \"peer\" at ADDRESS `
				if got := mustJSON(t, facts); !strings.HasPrefix(got, want) {
					t.Errorf("got  %s\nwant %s…", got, want)
				}
				spare.waitEnded(t)
			})
		})
	}
}
