package helm

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ours is a flag that Helm does not know, and takes no value.
func ours(name string) (boolean, known bool) { return name == "lenient", name == "lenient" }

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		verb, line string
		words      []string
		flags      []string // name=value, name alone without a value
		rest       []string
	}{
		{"install", "demo flow.yml", []string{"demo", "flow.yml"}, nil, nil},
		{"install", "demo --set a=b flow.yml", []string{"demo", "flow.yml"}, []string{"set=a=b"}, nil},
		{"install", "--set=a=b demo", []string{"demo"}, []string{"set=a=b"}, nil},
		{"install", "--atomic demo --timeout 5m flow.yml", []string{"demo", "flow.yml"}, []string{"atomic", "timeout=5m"}, nil},
		{"install", "--lenient demo", []string{"demo"}, []string{"lenient"}, nil},
		{"install", "--wait=watcher demo --dry-run -", []string{"demo", "-"}, []string{"wait=watcher", "dry-run"}, nil},
		{"install", "-f a -fb -f=c", nil, []string{"f=a", "f=b", "f=c"}, nil},
		{"install", "-gf a demo", []string{"demo"}, []string{"f=a"}, nil},
		{"install", "demo -- --set a=b x", []string{"demo"}, nil, []string{"--set", "a=b", "x"}},
		{"install", "--unknown x demo", []string{"demo"}, []string{"unknown=x"}, nil},
		{"install", "--set", nil, []string{"set"}, nil},
		{"install", "--server-side demo", []string{"demo"}, []string{"server-side"}, nil},
		{"upgrade", "--server-side auto demo", []string{"demo"}, []string{"server-side=auto"}, nil},
	} {
		words, flags, rest := Split(test.verb, strings.Fields(test.line), ours)
		var got []string
		var written []string
		for _, f := range flags {
			written = append(written, f.Words...)
			if f.HasValue {
				f.Name += "=" + f.Value
			}
			got = append(got, f.Name)
		}
		for what, pair := range map[string][2][]string{"words": {words, test.words}, "flags": {got, test.flags}, "rest": {rest, test.rest}} {
			if diff := cmp.Diff(pair[1], pair[0]); diff != "" {
				t.Errorf("%s %s: %s (-want +got):\n%s", test.verb, test.line, what, diff)
			}
		}
		// Nothing of a line may be lost or made up.
		all := slices.Concat(words, written, rest)
		want := slices.DeleteFunc(strings.Fields(test.line), func(word string) bool { return word == "--" })
		slices.Sort(all)
		slices.Sort(want)
		if diff := cmp.Diff(want, all); diff != "" {
			t.Errorf("%s %s: the parts are not the line (-want +got):\n%s", test.verb, test.line, diff)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"demo flow.yml --set a=b", "-gfa -- x", "- -- --", "--=x -é", "--wait= -f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, " ")
		words, flags, rest := Split("install", args, ours)
		n := len(words) + len(rest)
		for _, flag := range flags {
			n += len(flag.Words)
		}
		if slices.Contains(args, "--") && n < len(args) {
			n++ // the first --, which no part has, unless it is a flag's value
		}
		if n != len(args) {
			t.Errorf("%q: %d of %d arguments are left", args, n, len(args))
		}
	})
}

