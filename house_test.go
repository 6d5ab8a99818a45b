// Package house_test keeps the house in order: where packages live, what they may import, how long files get.
package house_test

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/helm-flow/helm-flow"

// layers lists every package of the product, top to bottom. A package imports only what stands in a lower layer.
var layers = [][]string{
	{
		"cmd/helm-flow", "cmd/flow-gateway", "cmd/flow-executor", "ci/bench", "ci/demo", "ci/dist", "ci/images", "ci/interop", "ci/e2e/objects",
		"examples/go-executor",
	},
	{"ci/e2e/testcluster"},
	{"plugin"},
	{"plugin/diff", "plugin/explain", "plugin/graph", "plugin/helm"},
	{"internal/gateway", "internal/load", "internal/local"},
	{"internal/chart", "internal/upstream", "executor", "client"},
	{"internal/values", "internal/serve", "internal/telemetry"},
	{"internal/wire"},
	{"internal/deps", "internal/sched", "images", "flow", "docarray", "charts", "plugins", "internal/config", "internal/wire/jinapb"},
}

// strangers are our packages that import nothing of ours but themselves: they could be lifted out as they are.
var strangers = []string{"flow", "docarray", "images", "internal/sched", "internal/wire"}

const maxLines = 600

// pkg is one line of go list.
type pkg struct {
	path    string // without the module
	dir     string
	imports []string // ours, without the module
	files   []string
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		layer := layerOf(p.path)
		if layer < 0 {
			t.Errorf("%s: stands in no layer: add it to the table here and to docs/architecture.md", p.path)
			continue
		}
		for _, imported := range p.imports {
			if to := layerOf(imported); to >= 0 && to <= layer {
				t.Errorf("%s imports %s, which does not stand below it", p.path, imported)
			}
			if slices.Contains(strangers, p.path) && !strings.HasPrefix(imported, p.path+"/") {
				t.Errorf("%s imports %s; it must stay free of our other packages", p.path, imported)
			}
		}
	}
}

func TestPackageNamesSayWhatIsInside(t *testing.T) {
	for _, p := range packages(t) {
		if name := path.Base(p.path); slices.Contains([]string{"util", "utils", "common", "helper", "helpers", "misc"}, name) {
			t.Errorf("%s: %q says nothing about what is inside", p.path, name)
		}
	}
}

func TestFilesStayReadable(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range p.files {
			file := filepath.Join(p.dir, name)
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			lines := bytes.Count(text, []byte("\n"))
			if lines > maxLines && !bytes.Contains(text, []byte("\n// Code generated ")) {
				t.Errorf("%s has %d lines, more than %d: split it by what its parts do", file, lines, maxLines)
			}
		}
	}
}

// layerOf is the index of the layer of a package, -1 if it has none.
func layerOf(path string) int {
	return slices.IndexFunc(layers, func(layer []string) bool { return slices.Contains(layer, path) })
}

// packages lists the packages of this module, but for this one.
func packages(t *testing.T) []pkg {
	t.Helper()
	const format = `{{.ImportPath}}|{{.Dir}}|{{join .Imports " "}}|{{join .GoFiles " "}} {{join .TestGoFiles " "}} {{join .XTestGoFiles " "}} {{join .IgnoredGoFiles " "}}`
	cmd := exec.Command("go", "list", "-e", "-f", format, "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		p := pkg{path: strings.TrimPrefix(fields[0], module+"/"), dir: fields[1], files: strings.Fields(fields[3])}
		if p.path == module {
			continue
		}
		for _, i := range strings.Fields(fields[2]) {
			if ours, ok := strings.CutPrefix(i, module+"/"); ok {
				p.imports = append(p.imports, ours)
			}
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		t.Fatal("go list found no package")
	}
	return all
}
