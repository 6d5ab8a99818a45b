package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
)

const repository = "../.."

var (
	host = platform{runtime.GOOS, runtime.GOARCH}
	// programs is a folder of programs for this machine, as -programs takes it; keys one with a key pair for these tests.
	programs, keys string
)

func TestMain(m *testing.M) {
	code, err := testMain(m)
	if err != nil {
		log.Fatal(err)
	}
	os.Exit(code)
}

func testMain(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "dist-test-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	programs, keys = filepath.Join(dir, "programs"), filepath.Join(dir, "keys")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", filepath.Join(programs, host.String())+"/", "../../cmd/...")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return 0, fmt.Errorf("building the programs: %w", err)
	}
	if err := makeKeys(keys); err != nil {
		return 0, fmt.Errorf("making keys: %w", err)
	}
	return m.Run(), nil
}

// makeKeys writes secret.gpg and public.gpg, as gpg --export-secret-keys and --export do.
func makeKeys(dir string) error {
	entity, err := openpgp.NewEntity("Test", "", "test@example.com", nil)
	if err != nil {
		return err
	}
	var secret, public bytes.Buffer
	return errors.Join(
		entity.SerializePrivate(&secret, nil),
		entity.Serialize(&public),
		os.MkdirAll(dir, 0o700),
		os.WriteFile(filepath.Join(dir, "secret.gpg"), secret.Bytes(), 0o600),
		os.WriteFile(filepath.Join(dir, "public.gpg"), public.Bytes(), 0o600),
	)
}

// release makes a signed release for this machine, with real programs; once for all tests.
var release = sync.OnceValues(func() (*dist, error) {
	d := &dist{source: repository, out: filepath.Join(filepath.Dir(programs), "out"), programs: programs,
		sign: signer{keyring: filepath.Join(keys, "secret.gpg")}}
	return d, d.run(context.Background(), host.os+"/"+host.arch)
})

