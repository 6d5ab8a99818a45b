package flow

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// read is Read of a flow that has executors and has no faults.
func read(t *testing.T, src string) *Flow {
	t.Helper()
	f, err := Read("flow.yml", []byte(src), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestDemo(t *testing.T) {
	f, err := ReadFile("../examples/linkerd-demo/flow.yml", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Warnings) > 0 {
		t.Errorf("warnings: %v", f.Warnings)
	}
	want := []Executor{{
		Pos:   Pos{5, 5},
		Name:  Field[string]{"slow_executor", Pos{5, 11}},
		Uses:  Uses{Pos{6, 11}, Builtin, "HeavyExecutorLinkerdDemo"},
		Needs: Field[[]string]{Value: []string{"gateway"}},
		Process: Process{
			UsesWith: Field[map[string]any]{map[string]any{"n_dim": -1, "sleep": 1}, Pos{8, 7}},
			Replicas: Field[int]{Value: 1}, Retries: Field[int]{Value: -1}, Compression: Field[string]{Value: "none"},
			TimeoutReady: Field[int]{Value: 600_000},
		},
		Shards: Field[int]{Value: 1},
	}, {
		Pos:   Pos{13, 5},
		Name:  Field[string]{"bulky_executor", Pos{13, 11}},
		Uses:  Uses{Pos{14, 11}, Builtin, "HeavyExecutorLinkerdDemo"},
		Needs: Field[[]string]{Value: []string{"slow_executor"}},
		Process: Process{
			UsesWith: Field[map[string]any]{map[string]any{"n_dim": 512, "sleep": 0}, Pos{16, 7}},
			Replicas: Field[int]{Value: 1}, Retries: Field[int]{Value: -1}, Compression: Field[string]{Value: "none"},
			TimeoutReady: Field[int]{Value: 600_000},
		},
		Shards: Field[int]{Value: 1},
	}}
	if !reflect.DeepEqual(f.Executors, want) {
		t.Errorf("executors:\n%+v\nwant:\n%+v", f.Executors, want)
	}
	gateway := Gateway{
		Process: Process{
			Replicas: Field[int]{Value: 1}, Retries: Field[int]{Value: -1}, Compression: Field[string]{Value: "none"},
			TimeoutReady: Field[int]{Value: 600_000},
		},
		Doors: Field[[]Door]{Value: []Door{{GRPC, 8080}}}, Prefetch: Field[int]{Value: 1000},
	}
	if !reflect.DeepEqual(f.Gateway, gateway) {
		t.Errorf("gateway: %+v, want %+v", f.Gateway, gateway)
	}
}

// A flow is a flow however it says so.
func TestWaysToWriteAFlow(t *testing.T) {
	for name, src := range map[string]string{
		"jtype first":     "jtype: Flow\nexecutors: [{name: a}]\n",
		"jtype last":      "executors: [{name: a}]\njtype: Flow\n",
		"tag":             "!Flow\nexecutors: [{name: a}]\n",
		"tag after marks": "--- !Flow\nexecutors: [{name: a}]\n",
		"deployments":     "jtype: Flow\ndeployments: [{name: a}]\n",
		"version":         "jtype: Flow\nversion: '1.0'\nexecutors: [{name: a}]\n",
		"CRLF":            "jtype: Flow\r\nexecutors:\r\n  - name: a\r\n",
		"byte order mark": "\ufeffjtype: Flow\nexecutors: [{name: a}]\n",
		"own keys":        "jtype: Flow\nx-flow:\nexecutors: [{name: a, x-flow: {}}]\n",
		"anchors": "jtype: Flow\nwith: {env: &e {A: b}}\nexecutors:\n" +
			"  - &a {name: z, uses: echo, env: *e}\n  - {<<: *a, name: a, needs: gateway}\n",
	} {
		t.Run(name, func(t *testing.T) {
			f := read(t, src)
			if got := f.Executors[len(f.Executors)-1]; got.Name.Value != "a" || got.Uses.Name != Echo {
				t.Errorf("last executor: %+v", got)
			}
		})
	}
}

func TestInheritance(t *testing.T) {
	f := read(t, `
jtype: Flow
with:
  name: search
  port: [51000]
  prefetch: 5
  replicas: 2
  retries: 0
  timeout_send: -1
  timeout-ready: 1000
  env: {LEVEL: info, REGION: eu}
gateway:
  prefetch: 0
  timeout_send: "200"
  env: {LEVEL: debug}
executors:
  - name: a
    replicas: 3
    timeout_ready: -1
    env: {LEVEL: warn}
  - name: b
`)
	g, a, b := f.Gateway, f.Executors[0], f.Executors[1]
	for _, test := range []struct {
		what      string
		got, want any
	}{
		{"name", f.Name, Field[string]{"search", Pos{4, 9}}},
		{"gateway port", g.Doors, Field[[]Door]{[]Door{{GRPC, 51000}}, Pos{5, 9}}},
		{"gateway prefetch", g.Prefetch, Field[int]{0, Pos{13, 13}}},
		{"gateway replicas", g.Replicas, Field[int]{2, Pos{7, 13}}},
		{"gateway retries", g.Retries, Field[int]{0, Pos{8, 12}}},
		{"gateway timeout_send", g.TimeoutSend, Field[int]{200, Pos{14, 17}}},
		{"gateway timeout_ready", g.TimeoutReady, Field[int]{1000, Pos{10, 18}}},
		{"gateway env", g.Env.Value, map[string]string{"LEVEL": "debug", "REGION": "eu"}},
		{"a replicas", a.Replicas, Field[int]{3, Pos{18, 15}}},
		{"a timeout_ready", a.TimeoutReady.Value, 600_000},
		{"a env", a.Env.Value, map[string]string{"LEVEL": "warn", "REGION": "eu"}},
		{"b replicas", b.Replicas, Field[int]{2, Pos{7, 13}}},
		{"b timeout_ready", b.TimeoutReady, Field[int]{1000, Pos{10, 18}}},
		{"b env", b.Env.Value, map[string]string{"LEVEL": "info", "REGION": "eu"}},
	} {
		if !reflect.DeepEqual(test.got, test.want) {
			t.Errorf("%s: %+v, want %+v", test.what, test.got, test.want)
		}
	}
}

func TestUses(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"config.yml", "encoder.py"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		entry string
		kind  Kind
		name  string
	}{
		{"name: a", Builtin, "echo"},
		{"uses: BaseExecutor", Builtin, "echo"},
		{"uses: echo", Builtin, "echo"},
		{"uses: HeavyExecutorLinkerdDemo", Builtin, "HeavyExecutorLinkerdDemo"},
		{"uses: jinahub://HeavyExecutorLinkerdDemo", Builtin, "HeavyExecutorLinkerdDemo"},
		{"uses: jinahub+docker://HeavyExecutorLinkerdDemo/latest", Builtin, "HeavyExecutorLinkerdDemo"},
		{"uses: jinaai+docker://someone/HeavyExecutorLinkerdDemo:latest", Builtin, "HeavyExecutorLinkerdDemo"},
		{"uses: docker://encoder", Image, "encoder"},
		{"uses: docker://jinaai/encoder:v1.2", Image, "jinaai/encoder:v1.2"},
		{"uses: docker://registry.example:5000/a/b_c:1", Image, "registry.example:5000/a/b_c:1"},
		{"uses: docker://a@sha256:" + strings.Repeat("0a", 32), Image, "a@sha256:" + strings.Repeat("0a", 32)},
		{"{uses: docker://encoder, py_modules: in/the/image.py}", Image, "encoder"},
		{"uses: config.yml", Python, filepath.Join(dir, "config.yml")},
		{"uses: " + filepath.Join(dir, "config.yml"), Python, filepath.Join(dir, "config.yml")},
		{"{uses: Encoder, py_modules: encoder.py}", Python, "Encoder"},
		{"{uses: encoder.Encoder, py_modules: [encoder.py]}", Python, "encoder.Encoder"},
	} {
		t.Run(test.entry, func(t *testing.T) {
			f, err := Read(filepath.Join(dir, "flow.yml"), []byte("jtype: Flow\nexecutors:\n  - "+test.entry+"\n"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			e := f.Executors[0]
			if e.Uses.Kind != test.kind || e.Uses.Name != test.name {
				t.Errorf("%+v, want kind %d, name %s", e.Uses, test.kind, test.name)
			}
			if want := []string{filepath.Join(dir, "encoder.py")}; test.kind == Python && e.PyModules.Set() &&
				!slices.Equal(e.PyModules.Value, want) {
				t.Errorf("modules: %q, want %q", e.PyModules.Value, want)
			}
		})
	}
}

// Who needs whom, and who floats: Jina's rules.
func TestGraph(t *testing.T) {
	for _, test := range []struct{ name, executors, want string }{
		{"unnamed", "[{uses: echo}, {uses: echo}]", "executor0<gateway executor1<executor0"},
		{"chain", "[{name: a}, {name: b}, {name: c}]", "a<gateway b<a c<b"},
		{"join", "[{name: a}, {name: b, needs: gateway}, {name: c, needs: [b, a]}]", "a<gateway b<gateway c<b,a"},
		{"needed twice", "[{name: a}, {name: b, needs: [a, a]}]", "a<gateway b<a"},
		{"empty needs", "[{name: a}, {name: b, needs: []}, {name: c, needs: }]", "a<gateway b<a c<b"},
		{"default after a floating one", "[{name: a}, {name: b, floating: true}, {name: c}]", "a<gateway b<a~ c<a"},
		{"last floats", "[{name: a}, {name: b, floating: true}]", "a<gateway b<a~"},
		{"branch that nobody needs", "[{name: a}, {name: b}, {name: c}, {name: d, needs: a}]", "a<gateway b<a~ c<b~ d<a"},
		{"floating but needed", "[{name: a, floating: true}, {name: b, needs: a}]", "a<gateway b<a"},
		{"needs what comes later", "[{name: a, needs: c}, {name: b}, {name: c, needs: gateway}]", "a<c~ b<a~ c<gateway"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, e := range read(t, "jtype: Flow\nexecutors: "+test.executors).Executors {
				node := e.Name.Value + "<" + strings.Join(e.Needs.Value, ",")
				if e.Floating.Value {
					node += "~"
				}
				got = append(got, node)
			}
			if got := strings.Join(got, " "); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestExternal(t *testing.T) {
	for _, test := range []struct {
		fields string
		want   []string
	}{
		{"host: a, port: 80", []string{"grpc://a:80"}},
		{"host: a, port: 80, tls: true", []string{"grpcs://a:80"}},
		{"host: 'a, b', port: 80", []string{"grpc://a:80", "grpc://b:80"}},
		{"host: a, port: [80, 81]", []string{"grpc://a:80", "grpc://a:81"}},
		{"host: [a, b], port: [80, 81]", []string{"grpc://a:80", "grpc://b:81"}},
		{"host: 'grpcs://a:443'", []string{"grpcs://a:443"}},
		{"host: ['grpc://a', 'grpcs://b:1'], port: 2", []string{"grpc://a:2", "grpcs://b:1"}},
		{"host: '::1', port: 80", []string{"grpc://[::1]:80"}},
	} {
		t.Run(test.fields, func(t *testing.T) {
			f := read(t, "jtype: Flow\nexecutors: [{name: x, external: true, "+test.fields+"}]")
			if got := f.Executors[0].Addresses; !slices.Equal(got, test.want) {
				t.Errorf("addresses %q, want %q", got, test.want)
			}
		})
	}
}

// Doors: protocols and ports in their order.
func TestDoors(t *testing.T) {
	for _, test := range []struct{ gateway, want string }{
		{"", "[{grpc 8080}]"},
		{"port: 5", "[{grpc 5}]"},
		{"protocol: http", "[{http 8080}]"},
		{"protocol: [grpc, HTTP]", "[{grpc 8080} {http 8081}]"},
		{"protocol: [http, grpc, websocket], port: 9000", "[{http 9000} {grpc 9001} {websocket 9002}]"},
		{"protocols: [http, grpc], ports: [2, 1]", "[{http 2} {grpc 1}]"},
		{"protocol: '[http, grpc]', port: '2, 1'", "[{http 2} {grpc 1}]"},
		{"uses: WebSocketGateway", "[{websocket 8080}]"},
		{"uses: CompositeGateway, protocol: [http, grpc]", "[{http 8080} {grpc 8081}]"},
		{"uses: GRPCGateway, protocol: http", "[{http 8080}]"},
	} {
		if got := fmt.Sprint(read(t, "jtype: Flow\ngateway: {"+test.gateway+"}").Gateway.Doors.Value); got != test.want {
			t.Errorf("%s: %s, want %s", test.gateway, got, test.want)
		}
	}
}

// Where an answer waits for what is declared floating, the declaration is wrong.
func TestFloatingButNeeded(t *testing.T) {
	needed := "jtype: Flow\nexecutors: [{name: a, floating: true}, {name: b, needs: a}]"
	if got := read(t, needed).Warnings.Error(); !strings.HasSuffix(got, "floating has no effect: the answer of b waits for a") {
		t.Errorf("warnings: %q", got)
	}
	if got := read(t, "jtype: Flow").Warnings.Error(); !strings.Contains(got, "no executors") {
		t.Errorf("warning of an empty flow: %q", got)
	}
}
