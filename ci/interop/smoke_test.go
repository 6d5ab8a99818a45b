package interop

import "testing"

func TestJinaAlone(t *testing.T) {
	for _, g := range generations {
		t.Run(string(g), func(t *testing.T) {
			a := startJinaExecutor(t, g, "a", "peer.yml", map[string]any{"mark": "a"})
			a.waitServing(t)
			gw := startJinaGateway(t, g, "one", map[string][]string{"start-gateway": {"a"}, "a": {"end-gateway"}}, map[string]string{"a": a.addr})
			gw.waitServing(t)
		})
	}
}
