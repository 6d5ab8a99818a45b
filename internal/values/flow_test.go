package values

import (
	"errors"
	"reflect"
	"testing"

	"github.com/helm-flow/helm-flow/flow"
)

// Values say what the flow says and nothing that is the chart's default.
func TestFromFlow(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	two := 2
	for _, test := range []struct {
		name, flow string
		want       Values
	}{
		{"without executors", "", Values{}},
		{"echo", "executors: [{name: a}]", Values{
			Executors: map[string]*Executor{"a": {Runtime: "go", Uses: "echo", Needs: []string{"gateway"}}},
		}},
		{"gateway", "with: {port: 1, prefetch: 2, retries: 2, timeout_send: 3, env: {A: b}}\ngateway: {replicas: 4}", Values{
			Gateway: Gateway{
				Ports: Ports{GRPC: 1}, Prefetch: &two, Retries: &two, TimeoutSend: 3,
				Workload: Workload{Replicas: 4, Env: map[string]string{"A": "b"}},
			},
		}},
		{"gateway, zeros that are no defaults", "with: {prefetch: 0, retries: 0}", Values{
			Gateway: Gateway{Prefetch: new(0), Retries: new(0)},
		}},
		{"env with dollar signs", "gateway: {env: {A: '1$$ $(B)'}}", Values{
			Gateway: Gateway{Workload: Workload{Env: map[string]string{"A": "1$$$$ $$(B)"}}},
		}},
		{"floating", "executors: [{name: a}, {name: b, needs: gateway}, {name: c, needs: a, floating: true}]", Values{
			Executors: map[string]*Executor{
				"a": {Runtime: "go", Uses: "echo", Needs: []string{"gateway"}, Floating: true},
				"b": {Runtime: "go", Uses: "echo", Needs: []string{"gateway"}},
				"c": {Runtime: "go", Uses: "echo", Needs: []string{"a"}, Floating: true},
			},
		}},
		{"everything", "executors: [{name: a, uses: 'docker://me/a:1', uses_with: {k: 1}, py_modules: m.py, replicas: 2, " +
			"no_reduce: true, grpc_metadata: {k: v}, env: {A: b}, timeout_ready: 5}]", Values{
			Executors: map[string]*Executor{"a": {
				Runtime: "jina",
				Workload: Workload{
					Image: Image{Repository: "me/a", Tag: "1"}, UsesWith: map[string]any{"k": 1}, PyModules: []string{"m.py"},
					Replicas: 2, Env: map[string]string{"A": "b"}, TimeoutReady: 5,
				},
				Needs: []string{"gateway"}, NoReduce: true, Metadata: map[string]string{"k": "v"},
			}},
		}},
		{"external", "executors: [{name: a, external: true, host: h, port: 1, replicas: 3, grpc_metadata: {k: v}}]", Values{
			Executors: map[string]*Executor{"a": {
				External: External{Addresses: []string{"grpc://h:1"}}, Needs: []string{"gateway"},
				Metadata: map[string]string{"k": "v"},
			}},
		}},
		{"Python source", "executors: [{name: a, uses: A, py_modules: /dev/null, env: {B: c}}]", Values{
			Executors: map[string]*Executor{"a": {
				Runtime: "jina", Uses: "A", Needs: []string{"gateway"},
				Workload: Workload{
					Image: Image{Registry: "source.invalid", Repository: "python"}, PyModules: []string{"/dev/null"},
					Env: map[string]string{"B": "c", "HOME": "/home/me"},
				},
			}},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := flow.Read("flow.yml", []byte("jtype: Flow\n"+test.flow+"\n"), flow.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got, err := FromFlow(f, Options{PythonSources: true})
			if err != nil {
				t.Fatal(err)
			}
			gotMap, wantMap := asMap(t, got), asMap(t, test.want)
			if !reflect.DeepEqual(gotMap, wantMap) {
				t.Errorf("values:\n%v\nwant:\n%v", gotMap, wantMap)
			}
		})
	}
}

func asMap(t *testing.T, v Values) map[string]any {
	t.Helper()
	m, err := v.Map()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A cluster cannot start Python source: every such executor is named.
func TestPythonSourceNeedsAnImage(t *testing.T) {
	f, err := flow.ReadFile("../../examples/python/flow.yml", flow.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = FromFlow(f, Options{})
	faults, ok := errors.AsType[flow.Faults](err)
	if !ok || len(faults) != 2 {
		t.Fatalf("error %v, want two faults", err)
	}
	const want = "../../examples/python/flow.yml:5:11: shouter is Python source, which a cluster cannot start, " +
		"expected docker://IMAGE[:TAG]; build an image of it, or run the flow on this machine with `helm flow run`"
	if got := faults[0].String(); got != want {
		t.Errorf("fault %s\nwant  %s", got, want)
	}
}

func TestParseImage(t *testing.T) {
	for reference, want := range map[string]Image{
		"encoder":                      {Repository: "encoder"},
		"encoder:1":                    {Repository: "encoder", Tag: "1"},
		"me/encoder":                   {Repository: "me/encoder"},
		"localhost/encoder":            {Registry: "localhost", Repository: "encoder"},
		"registry.example/me/a:1":      {Registry: "registry.example", Repository: "me/a", Tag: "1"},
		"registry:5000/a":              {Registry: "registry:5000", Repository: "a"},
		"registry:5000/a:1@sha256:abc": {Registry: "registry:5000", Repository: "a", Tag: "1", Digest: "sha256:abc"},
		"encoder@sha256:abc":           {Repository: "encoder", Digest: "sha256:abc"},
	} {
		if got := parseImage(reference); got != want {
			t.Errorf("%s: %+v, want %+v", reference, got, want)
		}
	}
}