// smallRelease is an unsigned one for two platforms, with programs that are none.
func smallRelease(t *testing.T) string {
	t.Helper()
	out, fakes := t.TempDir(), t.TempDir()
	for _, name := range []string{"linux-amd64/helm-flow", "linux-amd64/flow-gateway", "linux-amd64/flow-executor",
		"windows-arm64/helm-flow.exe", "windows-arm64/flow-gateway.exe", "windows-arm64/flow-executor.exe"} {
		file := filepath.Join(fakes, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(name), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	d := dist{source: repository, out: out, programs: fakes}
	if err := d.run(t.Context(), "linux/amd64,windows/arm64"); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSameBytesAgain(t *testing.T) {
	first, second := sums(t, smallRelease(t)), sums(t, smallRelease(t))
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("two releases of the same sources differ (-first +second):\n%s", diff)
	}
}

// sums of all files below a folder.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, name))
		all[name] = fmt.Sprintf("%x", sha256.Sum256(content))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestChecksumsAreThoseOfTheArchives(t *testing.T) {
	out := smallRelease(t)
	all := sums(t, out)
	text, err := os.ReadFile(filepath.Join(out, "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	listed := 0
	for line := range strings.Lines(string(text)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if all[name] != sum {
			t.Errorf("checksums.txt says %s of %s, which has %s", sum, name, all[name])
		}
		listed++
	}
	if listed != 6 {
		t.Errorf("checksums.txt lists %d archives, want three for each platform:\n%s", listed, text)
	}
}

// The flat archives have all files at the top, as Helm 3 wants it, and no hooks, which they do not need.
func TestArchives(t *testing.T) {
	out := smallRelease(t)
	for name, want := range map[string][]string{
		"flow-" + version + "-linux-amd64.tgz": {"644 plugin.yaml", "644 LICENSE", "644 NOTICE", "644 completion.yaml", "755 plugin.complete",
			"755 flow-executor", "755 flow-gateway", "755 helm-flow"},
		"flow-" + version + "-windows-arm64.tgz": {"644 plugin.yaml", "644 LICENSE", "644 NOTICE", "644 completion.yaml", "755 plugin.complete.cmd",
			"755 flow-executor.exe", "755 flow-gateway.exe", "755 helm-flow.exe"},
		"flow-getter-" + version + "-linux-amd64.tgz": {"644 plugin.yaml", "644 LICENSE", "755 helm-flow"},
	} {
		text, err := os.ReadFile(filepath.Join(out, name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, entries(t, text)); diff != "" {
			t.Errorf("%s has (-want +got):\n%s", name, diff)
		}
	}
}

// entries of an archive, with their modes.
func entries(t *testing.T, archive []byte) []string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for r := tar.NewReader(zip); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%o %s", header.Mode, header.Name))
		if header.Name != "plugin.yaml" {
			continue
		}
		if manifest, err := io.ReadAll(r); err != nil || bytes.Contains(manifest, []byte("Hooks")) {
			t.Errorf("plugin.yaml of the archive, %v:\n%s", err, manifest)
		}
	}
}

func TestUnlock(t *testing.T) {
	for name, s := range map[string]signer{
		"no such file":      {keyring: "nowhere"},
		"0 keys are called": {keyring: filepath.Join(keys, "secret.gpg"), key: "Somebody else"},
		"a public one":      {keyring: filepath.Join(keys, "public.gpg")},
	} {
		if err := s.unlock(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
}

// helm is one of both majors with a home of its own.
type helm struct {
	program string
	env     []string
}

var majors = []string{"helm3", "helm4"}

func newHelm(t *testing.T, name string) *helm {
	t.Helper()
	program, err := filepath.Abs(filepath.Join(repository, ".tools/bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("%v: make tools builds it", err)
	}
	h := &helm{program: program, env: os.Environ()}
	for _, variable := range []string{"HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"} {
		h.env = append(h.env, variable+"="+t.TempDir())
	}
	// HOME is not where Go's caches are.
	for _, variable := range []string{"GOCACHE", "GOMODCACHE", "GOPATH"} {
		value, err := exec.Command("go", "env", variable).Output()
		if err != nil {
			t.Fatal(err)
		}
		h.env = append(h.env, variable+"="+strings.TrimSpace(string(value)))
	}
	return h
}

// run runs Helm and gives stdout and stderr.
func (h *helm) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, h.program, args...)
	cmd.Env = h.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// must runs Helm, and wants it to say something.
func (h *helm) must(t *testing.T, say string, args ...string) {
	t.Helper()
	out, err := h.run(t.Context(), args...)
	if err != nil || !strings.Contains(out, say) {
		t.Fatalf("helm %s: %v, want %q\n%s", strings.Join(args, " "), err, say, out)
	}
}

// archives serves a folder. Helm 3 wants to be told what an archive is.
func archives(dir string) http.Handler {
	files := http.FileServer(http.Dir(dir))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".tgz") {
			w.Header().Set("Content-Type", "application/gzip")
		}
		files.ServeHTTP(w, r)
	})
}

// Each form is installed twice: what is left of the first time must not be in the way.
func TestInstall(t *testing.T) {
	images := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer images.Close()
	d, err := release()
	if err == nil {
		err = d.push(t.Context(), strings.TrimPrefix(images.URL, "http://")+"/team")
	}
	if err != nil {
		t.Fatal(err)
	}
	files := httptest.NewServer(archives(d.out))
	defer files.Close()
	for _, test := range []struct {
		name   string
		majors []string
		source string
		flags  []string
		plugin string
	}{
		{"archive", majors, files.URL + "/flow-" + version + "-" + host.String() + ".tgz", nil, "flow"},
		{"getter archive", majors, files.URL + "/flow-getter-" + version + "-" + host.String() + ".tgz", nil, "flow-getter"},
		{"packaged file", majors[1:], filepath.Join(d.out, "packaged", host.String(), "flow-"+version+".tgz"), nil, "flow"},
		{"packaged", majors[1:], files.URL + "/packaged/" + host.String() + "/flow-" + version + ".tgz", nil, "flow"},
		{"registry", majors[1:], "oci://" + strings.TrimPrefix(images.URL, "http://") + "/team/flow:" + tag(host), []string{"--plain-http"}, "flow"},
	} {
		for _, major := range test.majors {
			t.Run(test.name+" "+major, func(t *testing.T) {
				h := newHelm(t, major)
				install := append([]string{"plugin", "install", test.source}, test.flags...)
				if major == "helm4" {
					install = append(install, "--keyring", filepath.Join(keys, "public.gpg"))
				}
				for range 2 {
					h.must(t, "Installed plugin: "+test.plugin, install...)
					h.must(t, version, "plugin", "list")
					if test.plugin == "flow" {
						h.must(t, "helm-flow "+version+" ", "flow", "version")
						h.must(t, "template", "__complete", "flow", "te")
					}
					h.must(t, "Uninstalled plugin: "+test.plugin, "plugin", "uninstall", test.plugin)
				}
			})
		}
	}
	t.Run("wrong key", func(t *testing.T) {
		other := t.TempDir()
		if err := makeKeys(other); err != nil {
			t.Fatal(err)
		}
		h := newHelm(t, "helm4")
		said, err := h.run(t.Context(), "plugin", "install", files.URL+"/flow-"+version+"-"+host.String()+".tgz",
			"--keyring", filepath.Join(other, "public.gpg"))
		if err == nil || !strings.Contains(said, "signature made by unknown entity") {
			t.Errorf("an archive of a stranger was installed: %v\n%s", err, said)
		}
	})
}
