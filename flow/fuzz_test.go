package flow

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// secret stands in variables, the context and the values of templates. No fault and no warning shows it.
const secret = "hunter2"

var fuzzOptions = Options{
	LookupEnv: func(name string) (string, bool) {
		values := map[string]string{
			"SECRET": secret, "LIST": "[" + secret + "," + secret + "]", "JSON": `{"` + secret + `": "` + secret + `"}`, "NUMBER": "5", "TRUE": "true",
			"EMPTY": "", "NAME": "a",
		}
		value, ok := values[name]
		return value, ok
	},
	Context: map[string]string{"x": secret, "a": "a"},
	Values:  map[string]any{"secret": secret, "list": []any{secret, "a"}, "map": map[string]any{"a": secret}, "number": 5.0, "name": "a"},
	Hub:     HubMap{Images: map[string]string{"Mapped": "registry.example/mapped:1"}},
}

// seeds adds all fixtures, and what else is given.
func seeds(f *testing.F, more ...string) {
	f.Helper()
	for _, pattern := range []string{"testdata/bad/*.*", "testdata/good/*.*", "../examples/*/flow.yml", "../internal/chart/testdata/flows/*.yml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	for _, src := range more {
		f.Add([]byte(src))
	}
}

// FuzzRead holds what is true of every file: Read comes back, with faults inside of the file or with a graph that can
// be walked.
func FuzzRead(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		flow, err := Read("flow.yml", src, fuzzOptions)
		if err != nil {
			isRefused(t, src, flow, err)
			return
		}
		isResolved(t, flow)
		showsNoSecret(t, flow.Warnings, src)
		again, err := Read("flow.yml", src, fuzzOptions)
		if err != nil || !reflect.DeepEqual(flow, again) {
			t.Fatalf("not the same a second time: %v", err)
		}
	})
}

// FuzzSubstitute looks at the variables in one text.
func FuzzSubstitute(f *testing.F) {
	for _, text := range []string{
		"${{ ENV.SECRET }}", "${{ x }}", "${{ CONTEXT.a }}", "$SECRET", "${SECRET}", "${{root.with.name}}", "${{this.b}}x${{this.b}}", "$$SECRET", "a$b", "${{  ENV.X }}",
		"${{root.executors[0].uses_with.list[0]}}", "${{root.executors[0].uses_with.a}}", "'1'", "[1, $NUMBER]", "$JSON", "$LIST", "1_000", "12:30", "007", "{a: $eq}",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Skip(err)
		}
		value := string(quoted)
		src := "jtype: Flow\nwith: {name: n}\nexecutors:\n  - name: a\n    uses_with: {a: " + value + ", b: x, list: [" + value + "]}\n    env: {A: " + value + "}\n" +
			"    needs: " + value + "\n    gpus: " + value + "\n    polling: " + value + "\n"
		flow, err := Read("flow.yml", []byte(src), fuzzOptions)
		if err != nil {
			isRefused(t, []byte(src), flow, err)
			return
		}
		isResolved(t, flow)
	})
}

// FuzzTemplate looks at flows that templates make.
func FuzzTemplate(f *testing.F) {
	seeds(f,
		"jtype: Flow\nexecutors:\n{{ range $i, $n := .Values.list }}  - {name: e{{ $i }}, uses: {{ $n }}}\n{{ end }}",
		"jtype: Flow\nwith: {name: {{ .Values.secret | quote }}, prefetch: {{ .Values.number }}}",
		`jtype: Flow{{ define "a" }}{{ . }}{{ end }}{{ template "a" .Values.map }}`,
		"jtype: Flow\nexecutors: {{ toJson .Values.list }}", `{{ fail "no" }}`, `{{ required "no" .Values.nothing }}`, `{{ .Values.a.b }}`, `{{ atoi .Values.secret }}`,
		`{{ mustFromJson .Values.secret }}`, "{{ index .Values.list 5 }}", "{{- with .Values.map }}{{ .a }}{{ else }}b{{ end -}}", "{{ dict 1 2 3 | toYaml }}",
	)
	f.Fuzz(func(t *testing.T, src []byte) {
		flow, err := Read("flow.yml.tmpl", src, fuzzOptions)
		if err != nil {
			isRefused(t, src, flow, err)
			return
		}
		isResolved(t, flow)
		showsNoSecret(t, flow.Warnings, src)
	})
}

