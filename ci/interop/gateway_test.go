package interop

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/helm-flow/helm-flow/executor"
	"github.com/helm-flow/helm-flow/internal/config"
)

// flow is a graph of peers and the scenarios that show something on it.
type flow struct {
	name      string
	refused   generation        // Jina's gateway does not start for it, see TestGoAmongPythonV2
	prefetch  int               // 0 is the default, 1000
	executors []config.Executor // addresses are filled in when the peers run
	scenarios []string
}

var flows = []flow{
	{
		name:      "single",
		executors: []config.Executor{{Name: "a", Needs: []string{"gateway"}}},
		scenarios: []string{"posts_documents", "completion_order", "results_in_order", "prefetch_1", "prefetch_2"},
	},
	{
		name:      "prefetch",
		prefetch:  1,
		executors: []config.Executor{{Name: "a", Needs: []string{"gateway"}}},
		scenarios: []string{"completion_order", "prefetch_2"},
	},
	{
		name: "floating",
		executors: []config.Executor{
			{Name: "late", Needs: []string{"gateway"}, Floating: true},
			{Name: "a", Needs: []string{"gateway"}},
		},
		scenarios: []string{"posts_documents", "results"},
	},
	{
		name: "chain",
		executors: []config.Executor{
			{Name: "a", Needs: []string{"gateway"}},
			{Name: "b", Needs: []string{"a"}},
			{Name: "c", Needs: []string{"b"}},
		},
		scenarios: []string{
			"posts_documents", "returns_documents", "empty_input", "no_documents", "one_document", "request_sizes", "unary",
			"generator_as_input", "streams_answers_while_it_sends", "async_client", "ten_thousand_documents", "many_clients",
			"compressed", "large_document", "embeddings", "is_flow_ready", "profiling",
			"parameters", "results", "unknown_endpoint", "target_executor",
			"executor_error", "callbacks", "continue_on_error",
		},
	},
	{
		name: "join",
		executors: []config.Executor{
			{Name: "a", Needs: []string{"gateway"}},
			{Name: "late", Needs: []string{"gateway"}},
			{Name: "c", Needs: []string{"a", "late"}},
		},
		scenarios: []string{"join_fills", "join_conflicts", "join_error", "parameters", "results", "target_executor", "embeddings"},
	},
	{
		name: "unreduced-join",
		executors: []config.Executor{
			{Name: "a", Needs: []string{"gateway"}},
			{Name: "late", Needs: []string{"gateway"}},
			{Name: "c", Needs: []string{"a", "late"}, NoReduce: true},
		},
		scenarios: []string{"join_parts", "join_error", "empty_input"},
	},
	{
		name:    "mixed", // Python, Go, Python
		refused: "v2",
		executors: []config.Executor{
			{Name: "a", Needs: []string{"gateway"}},
			{Name: "echo", Needs: []string{"a"}},
			{Name: "c", Needs: []string{"echo"}},
		},
		scenarios: []string{
			"posts_documents", "empty_input", "ten_thousand_documents", "large_document", "embeddings",
			"parameters", "target_executor", "executor_error", "is_flow_ready",
		},
	},
	{
		name:      "picky",
		executors: []config.Executor{{Name: "picky", Needs: []string{"gateway"}}},
		scenarios: []string{"known_endpoint", "unknown_endpoint"},
	},
	{
		name: "unreachable",
		executors: []config.Executor{
			{Name: "a", Needs: []string{"gateway"}},
			{Name: "gone", Needs: []string{"a"}},
		},
		scenarios: []string{"network_error"},
	},
}

// TestOracle runs every scenario against Jina's gateway and against ours, in front of the same Python executors.
func TestOracle(t *testing.T) {
	for _, g := range generations {
		t.Run(string(g), func(t *testing.T) {
			client := startClient(t, g)
			peers := startPeers(t, g)
			var jinas, ours []*process
			flows := slices.DeleteFunc(slices.Clone(flows), func(f flow) bool { return f.refused == g })
			for _, f := range flows {
				executors := f.at(peers)
				prefetch := cmp.Or(f.prefetch, 1000)
				jinas = append(jinas, startJinaGateway(t, g, f.name, executors, "--prefetch", fmt.Sprint(prefetch)))
				ours = append(ours, startGateway(t, f.name, config.Gateway{Executors: executors, Prefetch: prefetch}))
			}
			for _, gateway := range slices.Concat(jinas, ours) {
				gateway.waitServing(t)
			}
			peers["gone"].kill() // not before: Jina's gateway does not start while an executor is missing
			for i, f := range flows {
				for _, scenario := range f.scenarios {
					t.Run(f.name+"/"+scenario, func(t *testing.T) {
						compare(t, deliberateIn(g, f.name, scenario),
							client.facts(t, scenario, jinas[i].addr), client.facts(t, scenario, ours[i].addr))
					})
				}
			}
		})
	}
}

// startPeers starts the executors that all flows share: Python's, and one of ours.
func startPeers(tb testing.TB, g generation) map[string]*process {
	tb.Helper()
	peers := map[string]*process{
		"picky": startJinaExecutor(tb, g, "picky", "picky.yml", nil),
		"echo":  startExecutor(tb, "echo", "echo"),
		// Jina merges the parts of a join in the order of their arrival, which must not be left to chance here.
		"late": startJinaExecutor(tb, g, "late", "peer.yml", map[string]any{"mark": "late", "delay": 0.2}),
	}
	for _, name := range []string{"a", "b", "c", "gone"} {
		peers[name] = startJinaExecutor(tb, g, name, "peer.yml", map[string]any{"mark": name})
	}
	for _, p := range peers {
		p.waitServing(tb)
	}
	return peers
}

// at returns the executors of f, with their addresses.
func (f flow) at(peers map[string]*process) []config.Executor {
	executors := slices.Clone(f.executors)
	for i := range executors {
		executors[i].Addresses = []string{"grpc://" + peers[executors[i].Name].addr}
	}
	return executors
}

// jinaGraph is the graph in Jina's form: node to next nodes, between start-gateway and end-gateway.
func jinaGraph(executors []config.Executor) map[string][]string {
	graph := map[string][]string{}
	for _, e := range executors {
		graph[e.Name] = []string{}
		for _, need := range e.Needs {
			if need == "gateway" {
				need = "start-gateway"
			}
			graph[need] = append(graph[need], e.Name)
		}
	}
	last := executors[len(executors)-1].Name
	graph[last] = append(graph[last], "end-gateway")
	return graph
}

// startExecutor starts one of our built-in executors; it serves a moment later: see waitServing.
func startExecutor(tb testing.TB, name, uses string) *process {
	tb.Helper()
	return startOurs(tb, "flow-executor", name, executor.Config{Name: name, Uses: uses})
}

// startGateway starts our gateway; it serves a moment later: see waitServing.
func startGateway(tb testing.TB, name string, c config.Gateway) *process {
	tb.Helper()
	c.Name = name
	c.Retries = -1
	c.Docarray = "auto"
	return startOurs(tb, "flow-gateway", name, c, "--max-message-bytes=2147483647")
}

// startOurs starts one of our programs with this configuration.
func startOurs(tb testing.TB, program, name string, config any, args ...string) *process {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(mustJSON(tb, config)), 0o600); err != nil {
		tb.Fatal(err)
	}
	addr := loopback(freePort(tb))
	p := start(tb, program+"-"+name, exec.Command(goBinary(tb, program),
		append(args, "--config="+file, "--grpc="+addr, "--admin="+loopback(freePort(tb)))...))
	p.addr = addr
	return p
}
