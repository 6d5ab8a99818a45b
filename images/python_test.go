package images

import (
	"archive/tar"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// pythonFiles are what the files of a base look like that has Python and jina, as in Python's own images.
func pythonFiles() []entry {
	return []entry{
		textFile("usr/local/bin/python3.11", "ELF"),
		symlink("usr/local/bin/python3", "python3.11"),
		textFile("usr/local/bin/jina", "#!/usr/local/bin/python3\n"),
		symlink("bin", "usr/bin"),
		textFile("usr/bin/env", "ELF"),
	}
}

// newBase makes a base of layers, for a platform.
func newBase(t *testing.T, platform string, env []string, layers ...[]entry) v1.Image {
	t.Helper()
	p, err := v1.ParsePlatform(platform)
	if err != nil {
		t.Fatal(err)
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.DockerManifestSchema2), types.DockerConfigJSON)
	for _, entries := range layers {
		layer, err := writeLayer(t.Context(), filepath.Join(t.TempDir(), "layer"), entries, (&builder{}).Created)
		if err != nil {
			t.Fatal(err)
		}
		if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, MediaType: types.DockerLayer, History: v1.History{CreatedBy: "base"}}); err != nil {
			t.Fatal(err)
		}
	}
	file := configOf(t, image)
	file.OS, file.Architecture = p.OS, p.Architecture
	file.Config.Env = env
	file.Config.Cmd = []string{"python3"}
	if image, err = mutate.ConfigFile(image, file); err != nil {
		t.Fatal(err)
	}
	return image
}

// pythonExecutorFolder is the least that is a Python executor.
func pythonExecutorFolder() map[string]string {
	return map[string]string{"config.yml": "jtype: Shouter\npy_modules: executor.py\n", "executor.py": "class Shouter: pass\n"}
}

// A Python executor lies on its base, with the folder where `jina executor --uses config.yml` is started.
func TestPythonExecutor(t *testing.T) {
	base := newBase(t, "linux/amd64", []string{"PATH=/usr/local/bin:/bin", "PYTHONPATH=/opt/theirs", "HOME=/root", "LANG=C.UTF-8"}, pythonFiles())
	files := pythonExecutorFolder()
	files["models/small.bin"] = "weights"
	image, heard, err := build(t, Options{Dir: writeFolder(t, "shouter", files), Base: saveBase(t, base)})
	if err != nil {
		t.Fatal(err)
	}
	got := image.Variants[0].Image
	if err := validate.Image(got); err != nil {
		t.Error(err)
	}
	want := []string{
		"-rw-r--r-- usr/bin/env", "-rw-r--r-- usr/local/bin/jina", "-rw-r--r-- usr/local/bin/python3.11",
		"-rw-r--r-- workdir/config.yml", "-rw-r--r-- workdir/executor.py", "-rw-r--r-- workdir/models/small.bin",
		"Lrwxrwxrwx bin -> usr/bin", "Lrwxrwxrwx usr/local/bin/python3 -> python3.11",
		"drwxr-xr-x workdir", "drwxr-xr-x workdir/models",
	}
	if diff := cmp.Diff(want, listing(t, got)); diff != "" {
		t.Error(diff)
	}
	file := configOf(t, got)
	config := v1.Config{
		User: "65532:65532", WorkingDir: "/workdir", Entrypoint: []string{"jina", "executor", "--uses", "config.yml"},
		Env: []string{
			"LANG=C.UTF-8", "HOME=/tmp", "PATH=/opt/site-packages/bin:/usr/local/bin:/bin", "PYTHONPATH=/opt/site-packages:/opt/theirs", "USER=nonroot",
		},
		Labels: map[string]string{
			titleLabel: "shouter", createdLabel: "1970-01-01T00:00:00Z", RuntimeLabel: "jina",
			baseNameLabel: "base.tar", baseDigestLabel: image.Variants[0].base.digest.String(),
		},
	}
	if diff := cmp.Diff(config, file.Config); diff != "" {
		t.Error(diff)
	}
	if len(file.History) != 2 || file.History[0].CreatedBy != "base" || file.History[1].CreatedBy != "helm flow build: the folder shouter" {
		t.Errorf("history %v", file.History)
	}
	manifest, err := got.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, descriptor := range append(manifest.Layers, manifest.Config, v1.Descriptor{MediaType: manifest.MediaType}) {
		if !strings.HasPrefix(string(descriptor.MediaType), "application/vnd.oci.") {
			t.Errorf("media type %s on a Docker base, want OCI's", descriptor.MediaType)
		}
	}
	if want := []string{"base for linux/amd64: Python 3.11"}; !cmp.Equal(heard.steps, want) || heard.warnings != nil {
		t.Errorf("steps %q, warnings %q", heard.steps, heard.warnings)
	}
}

