package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestComponentsHaveVersions(t *testing.T) {
	for _, c := range components {
		version, key, err := c.key(".", "go1")
		if err != nil {
			t.Fatal(err)
		}
		if c.source != "" && !strings.HasPrefix(version, "v") || !strings.HasPrefix(key, version+"-") {
			t.Errorf("%s has version %q, key %q", c.name, version, key)
		}
	}
}

// What a program is made of decides where it lies in the cache.
func TestKeys(t *testing.T) {
	c := component{name: "it", source: "example.com/it", packages: []string{"."}}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, c.name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, c.name, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]string{}
	expectNew := func(what, goVersion string) {
		t.Helper()
		_, key, err := c.key(dir, goVersion)
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := seen[key]; ok {
			t.Errorf("%s: the same key as %s", what, before)
		}
		seen[key] = what
	}
	write("go.mod", "module m\n\nrequire example.com/it v1.2.3\n")
	expectNew("at first", "go1")
	write("go.sum", "sum")
	expectNew("with a go.sum", "go1")
	write("main.go", "package main")
	expectNew("with a program", "go1")
	write("go.mod", "module m\n\nrequire example.com/it v1.2.4\n")
	expectNew("of a newer version", "go1")
	expectNew("with a newer Go", "go2")
	c.ldflags = func(version string) string { return "-X main.version=" + version }
	expectNew("with flags", "go1")

	c.source = "example.com/other"
	if _, _, err := c.key(dir, "go1"); err == nil || !strings.Contains(err.Error(), "requires no example.com/other") {
		t.Errorf("a module that is not required: %v", err)
	}
}

func TestMissingPackages(t *testing.T) {
	got := missingPackages([]program{{"sh", "dash"}, {"/no/such-a", "one"}, {"/no/such-b", "one"}, {"no-such-c", "two"}})
	if strings.Join(got, " ") != "one two" {
		t.Errorf("got %v", got)
	}
}

func TestSnapshotterLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if got := snapshotter(dir); got != "overlayfs" && got != "native" {
		t.Errorf("got %q", got)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if got := snapshotter(filepath.Join(dir, "absent")); got != "native" {
		t.Errorf("in a folder that is not there: %q", got)
	}
}
