package images

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// A Go program lies alone on an empty base: no shell, no libraries, no owner but root.
func TestGoProgram(t *testing.T) {
	image, heard, err := build(t, Options{
		Dir: "testdata/hello", Platforms: []string{"linux/amd64", "linux/arm64"},
		Labels: map[string]string{"org.opencontainers.image.version": "1.2.3"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"-rw-r--r-- etc/group",
		"-rw-r--r-- etc/nsswitch.conf",
		"-rw-r--r-- etc/passwd",
		"-rw-r--r-- etc/ssl/certs/ca-certificates.crt",
		"-rwxr-xr-x usr/local/bin/flow-executor",
		"drwxr-xr-x etc",
		"drwxr-xr-x etc/ssl",
		"drwxr-xr-x etc/ssl/certs",
		"drwxr-xr-x usr",
		"drwxr-xr-x usr/local",
		"drwxr-xr-x usr/local/bin",
		"dtrwxrwxrwx tmp",
	}
	for _, v := range image.Variants {
		if diff := cmp.Diff(want, listing(t, v.Image)); diff != "" {
			t.Error(diff)
		}
		if err := validate.Image(v.Image); err != nil {
			t.Error(err)
		}
		file := configOf(t, v.Image)
		if file.OS != "linux" || file.Architecture != v.Platform.Architecture {
			t.Errorf("configured for %s/%s, want %s", file.OS, file.Architecture, v.Platform)
		}
		labels := map[string]string{
			titleLabel: "hello", createdLabel: "1970-01-01T00:00:00Z", "org.opencontainers.image.version": "1.2.3", RuntimeLabel: "go",
		}
		config := v1.Config{
			User: "65532:65532", Entrypoint: []string{"/usr/local/bin/flow-executor"}, WorkingDir: "/",
			Env: []string{"PATH=" + defaultPath}, Labels: labels, ExposedPorts: map[string]struct{}{"8080/tcp": {}, "9090/tcp": {}},
		}
		if diff := cmp.Diff(config, file.Config); diff != "" {
			t.Error(diff)
		}
		manifest, err := v.Image.Manifest()
		if err != nil || !cmp.Equal(manifest.Annotations, labels) {
			t.Errorf("annotations %v, %v", manifest.Annotations, err)
		}
	}
	index, ok := image.top.(v1.ImageIndex)
	if !ok {
		t.Fatalf("two platforms are a %T", image.top)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for i, platform := range []string{"linux/amd64", "linux/arm64"} {
		if got := manifest.Manifests[i].Platform.String(); got != platform {
			t.Errorf("manifest %d is for %s, want %s", i, got, platform)
		}
		if want := "compile for " + platform; !slices.ContainsFunc(heard.steps, func(step string) bool { return strings.HasPrefix(step, want) }) {
			t.Errorf("steps %q, want %q", heard.steps, want)
		}
	}
	if len(heard.warnings) != 1 || !strings.Contains(heard.warnings[0], ourModule+"/executor") {
		t.Errorf("warnings %q, want one about the package that executors are made with", heard.warnings)
	}
}

func TestGoProgramRuns(t *testing.T) {
	platform := hostPlatform(t)
	root := extract(t, mustBuild(t, Options{Dir: "testdata/hello", Platforms: []string{platform}}).Variants[0].Image)
	out, err := exec.Command(filepath.Join(root, "usr/local/bin/flow-executor")).CombinedOutput()
	if err != nil || string(out) != "hello\n" {
		t.Errorf("it says %q, %v", out, err)
	}
}

// hostPlatform is that of this machine, whose programs run here.
func hostPlatform(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("programs of Linux images run on Linux only")
	}
	return "linux/" + runtime.GOARCH
}

func TestGoProgramIsReproducible(t *testing.T) {
	first := mustBuild(t, Options{Dir: "testdata/hello", Platforms: []string{"linux/amd64", "linux/arm64"}})
	second := mustBuild(t, Options{Dir: copyFolder(t, "testdata/hello"), Platforms: []string{"linux/amd64", "linux/arm64"}})
	if a, b := digestOf(t, first), digestOf(t, second); a != b {
		t.Errorf("a copy of the folder gives %s, the folder %s", b, a)
	}
	epoch := time.Unix(1700000000, 0).UTC()
	dated := mustBuild(t, Options{Dir: "testdata/hello", Created: epoch})
	if file := configOf(t, dated.Variants[0].Image); !file.Created.Equal(epoch) || file.Config.Labels[createdLabel] != "2023-11-14T22:13:20Z" {
		t.Errorf("created %s, label %s; want %s", file.Created, file.Config.Labels[createdLabel], epoch)
	}
}

// The roots are a file that Go's own TLS takes, and enough for the public web.
func TestRootCertificates(t *testing.T) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(rootCertificates())) {
		t.Fatal("no certificates in PEM")
	}
	if n := strings.Count(rootCertificates(), "BEGIN CERTIFICATE"); n < 100 {
		t.Errorf("%d roots, want those of Mozilla, more than 100", n)
	}
}

