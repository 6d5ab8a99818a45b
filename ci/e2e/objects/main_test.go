// Package objects_test holds what the chart renders against a real API server and its controllers, with both Helms; no pod runs.
package objects_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	helmvalues "helm.sh/helm/v3/pkg/cli/values"

	"github.com/helm-flow/helm-flow/ci/e2e/testcluster"
	"github.com/helm-flow/helm-flow/internal/chart"
)

var cluster *testcluster.Cluster

func TestMain(m *testing.M) { os.Exit(testcluster.Main(m, "e2e-objects", &cluster, "--api-only")) }

// cases are the value sets of the chart's golden renders, by name.
func cases(t *testing.T) map[string]map[string]any {
	t.Helper()
	files, err := filepath.Glob(cluster.Path("internal/chart/testdata/cases/*/values.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	all := map[string]map[string]any{}
	for _, file := range files {
		values, err := chart.Merge(nil, helmvalues.Options{ValueFiles: []string{file}})
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(filepath.Dir(file))] = values
	}
	return all
}

// foreignKinds are installed once, for those tests that need them.
func foreignKinds(t *testing.T) {
	t.Helper()
	cluster.MustKubectl(t, "apply", "--server-side", "-f", "testdata/crds")
	cluster.MustKubectl(t, "wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
}

func lines(text string) []string { return strings.Fields(text) }
