package interop

import (
	"testing"

	"github.com/helm-flow/helm-flow/internal/config"
)

// TestKilledExecutor lets Python executors die in the middle of six requests. Jina loses the answers of a stream whose executor
// is gone; here every request gets exactly one, from another replica where there is one, else an error.
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
				if want := deaths(0, "OK"); mustJSON(t, facts) != mustJSON(t, want) {
					t.Errorf("got %v, want %v", facts, want)
				}
				<-mortal.ended
			})
			t.Run("last", func(t *testing.T) {
				facts := client.facts(t, "killed_executor", alone.addr)
				if want := deaths(1, "UNAVAILABLE"); mustJSON(t, facts) != mustJSON(t, want) {
					t.Errorf("got %v, want %v", facts, want)
				}
				<-spare.ended
			})
		})
	}
}

// deaths is what client.py tells of six requests that are answered with this status each, on a stream that ends with this code.
func deaths(status int, ended string) map[string]any {
	answers := map[string][]int{}
	for i := range 6 {
		answers[string(rune('0'+i))] = []int{status}
	}
	return map[string]any{"answers": answers, "ended": ended}
}
