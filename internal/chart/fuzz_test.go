package chart

import (
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/helm-flow/helm-flow/flow"
	"github.com/helm-flow/helm-flow/internal/config"
	"github.com/helm-flow/helm-flow/internal/values"
)

// FuzzAcceptedFlows holds the parts of the line together: what the flow's reader accepts, the chart renders, and the
// gateway takes what it rendered.
func FuzzAcceptedFlows(f *testing.F) {
	for _, pattern := range []string{"../../examples/*/flow.yml", "testdata/cases/*/flow.yml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: no flows: %v", pattern, err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		fl, err := flow.Read("flow.yml", src, flow.Options{})
		if err != nil {
			return // FuzzRead is about those
		}
		v, err := values.FromFlow(fl, values.Options{PythonSources: true})
		if err != nil {
			t.Fatal(err)
		}
		m, err := v.Map()
		if err != nil {
			t.Fatal(err)
		}
		manifests, err := Render(Options{Release: "demo", Values: m})
		if err != nil {
			t.Fatal(err)
		}
		for _, manifest := range manifests {
			object, ok := typed(t, manifest).(*corev1.ConfigMap)
			if !ok || object.Data["gateway.yaml"] == "" {
				continue
			}
			if _, err := config.Parse([]byte(object.Data["gateway.yaml"])); err != nil {
				t.Errorf("the gateway refuses it: %v\n%s", err, object.Data["gateway.yaml"])
			}
		}
	})
}