// FuzzFix holds that Fix leaves what reads readable, with the same meaning, and comes to an end.
func FuzzFix(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, src []byte) {
		fixed, edits := Fix("flow.yml", src, fuzzOptions)
		if edits == 0 {
			if !bytes.Equal(fixed, src) {
				t.Fatalf("changed without an edit:\n%s", fixed)
			}
			return
		}
		before, err := Read("flow.yml", src, fuzzOptions)
		if err != nil {
			return
		}
		after, err := Read("flow.yml", fixed, fuzzOptions)
		if err != nil {
			t.Fatalf("%s\nbecame\n%s\n%v", src, fixed, err)
		}
		if a, b := withoutPlaces(dump(before)), withoutPlaces(dump(after)); a != b {
			t.Fatalf("%s\nbecame\n%s\nwhich reads\n%s\nnot\n%s", src, fixed, b, a)
		}
	})
}

func isRefused(t *testing.T, src []byte, flow *Flow, err error) {
	t.Helper()
	faults, ok := errors.AsType[Faults](err)
	if !ok || len(faults) == 0 || flow != nil {
		t.Fatalf("flow %v, error %#v", flow, err)
	}
	if !slices.IsSortedFunc(faults, func(a, b Fault) int {
		if a.File != b.File {
			return 0
		}
		return a.Line - b.Line
	}) {
		t.Fatalf("not in line order:\n%v", faults)
	}
	showsNoSecret(t, faults, src)
}

// showsNoSecret also holds for faults of keys, but for keys that a template makes.
func showsNoSecret(t *testing.T, faults Faults, src []byte) {
	t.Helper()
	if bytes.Contains(src, []byte(secret[:4])) { // which is then no secret
		return
	}
	for _, fault := range faults {
		if strings.Contains(fault.String(), secret) && !(strings.HasSuffix(fault.File, ".tmpl") && aboutKey.MatchString(fault.What)) {
			t.Fatalf("a secret is shown:\n%s", fault)
		}
	}
}

var aboutKey = regexp.MustCompile(`unknown (?:field|operator)|stands twice|is no name in|is no resource|is short for|^` + secret)

func isResolved(t *testing.T, flow *Flow) {
	t.Helper()
	called := map[string]bool{gatewayName: true}
	for range flow.Executors {
		for _, e := range flow.Executors {
			if !slices.ContainsFunc(e.Needs.Value, func(need string) bool { return !called[need] }) {
				called[e.Name.Value] = true
			}
		}
	}
	for _, e := range flow.Executors {
		if !called[e.Name.Value] {
			t.Fatalf("%s is never called: needs %q", e.Name.Value, e.Needs.Value)
		}
		if e.Replicas.Value < 1 || e.Shards.Value < 1 || e.TimeoutReady.Value < 1 || len(e.Needs.Value) == 0 || e.External.Value != (len(e.Addresses) > 0) ||
			!e.External.Value && e.Uses.Name == "" || e.UsesBefore != nil && e.UsesBefore.Name == "" || e.UsesAfter != nil && e.UsesAfter.Name == "" {
			t.Fatalf("unresolved: %+v", e)
		}
		for _, v := range e.Volumes.Value {
			if len(v.MountPath) < 2 || v.MountPath[0] != '/' {
				t.Fatalf("volume %+v", v)
			}
		}
		for _, free := range []any{e.UsesWith.Value, e.When.Value, e.Args, e.Own.Value} {
			if _, err := json.Marshal(free); err != nil {
				t.Fatalf("no JSON: %v", err)
			}
		}
	}
	g := flow.Gateway
	if len(g.Doors.Value) == 0 || g.Replicas.Value < 1 || g.TimeoutReady.Value < 1 || g.Compression.Value == "" {
		t.Fatalf("unresolved: %+v", g)
	}
	for _, door := range g.Doors.Value {
		if door.Port < 1 || door.Port > 65535 || door.Protocol == "" {
			t.Fatalf("door %+v", door)
		}
	}
	if len(flow.Executors) > 0 && !slices.ContainsFunc(flow.Executors, func(e Executor) bool { return !e.Floating.Value }) {
		t.Fatal("nobody answers")
	}
}
