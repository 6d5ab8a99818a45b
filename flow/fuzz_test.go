package flow

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// FuzzRead holds what is true of every file: Read comes back, with faults inside of the file or with a graph that can
// be walked.
func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yml", "../examples/*/flow.yml"} {
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
	f.Fuzz(func(t *testing.T, src []byte) {
		flow, err := Read("flow.yml", src, Options{})
		if err != nil {
			faults, ok := errors.AsType[Faults](err)
			if !ok || len(faults) == 0 || flow != nil {
				t.Fatalf("flow %v, error %#v", flow, err)
			}
			if !slices.IsSortedFunc(faults, func(a, b Fault) int { return a.Line - b.Line }) {
				t.Fatalf("not in line order:\n%v", faults)
			}
			return
		}
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
			if e.Replicas.Value < 1 || len(e.Needs.Value) == 0 || e.External.Value != (len(e.Addresses) > 0) ||
				!e.External.Value && e.Uses.Name == "" {
				t.Fatalf("unresolved: %+v", e)
			}
		}
		if len(flow.Executors) > 0 && !slices.ContainsFunc(flow.Executors, func(e Executor) bool { return !e.Floating.Value }) {
			t.Fatal("nobody answers")
		}
	})
}