func TestPythonExecutorIsReproducible(t *testing.T) {
	base := saveBase(t, newBase(t, "linux/amd64", nil, pythonFiles()))
	dir := writeFolder(t, "shouter", pythonExecutorFolder())
	first := digestOf(t, mustBuild(t, Options{Dir: dir, Base: base}))
	// What Python leaves behind when an executor was tried is another thing each time.
	again := copyFolder(t, dir)
	if err := os.Mkdir(filepath.Join(again, "__pycache__"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(again, "__pycache__", "executor.cpython-311.pyc"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if second := digestOf(t, mustBuild(t, Options{Dir: again, Base: base})); first != second {
		t.Errorf("a copy of the folder gives %s, the folder %s", second, first)
	}
}

func TestWhatStaysOut(t *testing.T) {
	files := pythonExecutorFolder()
	files[".dockerignore"] = "# notes\n*.md\n!README.md\ndata/\n!data/keep.txt\n**/*.tmp\n"
	for _, name := range []string{
		".env", ".env.example", "keys/server.pem", ".git/config", "NOTES.md", "README.md", "data/big.bin", "data/keep.txt", "deep/er/x.tmp",
		"venv/pyvenv.cfg", "venv/bin/python", "mod.pyc",
	} {
		files[name] = "x"
	}
	image, heard, err := build(t, Options{Dir: writeFolder(t, "shouter", files), Base: saveBase(t, newBase(t, "linux/amd64", nil, pythonFiles()))})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	eachFile(t, image.Variants[0].Image, func(h *tar.Header, _ io.Reader) {
		if name, ok := strings.CutPrefix(h.Name, "workdir/"); ok && h.Typeflag == tar.TypeReg {
			got = append(got, name)
		}
	})
	slices.Sort(got)
	if diff := cmp.Diff([]string{".env", ".env.example", "README.md", "config.yml", "data/keep.txt", "executor.py", "keys/server.pem"}, got); diff != "" {
		t.Error(diff)
	}
	if len(heard.warnings) != 2 || !strings.HasPrefix(heard.warnings[0], ".env looks like a secret") || !strings.HasPrefix(heard.warnings[1], "keys/server.pem looks like") {
		t.Errorf("warnings %q", heard.warnings)
	}
}

func TestBadPythonExecutor(t *testing.T) {
	good := saveBase(t, newBase(t, "linux/amd64", nil, pythonFiles()))
	noJina := saveBase(t, newBase(t, "linux/amd64", nil, pythonFiles()[:2]))
	for name, test := range map[string]struct {
		files   map[string]string // beside or instead of those of a good one
		options Options
		says    []string
	}{
		"no base":             {nil, Options{}, []string{"needs a base with Python", "--base python:3.11-slim"}},
		"missing module":      {map[string]string{"config.yml": "jtype: X\nmetas: {py_modules: [executor.py, gone.py]}\n"}, Options{Base: good}, []string{"config.yml:2: py_modules: gone.py is not in the image"}},
		"two missing modules": {map[string]string{"config.yml": "jtype: X\npy_modules:\n- a.py\n- b.py\n"}, Options{Base: good}, []string{"config.yml:3: py_modules: a.py", "config.yml:4: py_modules: b.py"}},
		"ignored module":      {map[string]string{".dockerignore": "*.py\n"}, Options{Base: good}, []string{"executor.py is not in the image", ".dockerignore keeps it out"}},
		"ignored config":      {map[string]string{".dockerignore": "*.yml\n"}, Options{Base: good}, []string{"config.yml: .dockerignore keeps it out"}},
		"module outside":      {map[string]string{"config.yml": "jtype: X\npy_modules: ../executor.py\n"}, Options{Base: good}, []string{"../executor.py is outside the folder"}},
		"config no YAML":      {map[string]string{"config.yml": "jtype: [\n"}, Options{Base: good}, []string{"config.yml: yaml: line"}},
		"config no executor":  {map[string]string{"config.yml": "hello\n"}, Options{Base: good}, []string{"expected `jtype: CLASS`"}},
		"config empty":        {map[string]string{"config.yml": ""}, Options{Base: good}, []string{"expected `jtype: CLASS`"}},
		"config too big":      {map[string]string{"config.yml": "jtype: X\n#" + strings.Repeat("x", maxConfigBytes)}, Options{Base: good}, []string{"expected at most 1048576"}},
		"bad ignore file":     {map[string]string{".dockerignore": "[\n"}, Options{Base: good}, []string{".dockerignore: ", "syntax error in pattern"}},
		"no jina":             {nil, Options{Base: noJina}, []string{"base.tar has the program `jina`", "add jina to requirements.txt"}},
		"base is nowhere":     {nil, Options{Base: "./nowhere"}, []string{"base ./nowhere: is neither the folder of an OCI layout nor a file"}},
		"base is a folder":    {nil, Options{Base: "."}, []string{"is neither the folder of an OCI layout"}},
		"base is no tarball":  {nil, Options{Base: "python_test.go"}, []string{"not a tarball with one image"}},
		"base is no name":     {nil, Options{Base: "What?"}, []string{"nor an image's reference"}},
		"other platform":      {nil, Options{Base: good, Platforms: []string{"linux/arm64"}}, []string{"has no image for linux/arm64, only for linux/amd64"}},
	} {
		t.Run(name, func(t *testing.T) {
			check := nothingLeft(t)
			files := pythonExecutorFolder()
			for name, text := range test.files {
				files[name] = text
			}
			test.options.Dir = writeFolder(t, "shouter", files)
			_, _, err := build(t, test.options)
			wantError(t, err, test.says...)
			check()
		})
	}
	t.Run("link outside", func(t *testing.T) {
		dir := writeFolder(t, "shouter", pythonExecutorFolder())
		if err := os.Symlink("../../etc/passwd", filepath.Join(dir, "users")); err != nil {
			t.Fatal(err)
		}
		_, _, err := build(t, Options{Dir: dir, Base: good})
		wantError(t, err, "users: is a link to ../../etc/passwd, outside the folder")
	})
	t.Run("socket", func(t *testing.T) {
		dir := writeFolder(t, "s", pythonExecutorFolder())
		listenUnix(t, filepath.Join(dir, "x"))
		_, _, err := build(t, Options{Dir: dir, Base: good})
		wantError(t, err, "x: is a S---------, which an image cannot hold")
	})
}

// A link inside the folder stays a link.
func TestLinkInside(t *testing.T) {
	dir := writeFolder(t, "shouter", pythonExecutorFolder())
	if err := os.Symlink("executor.py", filepath.Join(dir, "alias.py")); err != nil {
		t.Fatal(err)
	}
	image := mustBuild(t, Options{Dir: dir, Base: saveBase(t, newBase(t, "linux/amd64", nil, pythonFiles()))})
	if lines := listing(t, image.Variants[0].Image); !slices.Contains(lines, "Lrwxrwxrwx workdir/alias.py -> executor.py") {
		t.Errorf("%q", lines)
	}
}

// Python is found as a container would find it: on PATH, through links, with what upper layers have taken away gone.
func TestFindsPython(t *testing.T) {
	for name, test := range map[string]struct {
		env    []string
		layers [][]entry
		path   string
		// version of the Python found, or what the error says
		version, says string
		musl          bool
	}{
		"Debian":              {nil, [][]entry{{symlink("bin", "usr/bin"), symlink("usr/bin/python3", "python3.11"), textFile("usr/bin/python3.11", "")}}, "/usr/bin/python3", "3.11", "", false},
		"through a folder":    {[]string{"PATH=/bin"}, [][]entry{{symlink("bin", "/usr/bin"), textFile("usr/bin/python3.12", ""), symlink("usr/bin/python3", "/usr/bin/python3.12")}}, "/bin/python3", "3.12", "", false},
		"Alpine":              {nil, [][]entry{{symlink("usr/bin/python3", "python3.12"), textFile("usr/bin/python3.12", ""), textFile("lib/ld-musl-x86_64.so.1", "")}}, "/usr/bin/python3", "3.12", "", true},
		"conda":               {[]string{"PATH=/opt/conda/bin:/usr/bin"}, [][]entry{{symlink("opt/conda/bin/python", "python3.10"), textFile("opt/conda/bin/python3.10", ""), textFile("usr/bin/python2", "")}}, "/opt/conda/bin/python", "3.10", "", false},
		"virtual environment": {[]string{"PATH=/venv/bin"}, [][]entry{{symlink("venv/bin/python3", "python"), symlink("venv/bin/python", "/usr/local/bin/python3.9"), textFile("usr/local/bin/python3.9", "")}}, "/venv/bin/python3", "3.9", "", false},
		"says its version":    {[]string{"PYTHON_VERSION=3.13.1"}, [][]entry{{textFile("usr/bin/python3", "")}}, "/usr/bin/python3", "3.13", "", false},
		"no version":          {nil, [][]entry{{textFile("usr/bin/python3", "")}}, "", "", "cannot tell the version of its /usr/bin/python3", false},
		"Python 2":            {nil, [][]entry{{symlink("usr/bin/python", "python2.7"), textFile("usr/bin/python2.7", "")}}, "", "", "expected python3.N", false},
		"none":                {nil, [][]entry{{textFile("bin/sh", "")}}, "", "", "has no Python 3 on its PATH (" + defaultPath + ")", false},
		"not on PATH":         {[]string{"PATH=/bin"}, [][]entry{{textFile("usr/bin/python3.11", ""), symlink("usr/bin/python3", "python3.11")}}, "", "", "on its PATH (/bin)", false},
		"link to nothing":     {nil, [][]entry{{symlink("usr/bin/python3", "python3.11")}}, "", "", "has no Python 3", false},
		"links in a circle":   {nil, [][]entry{{symlink("usr/bin/python3", "python"), symlink("usr/bin/python", "python3")}}, "", "", "has no Python 3", false},
		"taken away":          {nil, [][]entry{{textFile("usr/bin/python3.11", ""), symlink("usr/bin/python3", "python3.11")}, {textFile("usr/bin/.wh.python3.11", "")}}, "", "", "has no Python 3", false},
		"folder taken away":   {nil, [][]entry{{textFile("usr/bin/python3.11", ""), symlink("usr/bin/python3", "python3.11")}, {textFile("usr/.wh.bin", "")}}, "", "", "has no Python 3", false},
		"folder emptied": {nil, [][]entry{
			{textFile("usr/bin/python3.11", ""), symlink("usr/bin/python3", "python3.11")},
			{textFile("usr/bin/.wh..wh..opq", ""), textFile("usr/bin/python3.12", ""), symlink("usr/bin/python3", "python3.12")},
		}, "/usr/bin/python3", "3.12", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := base{image: newBase(t, "linux/amd64", test.env, test.layers...)}
			err := b.inspect(t.Context())
			if test.says != "" {
				wantError(t, err, test.says)
				return
			}
			want := interpreter{test.path, test.version, test.musl}
			if err != nil || b.python != want || b.jina {
				t.Errorf("found %+v, jina %t, %v; want %+v", b.python, b.jina, err, want)
			}
		})
	}
}

func TestInterruptedInspection(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := base{image: newBase(t, "linux/amd64", nil, pythonFiles())}
	if err := b.inspect(ctx); err != context.Canceled {
		t.Errorf("error %v", err)
	}
}
