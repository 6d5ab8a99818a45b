package executor

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// writeConfig writes an executor.yaml.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "executor.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigurations(t *testing.T) {
	for _, test := range []struct {
		name, text, want string // want is empty if it is good
	}{
		{"echo", "name: a\nuses: echo", ""},
		{"demo", "name: a\nuses: HeavyExecutorLinkerdDemo\nusesWith: {n_dim: -1, sleep: 0.5}", ""},
		{"whole number as YAML writes a large one", "name: a\nuses: HeavyExecutorLinkerdDemo\nusesWith: {n_dim: 1e+06}", ""},
		{"empty", "", "name: is missing; expected the executor's name in the flow"},
		{"no class, of several", "name: a", "uses: is missing; expected one of the executors of this program: BaseExecutor, HeavyExecutorLinkerdDemo, echo"},
		{"unknown field", "name: a\nuse: echo", `unknown field "use"; expected name, uses and usesWith`},
		{"twice", "name: a\nname: b\nuses: echo", `"name" already set`},
		{"not YAML", "name: [", "not an executor configuration"},
		{"unknown class", "name: a\nuses: HeavyExecuterLinkerdDemo", `uses: unknown executor "HeavyExecuterLinkerdDemo": did you mean "HeavyExecutorLinkerdDemo"? (this program has BaseExecutor, HeavyExecutorLinkerdDemo, echo)`},
		{"class unlike any", "name: a\nuses: Transformer", `unknown executor "Transformer" (this program has`},
		{"wrong type", "name: a\nuses: HeavyExecutorLinkerdDemo\nusesWith: {n_dim: many}", "usesWith.n_dim: is string; executor HeavyExecutorLinkerdDemo expects int"},
		{"no whole number", "name: a\nuses: HeavyExecutorLinkerdDemo\nusesWith: {n_dim: 1.5}", "usesWith.n_dim: is number 1.5; executor HeavyExecutorLinkerdDemo expects int"},
		{"negative sleep", "name: a\nuses: HeavyExecutorLinkerdDemo\nusesWith: {sleep: -1}", "usesWith: sleep: is -1; expected seconds from 0"},
		{"dimensions", "name: a\nuses: HeavyExecutorLinkerdDemo\nusesWith: {n_dim: -2}", "usesWith: n_dim: is -2; expected 0 to"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options{config: writeConfig(t, test.text)}
			s, err := o.server(Builtins(), slog.New(slog.DiscardHandler))
			if test.want == "" {
				if err != nil || s.name != "a" {
					t.Errorf("got %v", err)
				}
			} else if err == nil || !strings.Contains(err.Error(), test.want) || !strings.HasPrefix(err.Error(), o.config+": ") {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
	// A program with one executor needs no name for it.
	if s, err := (options{config: writeConfig(t, "name: a")}).server(Builtins()[:1], slog.New(slog.DiscardHandler)); err != nil || s.name != "a" {
		t.Errorf("one executor: %v", err)
	}
	if _, err := (options{config: "none.yaml"}).server(Builtins(), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// Python's executors swallow keys that they don't know, so flows have them.
func TestUnknownKeysOfUsesWithAreReported(t *testing.T) {
	for _, test := range []struct {
		executor *Executor
		with     map[string]any
		want     string
	}{
		{newHeavy(), map[string]any{"n_dims": 5.0}, "key=n_dims known=\"[n_dim sleep]\" nearest=n_dim"},
		{newEcho("echo"), map[string]any{"a": 1.0}, "key=a known=[] nearest=\"\""},
	} {
		var log bytes.Buffer
		if err := test.executor.configure(test.with, slog.New(slog.NewTextHandler(&log, nil))); err != nil {
			t.Fatal(err)
		}
		if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), test.want) {
			t.Errorf("logged %s", log.String())
		}
	}
}
