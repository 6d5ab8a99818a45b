package explain

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"sigs.k8s.io/yaml"

	"github.com/helm-flow/helm-flow/flow"
	"github.com/helm-flow/helm-flow/internal/chart"
	"github.com/helm-flow/helm-flow/internal/values"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// render is a small chart: replicas default to 1, name is required, extra makes another object.
func render(v map[string]any) ([]chart.Manifest, error) {
	name, ok := v["name"].(string)
	if !ok {
		return nil, errors.New("name is missing; the token is hunter2")
	}
	replicas, ok := v["replicas"].(float64)
	if !ok {
		replicas = 1
	}
	env := ""
	if token, ok := v["token"].(string); ok {
		env = "env: [{name: TOKEN, value: " + token + "}],"
	}
	manifests := []chart.Manifest{{YAML: fmt.Appendf(nil, `
kind: Deployment
metadata: {name: main}
spec:
  replicas: %v
  template:
    metadata: {annotations: {checksum/config: %q}}
    spec: {containers: [{name: executor, %s args: [--name, %s, --fast]}]}`, replicas, name, env, name)}}
	if v["extra"] == true {
		manifests = append(manifests, chart.Manifest{YAML: []byte("kind: Service\nmetadata: {name: extra}")})
	}
	return manifests, nil
}

// explained gives each value as a line of text.
func explained(t *testing.T, v string, paths ...string) []string {
	t.Helper()
	var all map[string]any
	if err := yaml.Unmarshal([]byte(v), &all); err != nil {
		t.Fatal(err)
	}
	var origins []values.Origin
	for i, path := range paths {
		origins = append(origins, values.Origin{Pos: flow.Pos{Line: i + 1, Column: 1}, Field: path, Path: path})
	}
	lines, err := Explain(t.Context(), origins, Options{Values: all, Render: render, Secrets: FindSecrets("token: hunter2", false, nil)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range lines {
		for _, value := range line.Values {
			text := fmt.Sprintf("%s=%s %s", value.Path, value.Value, value.Why)
			for _, f := range value.Fields {
				text += fmt.Sprintf("; %s %s %s=%s", f.Kind, f.Name, f.Field, f.Value)
				if f.Gone {
					text += " gone"
				}
			}
			if len(value.Rolls) > 0 {
				text += "; rolls " + strings.Join(value.Rolls, ",")
			}
			got = append(got, strings.TrimSuffix(text+" "+value.Reason, " "))
		}
	}
	return got
}

func TestExplain(t *testing.T) {
	got := explained(t, `{name: a, replicas: 2, extra: true, idle: 5}`, "name", "replicas", "extra", "idle", "nowhere")
	want := []string{
		"name=a required; Deployment main spec.template.spec.containers[executor].args=--name a; rolls Deployment main name is missing; the token is ••••",
		"replicas=2 set; Deployment main spec.replicas=2",
		"extra=true set; Service extra =",
		"idle=5 nothing",
		"nowhere= nothing",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = explained(t, `{name: a, replicas: 1, token: hunter2, extra: false}`, "replicas", "token", "extra")
	want = []string{
		"replicas=1 default; Deployment main spec.replicas=1",
		"token=•••• set; Deployment main spec.template.spec.containers[executor].env[TOKEN].value=••••; rolls Deployment main",
		"extra=false nothing",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLookup(t *testing.T) {
	var v map[string]any
	if err := yaml.Unmarshal([]byte(`{a: {b.c/d: {e: [x, {f: 1}]}, b: {c: 2}}}`), &v); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"a.b.c": "2", "a.b.c/d.e.0": "x", "a.b.c/d.e.1.f": "1", "a.b.c/d.e.2": "none", "a.x": "none", "a.b.c/d.e.-1": "none",
	} {
		_, value, ok := lookup(v, path)
		got := "none"
		if ok {
			got = text(value)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
	keys, _, _ := lookup(v, "a.b.c/d.e.0")
	if got, want := text(without(v, keys)), `{"a":{"b":{"c":2},"b.c/d":{"e":[{"f":1}]}}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSecrets(t *testing.T) {
	const source = `executors:
  - name: a   # a comment
    env: {A: "x", B: y}
    uses_with:
      api-key: abc
      url: http://user:hunter2@host/path
      text: |
        plain
    env2: &env
      C: z
    grpc_metadata:
      authorization: >-
        Bearer
        hunter2
    uses: docker://x:${{ ENV.TAG }}`
	s := FindSecrets(source, false, map[string]string{"SHORT": "abc", "LONG": "abcdefgh", "MY_TOKEN": "tok-1"})
	want := []string{
		"executors:",
		"  - name: a   # a comment",
		"    env: {A: ••••",
		"    uses_with:",
		"      api-key: ••••",
		"      url: http://user:••••@host/path",
		"      text: |",
		"        plain",
		"    env2: &env",
		"      C: z",
		"    grpc_metadata:",
		"      authorization: ••••",
		"••••",
		"••••",
		"    uses: docker://x:${{ ENV.TAG }}",
	}
	for i, line := range strings.Split(source, "\n") {
		if got := s.MaskLine(i+1, line); got != want[i] {
			t.Errorf("line %d: got %q, want %q", i+1, got, want[i])
		}
	}
	for text, want := range map[string]string{
		"abc abcdefgh tok-1":       "abc •••• ••••",
		`--uses-with {"token": 1}`: Hidden,
		`{"tokenizer_key": "x"}`:   Hidden,
		`{"model": "x"}`:           `{"model": "x"}`,
	} {
		if got := s.mask(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	for _, o := range []values.Origin{
		{Pos: flow.Pos{Line: 15}, Field: "executors[0].uses"}, {Field: "executors[0].env"}, {Field: "gateway.grpc_metadata"},
		{Field: "executors[0].uses_with.password"},
	} {
		if !s.hides(o) {
			t.Errorf("%s on line %d is shown", o.Field, o.Pos.Line)
		}
	}
	if s.hides(values.Origin{Pos: flow.Pos{Line: 2}, Field: "executors[0].name"}) {
		t.Error("a name is hidden")
	}
}

// The chart fails as a whole: so does the explanation.
func TestExplainOfWhatDoesNotRender(t *testing.T) {
	_, err := Explain(t.Context(), nil, Options{Values: map[string]any{}, Render: render, Secrets: &Secrets{}})
	if err == nil {
		t.Error("got no error")
	}
}
