// Package interop holds our gateway and our executors against real Python Jina, in both document generations.
//
// Real Jina is the oracle: a scenario is a Python function that posts with the real jina.Client and returns facts. It runs
// against Jina's gateway and against ours, and the facts must be equal, but for the differences that are listed with
// their reasons.
package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/helm-flow/helm-flow/internal/config"
)

// generation is a document generation: v1 is docarray before 0.30, v2 is docarray from 0.30 on. A Python environment has one.
type generation string

var generations = []generation{"v1", "v2"}

// python returns the interpreter with real Jina and documents of this generation.
func (g generation) python(tb testing.TB) string {
	tb.Helper()
	path, err := filepath.Abs(filepath.Join(repository, ".tools", "py-"+string(g), "bin", "python"))
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("no Python with Jina (%v): run make tools", err)
	}
	return path
}

// pythonEnv silences Jina's version check and telemetry, so that nothing leaves the machine, and lets the modules of
// testdata, the working directory of every Python here, import each other.
func pythonEnv() []string {
	return append(os.Environ(),
		"PYTHONPATH=.", "PYTHONDONTWRITEBYTECODE=1", "NO_VERSION_CHECK=1", "JINA_OPTOUT_TELEMETRY=1", "JINA_LOG_LEVEL=INFO", "JINA_LOG_NO_COLOR=1", "PYTHONUNBUFFERED=1")
}

// runPython runs a script of testdata to its end and returns its standard output; a script that fails fails the test.
func runPython(tb testing.TB, g generation, script string, args ...string) []byte {
	tb.Helper()
	argv := append([]string{script}, args...)
	cmd := exec.CommandContext(tb.Context(), g.python(tb), argv...)
	cmd.Dir = "testdata"
	cmd.Env = pythonEnv()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("%s %v: %v\n%s%s", g, argv, err, out, stderr.String())
	}
	return out
}

// startJina runs Jina's command line until the test ends; it serves gRPC on a free port.
func startJina(tb testing.TB, g generation, name string, args ...string) *process {
	tb.Helper()
	port := freePort(tb)
	cmd := exec.Command(filepath.Join(filepath.Dir(g.python(tb)), "jina"), args...)
	cmd.Args = append(cmd.Args, "--host", "127.0.0.1", "--port", fmt.Sprint(port))
	cmd.Dir = "testdata"
	cmd.Env = pythonEnv()
	p := start(tb, name, cmd)
	p.addr = loopback(port)
	return p
}

// startJinaExecutor starts a real Python executor as Jina's images do; uses is a YAML file in testdata. It serves some seconds
// later: see waitServing.
func startJinaExecutor(tb testing.TB, g generation, name, uses string, usesWith map[string]any) *process {
	tb.Helper()
	args := []string{"executor", "--native", "--name", name, "--uses", uses}
	if usesWith != nil {
		args = append(args, "--uses-with", mustJSON(tb, usesWith))
	}
	return startJina(tb, g, name, args...)
}

// startJinaGateway starts a real Python gateway in front of the executors; it serves some seconds later: see waitServing.
func startJinaGateway(tb testing.TB, g generation, name string, executors []config.Executor, args ...string) *process {
	tb.Helper()
	addresses := map[string][]string{}
	unreduced := []string{}
	for _, e := range executors {
		addresses[e.Name] = e.Addresses
		if e.NoReduce {
			unreduced = append(unreduced, e.Name)
		}
	}
	return startJina(tb, g, "jina-gateway-"+name, append([]string{"gateway",
		"--graph-description", mustJSON(tb, jinaGraph(executors)),
		"--deployments-addresses", mustJSON(tb, addresses),
		"--deployments-no-reduce", mustJSON(tb, unreduced)}, args...)...)
}

func mustJSON(tb testing.TB, v any) string {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}
