package chart

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/helm-flow/helm-flow/internal/config"
)

// printable leaves out what toYaml cannot write, and an environment could not hold.
func printable(c rune) bool {
	return !unicode.IsControl(c) && !strings.ContainsRune("\u2028\u2029\uFFFE\uFFFF", c)
}

// A text that YAML cannot hold must not get lost.
func TestControlCharacters(t *testing.T) {
	for _, text := range []string{"\x7f", "\u2028", "a\u2029b"} {
		_, err := Render(Options{Release: "demo", Values: map[string]any{"executors": map[string]any{
			"a": map[string]any{"usesWith": map[string]any{"k": text}},
		}}})
		if err == nil || !strings.Contains(err.Error(), "control character") {
			t.Errorf("%q: error %v, want one about a control character", text, err)
		}
	}
}

// Whatever a text holds, it comes out of the chart as it went in, everywhere a flow may put one.
func TestTextsSurvive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringOf(rapid.Rune().Filter(printable)), rapid.StringMatching(`[-:#&*!|>'"%@{}\[\],?~ \n\t$()0-9a-z]{0,12}`)).Draw(t, "text")
		texts := map[string]any{"k": text}
		manifests, err := Render(Options{Release: "demo", Values: map[string]any{"executors": map[string]any{
			"built": map[string]any{"env": texts, "metadata": texts, "usesWith": texts},
			"python": map[string]any{
				"runtime": "jina", "image": map[string]any{"repository": "me/python"}, "usesWith": texts, "env": texts,
				"needs": []any{"built"},
			},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		same := func(where, got string) {
			if got != text {
				t.Errorf("%s: %q, want %q", where, got, text)
			}
		}
		for _, m := range manifests {
			switch object := typed(t, m).(type) {
			case *corev1.ConfigMap:
				if file := object.Data["gateway.yaml"]; file != "" {
					gateway, err := config.Parse([]byte(file))
					if err != nil {
						t.Fatal(err)
					}
					same("metadata", gateway.Executors[0].Metadata["k"])
				}
				if file := object.Data["executor.yaml"]; file != "" {
					var executor struct{ UsesWith map[string]string }
					if err := yaml.Unmarshal([]byte(file), &executor); err != nil {
						t.Fatal(err)
					}
					same("usesWith in executor.yaml", executor.UsesWith["k"])
				}
			case *appsv1.Deployment:
				container := object.Spec.Template.Spec.Containers[0]
				for _, env := range container.Env {
					if env.Name == "k" {
						same("env", env.Value)
					}
				}
				if i := slices.Index(container.Args, "--uses-with"); i >= 0 {
					var parameters map[string]string
					if err := json.Unmarshal([]byte(strings.ReplaceAll(container.Args[i+1], "$$", "$")), &parameters); err != nil {
						t.Fatal(err)
					}
					same("usesWith in arguments", parameters["k"])
				}
			}
		}
	})
}
