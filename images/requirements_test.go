package images

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// useUV puts uv on PATH, with packages to install from that folder alone, and a cache of its own.
func useUV(t *testing.T, packages string) {
	t.Helper()
	uv, err := filepath.Abs("../.tools/uv/bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(uv, "uv")); err != nil {
		t.Fatalf("%v: run make tools", err)
	}
	t.Setenv("PATH", uv+string(os.PathListSeparator)+os.Getenv("PATH"))
	config := filepath.Join(t.TempDir(), "uv.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "no-index = true\nfind-links = [%q]\ncache-dir = %q\n", packages, t.TempDir()), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("UV_CONFIG_FILE", config)
}

// wheel writes a wheel with those files, and what a wheel says of itself.
func wheel(t *testing.T, dir, name, version, tag string, files map[string]string) {
	t.Helper()
	info := name + "-" + version + ".dist-info/"
	files[info+"METADATA"] = "Metadata-Version: 2.4\nName: " + name + "\nVersion: " + version + "\nLicense-Expression: MIT\n\nLong words.\nName: not-this\n"
	files[info+"WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: " + tag + "\n"
	var record strings.Builder
	for file := range files {
		fmt.Fprintf(&record, "%s,,\n", file)
	}
	files[info+"RECORD"] = record.String() + info + "RECORD,,\n"
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for file, text := range files {
		f, err := w.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+"-"+version+"-"+tag+".whl"), archive.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// jinaWheel is a package `jina` that is as much of Jina's command line as the chart starts: it loads config.yml and the class that it names.
func jinaWheel(t *testing.T, dir string) {
	wheel(t, dir, "jina", "3.34.0", "py3-none-any", map[string]string{
		"jina/__init__.py": "class Executor:\n    pass\n",
		"jina_cli.py": `import importlib.util, sys
def main():
    with open(sys.argv[sys.argv.index('--uses') + 1]) as file:
        config = dict(line.strip().split(': ') for line in file)
    spec = importlib.util.spec_from_file_location('executor', config['py_modules'])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    print(getattr(module, config['jtype'])().greet(), sys.executable)
`,
		"jina-3.34.0.dist-info/entry_points.txt": "[other]\nx = y:z\n\n[console_scripts]\njina = jina_cli:main\n",
		"jina-3.34.0.data/scripts/jina-old":      "#!python\nprint('old')\n",
	})
}

func TestRequirements(t *testing.T) {
	packages := t.TempDir()
	jinaWheel(t, packages)
	wheel(t, packages, "Native_Thing", "1.0", "cp311-cp311-manylinux_2_17_aarch64", map[string]string{"native.cpython-311-aarch64-linux-gnu.so": "arm"})
	wheel(t, packages, "Native_Thing", "1.0", "cp311-cp311-manylinux_2_17_x86_64", map[string]string{"native.cpython-311-x86_64-linux-gnu.so": "intel"})
	useUV(t, packages)
	files := pythonExecutorFolder()
	files["requirements.txt"] = "jina==3.34.0\nnative-thing; python_version == '3.11'\nabsent; python_version != '3.11'\n"
	dir := writeFolder(t, "shouter", files)
	options := Options{Dir: dir, Base: layoutOf(t, indexOfBases(t)), Platforms: []string{"linux/amd64", "linux/arm64"}}
	image, heard, err := build(t, options)
	if err != nil {
		t.Fatal(err)
	}
	for i, native := range []string{"native.cpython-311-x86_64-linux-gnu.so", "native.cpython-311-aarch64-linux-gnu.so"} {
		var got []string
		for _, line := range listing(t, image.Variants[i].Image) {
			if _, name, ok := strings.Cut(line, " opt/site-packages"); ok && !strings.Contains(name, ".dist-info") {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		want := []string{"", "/bin", "/bin/jina", "/bin/jina-old", "/jina", "/jina/__init__.py", "/jina_cli.py", "/" + native}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		root := extract(t, image.Variants[i].Image)
		for script, head := range map[string]string{"jina": "#!/usr/local/bin/python3\nimport sys\nfrom jina_cli import main\n", "jina-old": "#!/usr/local/bin/python3\nprint"} {
			text, err := os.ReadFile(filepath.Join(root, sitePrefix, "bin", script))
			if err != nil || !strings.HasPrefix(string(text), head) {
				t.Errorf("%s, want %s\n%v", text, head, err)
			}
		}
		record, err := os.ReadFile(filepath.Join(root, sitePrefix, "jina-3.34.0.dist-info", "RECORD"))
		if err != nil || !strings.Contains("\n"+string(record), "\nbin/jina,,\n") || strings.Contains(string(record), "uv_cache") {
			t.Errorf("RECORD is\n%s%v", record, err)
		}
	}
	if !slices.ContainsFunc(heard.steps, func(step string) bool { return strings.HasPrefix(step, "install for linux/arm64: 2 packages, ") }) || heard.warnings != nil {
		t.Errorf("steps %q, warnings %q", heard.steps, heard.warnings)
	}
	want := []softwarePackage{{"pypi", "native-thing", "1.0", "MIT"}, {"pypi", "jina", "3.34.0", "MIT"}}
	if diff := cmp.Diff(want, image.Variants[0].packages); diff != "" {
		t.Error(diff)
	}
	// Another Python on this machine makes no other image.
	t.Setenv("UV_PYTHON", newVirtualEnvironment(t))
	options.Dir = copyFolder(t, dir)
	if a, b := digestOf(t, image), digestOf(t, mustBuild(t, options)); a != b {
		t.Errorf("a copy of the folder gives %s, the folder %s", b, a)
	}
}

// newVirtualEnvironment is a Python elsewhere on this machine.
func newVirtualEnvironment(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a folder")
	if out, err := exec.Command("uv", "venv", "--quiet", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

func layoutOf(t *testing.T, index v1.ImageIndex) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "base")
	if _, err := layout.Write(dir, index); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestBadRequirements(t *testing.T) {
	packages := t.TempDir()
	jinaWheel(t, packages)
	wheel(t, packages, "only_intel", "1.0", "cp311-cp311-manylinux_2_17_x86_64", map[string]string{"x.so": ""})
	wheel(t, packages, "made_here", "1.0", "cp311-cp311-linux_x86_64", map[string]string{"x.so": ""})
	useUV(t, packages)
	base := layoutOf(t, indexOfBases(t))
	for name, test := range map[string]struct {
		requirements, platform string
		says                   []string
	}{
		"no such package": {"jina\nnobody-has-this==1\n", "linux/amd64", []string{"requirements.txt for Python 3.11 on linux/amd64: uv pip:", "nobody-has-this"}},
		"conflict":        {"jina==3.34.0\njina==3.33.0\n", "linux/amd64", []string{"jina==3.33.0"}},
		"no wheel":        {"jina\nonly-intel\n", "linux/arm64", []string{"on linux/arm64", "only-intel"}},
		"no requirement":  {"what is this?\n", "linux/amd64", []string{"what is this?"}},
		"no architecture": {"jina\n", "linux/riscv64", []string{"has no image for linux/riscv64"}},
	} {
		t.Run(name, func(t *testing.T) {
			check := nothingLeft(t)
			files := pythonExecutorFolder()
			files["requirements.txt"] = test.requirements
			_, _, err := build(t, Options{Dir: writeFolder(t, "shouter", files), Base: base, Platforms: []string{test.platform}})
			wantError(t, err, test.says...)
			check()
		})
	}
	t.Run("compiled here", func(t *testing.T) {
		files := pythonExecutorFolder()
		files["requirements.txt"] = "made-here\n"
		_, heard, err := build(t, Options{Dir: writeFolder(t, "shouter", files), Base: base})
		if err != nil {
			t.Fatal(err)
		}
		if len(heard.warnings) != 1 || !strings.HasPrefix(heard.warnings[0], "made_here-1.0 has no wheel for this platform and was compiled on this machine") {
			t.Errorf("warnings %q", heard.warnings)
		}
	})
	t.Run("no uv", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		files := pythonExecutorFolder()
		files["requirements.txt"] = "jina\n"
		_, _, err := build(t, Options{Dir: writeFolder(t, "shouter", files), Base: base})
		wantError(t, err, "uv is not on PATH", "pip install uv")
	})
}
