package chart

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/helm-flow/helm-flow/flow"
	"github.com/helm-flow/helm-flow/internal/values"
)

// needPlugin are the flows that hold more than the chart's own reader takes, and what it says.
var needPlugin = map[string]string{
	"conditions":      "on, off, y or n without quotes",
	"deployment-file": "no `jtype: Flow`",
	"env":             "holds a variable",
	"references":      "holds a variable",
}

// Whether the plugin reads a flow.yml or the chart does, for --set-file flow=flow.yml, the same objects come out, to the byte. What the chart cannot read it refuses, and names
// the plugin.
func TestDoorsAgree(t *testing.T) {
	for _, c := range append(flows(t), examples(t)...) {
		t.Run(c.name, func(t *testing.T) {
			text, err := os.ReadFile(c.input)
			if err != nil {
				t.Fatal(err)
			}
			byChart, err := Render(Options{Release: "demo", Namespace: "flows", Values: map[string]any{"flow": string(text)}})
			want := needPlugin[strings.TrimPrefix(c.name, "flow ")]
			if isSource(t, c.input) {
				want = "which is no image"
			}
			if want != "" {
				invalid, ok := errors.AsType[*InvalidValues](err)
				if !ok || !slices.ContainsFunc(invalid.Faults, func(f string) bool { return strings.Contains(f, want) && strings.Contains(f, "helm flow values") }) {
					t.Errorf("error %v, want one with %q that names the plugin", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			byPlugin := render(t, c.values(t))
			if len(byPlugin) != len(byChart) {
				t.Fatalf("%d objects, and %d by the plugin", len(byChart), len(byPlugin))
			}
			for i, m := range byPlugin {
				if !bytes.Equal(m.YAML, byChart[i].YAML) {
					t.Errorf("%s: by the chart\n%s\nby the plugin\n%s", m.Source, byChart[i].YAML, m.YAML)
				}
			}
		})
	}
}

// examples are the flows of the folder of that name.
func examples(t *testing.T) []testCase {
	t.Helper()
	return slices.DeleteFunc(cases(t), func(c testCase) bool { return !strings.HasPrefix(c.name, "example") })
}

// isSource tells whether a flow has Python source, which no cluster starts.
func isSource(t *testing.T, path string) bool {
	t.Helper()
	f, err := flow.ReadFile(path, flowOptions)
	if err != nil {
		t.Fatal(err)
	}
	_, err = values.FromFlow(f, values.Options{})
	return err != nil
}
