package local

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/helm-flow/helm-flow/flow"
	"github.com/helm-flow/helm-flow/internal/chart"
	"github.com/helm-flow/helm-flow/internal/values"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Each testdata/plan/NAME.yml becomes the plan in NAME.golden.
func TestPlan(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	flows, err := filepath.Glob("testdata/plan/*.yml")
	if err != nil || len(flows) == 0 {
		t.Fatalf("no flows: %v", err)
	}
	for _, path := range flows {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yml"), func(t *testing.T) {
			port := 20000
			plan, err := newPlan(renderFlow(t, path), "/run", "/data", func() (int, error) { port++; return port, nil })
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(path, ".yml") + ".golden"
			got := strings.ReplaceAll(dump(plan), absolute(t, "testdata"), "<testdata>")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatalf("%v (go test ./internal/local -update writes it)", err)
			}
			if got != string(want) {
				t.Errorf("plan:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// renderFlow takes the way that helm flow run takes.
func renderFlow(t *testing.T, path string) []chart.Manifest {
	t.Helper()
	f, err := flow.ReadFile(path, flow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := values.FromFlow(f, values.Options{PythonSources: true})
	if err != nil {
		t.Fatal(err)
	}
	flowValues, err := v.Map()
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := chart.Render(chart.Options{Release: "flow", Values: flowValues})
	if err != nil {
		t.Fatal(err)
	}
	return manifests
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return full
}

func dump(plan *Plan) string {
	var b strings.Builder
	for _, door := range plan.Doors {
		fmt.Fprintf(&b, "door %s\n", door)
	}
	for _, folder := range plan.Folders {
		fmt.Fprintf(&b, "folder %s\n", folder)
	}
	for _, p := range plan.processes() {
		fmt.Fprintf(&b, "\n%s: %q\n", p.Name, p.Command)
		if len(p.Env) > 0 {
			fmt.Fprintf(&b, "  env %q\n", p.Env)
		}
		for _, probe := range []struct {
			name string
			*Probe
		}{{"startup", p.Startup}, {"readiness", p.Readiness}, {"liveness", p.Liveness}} {
			fmt.Fprintf(&b, "  %s: %s, %d times every %v, within %v each\n", probe.name, probe, probe.Failures, probe.Period, probe.Timeout)
		}
		fmt.Fprintf(&b, "  grace %v\n", p.Grace)
	}
	for _, path := range slices.Sorted(maps.Keys(plan.Files)) {
		fmt.Fprintf(&b, "\n%s:\n%s", path, plan.Files[path])
	}
	return b.String()
}

func TestRemapPort(t *testing.T) {
	mapped := ports{8080: 20001, 9090: 20002}
	for arg, want := range map[string]string{
		"8080":                    "20001",
		":8080":                   "127.0.0.1:20001",
		"0.0.0.0:8080":            "127.0.0.1:20001",
		"[::]:8080":               "127.0.0.1:20001",
		"--grpc=:8080":            "--grpc=127.0.0.1:20001",
		"--admin=0.0.0.0:9090":    "--admin=127.0.0.1:20002",
		"--admin=localhost:9090":  "--admin=localhost:20002",
		"--port=8080":             "--port=20001",
		"0.0.0.0":                 "127.0.0.1",
		"--host=0.0.0.0":          "--host=127.0.0.1",
		"::":                      "127.0.0.1",
		"18080":                   "18080",
		"--port=7777":             "--port=7777",
		`{"port": 8080}`:          `{"port": 8080}`,
		`{"a": ":8080", "b": 80}`: `{"a": ":8080", "b": 80}`,
		"--name":                  "--name",
		"":                        "",
	} {
		if got := remapPort(arg, mapped); got != want {
			t.Errorf("%q becomes %q, want %q", arg, got, want)
		}
	}
}

// As Kubernetes expands args and env.
func TestExpand(t *testing.T) {
	env := map[string]string{"A": "1", "B": "$(A)"}
	for text, want := range map[string]string{
		"$(A)":       "1",
		"x$(A)$(B)y": "x1$(A)y",
		"$(C)":       "$(C)",
		"$$(A)":      "$(A)",
		"$$$(A)":     "$1",
		"$A $":       "$A $",
		"$(A":        "$(A",
		"$()":        "$()",
		"a$(b$(A)":   "a$(b$(A)",
	} {
		if got := expand(text, env); got != want {
			t.Errorf("%q expands to %q, want %q", text, got, want)
		}
	}
}

func TestMountsReplace(t *testing.T) {
	m := mounts{"/etc/flow": "/run/a", "/etc/flow-more": "/run/b"}
	for arg, want := range map[string]string{
		"/etc/flow":                    "/run/a",
		"/etc/flow/x.yaml":             "/run/a/x.yaml",
		"--config=/etc/flow/x.yaml":    "--config=/run/a/x.yaml",
		"/etc/flow-more/x.yaml":        "/run/b/x.yaml",
		"/etc/flower":                  "/etc/flower",
		"/other/etc/flow":              "/other/etc/flow",
		`{"file": "/etc/flow/x.yaml"}`: `{"file": "/etc/flow/x.yaml"}`,
	} {
		if got := m.replace(arg); got != want {
			t.Errorf("%q becomes %q, want %q", arg, got, want)
		}
	}
}