func TestBadGoProgram(t *testing.T) {
	module := "module example.test/x\n\ngo 1.26\n"
	for name, test := range map[string]struct {
		files   map[string]string
		options Options
		says    []string
	}{
		"no main package":   {map[string]string{"go.mod": module, "x.go": "package x\n"}, Options{}, []string{"is Go package x", "executor.Main"}},
		"does not compile":  {map[string]string{"go.mod": module, "x.go": "package main\n\nfunc main() { y() }\n"}, Options{}, []string{"undefined: y"}},
		"no module":         {map[string]string{"x.go": "package main\n"}, Options{}, []string{"go.mod file not found"}},
		"needs C":           {map[string]string{"go.mod": module, "x.go": "package main\n\nimport \"C\"\n\nfunc main() {}\n"}, Options{}, []string{"build constraints exclude all Go files"}},
		"a base":            {map[string]string{"x.go": "package main\n"}, Options{Base: "scratch"}, []string{"needs no base"}},
		"no such processor": {map[string]string{"go.mod": module, "x.go": "package main\n\nfunc main() {}\n"}, Options{Platforms: []string{"linux/z80"}}, []string{"linux/z80"}},
		"another system":    {map[string]string{"x.go": "package main\n"}, Options{Platforms: []string{"windows/amd64"}}, []string{`platform "windows/amd64": expected linux/`}},
		"platform twice":    {map[string]string{"x.go": "package main\n"}, Options{Platforms: []string{"linux/amd64", "linux/amd64"}}, []string{"named twice"}},
		"nothing in it":     {map[string]string{"README.md": "hello"}, Options{}, []string{"has no executor in it", "Go main package", "config.yml"}},
		"config.yaml":       {map[string]string{"config.yaml": "jtype: X"}, Options{}, []string{"must be called config.yml"}},
	} {
		t.Run(name, func(t *testing.T) {
			check := nothingLeft(t)
			test.options.Dir = writeFolder(t, "x", test.files)
			_, _, err := build(t, test.options)
			wantError(t, err, test.says...)
			check()
		})
	}
	t.Run("no folder", func(t *testing.T) {
		_, _, err := build(t, Options{Dir: "testdata/nowhere"})
		wantError(t, err, "there is no folder", "nowhere")
		_, _, err = build(t, Options{Dir: "golang_test.go"})
		wantError(t, err, "is no folder")
	})
	t.Run("no Go", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		_, _, err := build(t, Options{Dir: "testdata/hello"})
		wantError(t, err, "go is not on PATH", "go.dev/dl")
	})
}

// A build that is interrupted leaves nothing behind.
func TestInterruptedBuild(t *testing.T) {
	check := nothingLeft(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Build(ctx, Options{
		Dir: "testdata/hello", Platforms: []string{"linux/amd64"}, Cache: t.TempDir(), Warn: func(string) {},
		Progress: func(string, string, bool) { cancel() },
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
	check()
	if _, err := os.Stat("testdata/hello/flow-executor"); err == nil {
		t.Error("a program lies in the folder")
	}
}
