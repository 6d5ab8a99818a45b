package interop

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/helm-flow/helm-flow/executor"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// executorScenarios show what is an executor's part in them, behind Jina's gateway.
var executorScenarios = map[string][]string{
	"chain": {
		"posts_documents", "no_documents", "empty_input", "unary", "compressed", "large_document", "embeddings", "is_flow_ready",
		"parameters", "results", "unknown_endpoint", "target_executor", "executor_error", "continue_on_error",
	},
	"join":           {"join_fills", "join_conflicts", "join_error"},
	"unreduced-join": {"join_parts"},
	"picky":          {"known_endpoint", "unknown_endpoint"},
}

// directScenarios need no gateway: jina.Client can talk to an executor.
var directScenarios = map[string][]string{
	"a": {
		"posts_documents", "empty_input", "no_documents", "request_sizes", "unary", "streams_answers_while_it_sends",
		"ten_thousand_documents", "many_clients", "compressed", "large_document", "embeddings",
		"parameters", "results", "executor_error", "callbacks", "continue_on_error",
	},
	"picky": {"known_endpoint", "unknown_endpoint"},
}

// TestGoExecutors runs scenarios over the Python peers and over the same peers written in Go, behind Jina's gateway and
// without one.
func TestGoExecutors(t *testing.T) {
	for _, g := range generations {
		t.Run(string(g), func(t *testing.T) {
			client := startClient(t, g)
			python := startPeers(t, g)
			ours := startGoPeers(t, documentClass(t, python["a"]))
			gateways := map[string][]*process{}
			for _, f := range flows {
				if executorScenarios[f.name] != nil {
					gateways[f.name] = []*process{
						startJinaGateway(t, g, f.name, f.at(python)),
						startJinaGateway(t, g, f.name+"-go", f.at(ours)),
					}
				}
			}
			run := func(name string, scenarios []string, python, ours *process) {
				python.waitServing(t)
				ours.waitServing(t)
				for _, scenario := range scenarios {
					t.Run(name+"/"+scenario, func(t *testing.T) {
						compareExecutors(t, client.facts(t, scenario, python.addr), client.facts(t, scenario, ours.addr))
					})
				}
			}
			for name, scenarios := range directScenarios {
				run("direct-"+name, scenarios, python[name], ours[name])
			}
			for name, scenarios := range executorScenarios {
				run(name, scenarios, gateways[name][0], gateways[name][1])
			}
		})
	}
}

// startGoPeers starts our counterparts of startPeers. Documents are of the class given, if any.
func startGoPeers(tb testing.TB, documentClass string) map[string]*process {
	tb.Helper()
	peers := map[string]*process{"picky": startGoPeer(tb, documentClass, executor.Config{Name: "picky", Uses: "Picky"})}
	for name, delay := range map[string]float64{"a": 0, "b": 0, "c": 0, "late": 0.2} {
		with := map[string]any{"mark": name, "delay": delay}
		peers[name] = startGoPeer(tb, documentClass, executor.Config{Name: name, Uses: "Peer", UsesWith: with})
	}
	for _, p := range peers {
		p.waitServing(tb)
	}
	return peers
}

var buildGoPeer = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binDir, "executor_peer")
	cmd := exec.Command("go", "build", "-o", path, "./ci/interop/testdata/executor_peer")
	cmd.Dir = repository
	out, err := cmd.CombinedOutput()
	return path + string(out), err
})

func startGoPeer(tb testing.TB, documentClass string, c executor.Config) *process {
	tb.Helper()
	binary, err := buildGoPeer()
	if err != nil {
		tb.Fatal(binary, err)
	}
	file := filepath.Join(tb.TempDir(), "executor.yaml")
	if err := os.WriteFile(file, []byte(mustJSON(tb, c)), 0o600); err != nil {
		tb.Fatal(err)
	}
	addr := loopback(freePort(tb))
	cmd := exec.Command(binary, "--config="+file, "--grpc="+addr, "--admin="+loopback(freePort(tb)))
	cmd.Env = append(os.Environ(), "DOCUMENT_CLASS="+documentClass)
	p := start(tb, "executor_peer-"+c.Name, cmd)
	p.addr = addr
	return p
}

// discover asks an executor for its endpoints.
func discover(tb testing.TB, p *process) *jinapb.EndpointsProto {
	tb.Helper()
	conn, err := grpc.NewClient(p.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	out := new(jinapb.EndpointsProto)
	if err := conn.Invoke(tb.Context(), wire.MethodDiscovery, new(emptypb.Empty), out); err != nil {
		tb.Fatal(err)
	}
	return out
}

// documentClass is the JSON schema of the documents that an executor takes at its catch-all.
func documentClass(tb testing.TB, p *process) string {
	tb.Helper()
	fields := discover(tb, p).Schemas.Fields["/default"].GetStructValue().Fields["input"].GetStructValue().Fields
	return mustJSON(tb, fields["model"].AsInterface())
}

// compareExecutors compares facts but for how an exception tells its arguments and its stack, which is each language's own.
func compareExecutors(t *testing.T, python, ours any) {
	t.Helper()
	all := slices.DeleteFunc(differences("", python, ours), func(d difference) bool {
		return strings.Contains(d.path, ".exception.args") || strings.HasSuffix(d.path, ".exception.stacks")
	})
	for _, d := range all {
		t.Errorf("%s\nPython: %s\nGo:     %s", d.path, d.jina, d.ours)
	}
}

// TestGoDocuments lets Python read documents of all kinds that Go wrote.
func TestGoDocuments(t *testing.T) {
	kinds := startGoPeer(t, "", executor.Config{Name: "kinds", Uses: "Kinds"})
	kinds.waitServing(t)
	for _, g := range generations {
		t.Run(string(g), func(t *testing.T) { runPython(t, g, "executor_kinds.py", kinds.addr) })
	}
}

// TestBuiltinsInFlows runs Flows as people write them in Python, over our built-in executors, which serve both generations.
func TestBuiltinsInFlows(t *testing.T) {
	var addresses []string
	for _, c := range []executor.Config{
		{Name: "slow", Uses: "HeavyExecutorLinkerdDemo", UsesWith: map[string]any{"n_dim": -1, "sleep": 0.05}},
		{Name: "bulky", Uses: "HeavyExecutorLinkerdDemo", UsesWith: map[string]any{"n_dim": 512, "sleep": 0}},
		{Name: "echo", Uses: "echo"},
	} {
		p := startOurs(t, "flow-executor", c.Name, c)
		p.waitServing(t)
		addresses = append(addresses, p.addr)
	}
	for _, g := range generations {
		t.Run(string(g), func(t *testing.T) { runPython(t, g, "executor_flow.py", addresses...) })
	}
}

// Python gateways compare the schema of documents literally with that of their own.
func TestDefaultSchemaIsPythons(t *testing.T) {
	python := startJinaExecutor(t, "v2", "python", "BaseExecutor", nil)
	ours := startOurs(t, "flow-executor", "go", executor.Config{Name: "go", Uses: "BaseExecutor"})
	python.waitServing(t)
	ours.waitServing(t)
	want, got := discover(t, python), discover(t, ours)
	slices.Sort(want.Endpoints)
	slices.Sort(got.Endpoints)
	for _, d := range differences("", plainJSON(t, want), plainJSON(t, got)) {
		t.Errorf("%s\nPython: %s\nGo:     %s", d.path, d.jina, d.ours)
	}
}

func plainJSON(tb testing.TB, v any) (plain any) {
	tb.Helper()
	if err := json.Unmarshal([]byte(mustJSON(tb, v)), &plain); err != nil {
		tb.Fatal(err)
	}
	return plain
}