func TestTranslate(t *testing.T) {
	for _, test := range []struct{ verb, flag, helm3, helm4 string }{
		{"install", "--atomic", "--atomic", "--rollback-on-failure"},
		{"install", "--rollback-on-failure=true", "--atomic=true", "--rollback-on-failure=true"},
		{"upgrade", "--force", "--force", "--force-replace"},
		{"upgrade", "--force-replace", "--force", "--force-replace"},
		{"install", "--dry-run", "--dry-run=client", "--dry-run=client"},
		{"install", "--dry-run=server", "--dry-run=server", "--dry-run=server"},
		{"install", "--dry-run=false", "", ""},
		{"install", "--wait", "--wait", "--wait"},
		{"install", "--wait=true", "--wait", "--wait"},
		{"install", "--wait=false", "", ""},
		{"install", "--wait=watcher", "--wait", "--wait=watcher"},
		{"install", "--wait=hookOnly", "", "--wait=hookOnly"},
		{"install", "--wait=odd", "--wait=odd", "--wait=odd"},
		{"template", "--validate", "--validate", "--dry-run=server"},
		{"template", "--validate=false", "--validate=false", ""},
		{"install", "--timeout 5m", "--timeout 5m", "--timeout 5m"},
		{"install", "-nml", "-nml", "-nml"},
	} {
		_, flags, _ := Split(test.verb, strings.Fields(test.flag), ours)
		for major, want := range map[int]string{3: test.helm3, 4: test.helm4} {
			h := &Helm{Version: Version{major, 0}}
			if got := strings.Join(h.Translate(test.verb, flags[0]), " "); got != want {
				t.Errorf("%s %s for Helm %d: got %q, want %q", test.verb, test.flag, major, got, want)
			}
		}
	}
}

// program writes a script that stands for a Helm.
func program(t *testing.T, script string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "helm")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestFind(t *testing.T) {
	for script, want := range map[string]string{
		"echo v3.18.4":                      "v3.18.4",
		"echo v4.3":                         "v4.3",
		"echo 'WARNING: odd'; echo v3.22.0": "v3.22.0",
		"echo v3.17.3":                      "too old",
		"exit 1":                            "does not tell its version",
		"echo hello":                        "does not tell its version",
		`test -n "$HELM_NO_PLUGINS" || exit 1; echo v4.0.1`: "v4.0.1",
	} {
		h, err := Find(t.Context(), program(t, script))
		switch missing, isMissing := errors.AsType[*MissingError](err); {
		case err == nil && h.Release != want:
			t.Errorf("%s: got %s, want %s", script, h.Release, want)
		case err != nil && (!isMissing || !strings.Contains(missing.Error(), want)):
			t.Errorf("%s: got %v, want %s", script, err, want)
		}
	}
	if _, err := Find(t.Context(), "no-such-helm"); err == nil || !strings.Contains(err.Error(), "no program no-such-helm") {
		t.Errorf("no Helm at all: got %v", err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Find(stopped, program(t, "echo v4.3")); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: got %v", err)
	}
}

func TestRun(t *testing.T) {
	h := &Helm{Path: program(t, `echo "$1 $VARIABLE"; exit 7`)}
	var out strings.Builder
	err := h.Run(t.Context(), Command{Args: []string{"word"}, Env: []string{"VARIABLE=value"}, Stdout: &out})
	if exit, ok := errors.AsType[*ExitError](err); !ok || exit.Code != 7 || out.String() != "word value\n" {
		t.Errorf("got %v and %q", err, out.String())
	}
	if err := (&Helm{Path: "/nowhere/helm"}).Run(t.Context(), Command{Args: []string{"install", "--set", "secret"}}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("no program: got %v", err)
	}
}

// A Helm that is asked to end takes its time, and its exit code is told as a shell tells it.
func TestRunEndsByTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := &Helm{Path: program(t, `trap 'echo ended; exit 3' TERM; echo ready; while :; do sleep 0.01; done`)}
	ready := make(chan struct{}, 1)
	out := &notice{on: ready}
	go func() {
		<-ready
		cancel()
	}()
	err := h.Run(ctx, Command{Stdout: out})
	if exit, ok := errors.AsType[*ExitError](err); !ok || exit.Code != 3 || out.text != "ready\nended\n" {
		t.Errorf("got %v and %q", err, out.text)
	}
}

// notice tells of the first text that is written.
type notice struct {
	on   chan struct{}
	text string
}

func (n *notice) Write(p []byte) (int, error) {
	if n.text == "" {
		n.on <- struct{}{}
	}
	n.text += string(p)
	return len(p), nil
}
