package images

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// hello is an image for those platforms, made in a moment.
func hello(t *testing.T, platforms ...string) *Image {
	t.Helper()
	return mustBuild(t, Options{Dir: "testdata/hello", Platforms: platforms})
}

func silent(string, string, bool) {}

// write writes the image to outputs that have been checked.
func write(t *testing.T, image *Image, o Outputs) {
	t.Helper()
	if err := o.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := image.Write(t.Context(), o, silent); err != nil {
		t.Fatal(err)
	}
}

// A tarball is for docker load, which knows one platform.
func TestTarball(t *testing.T) {
	image := hello(t, "linux/amd64", "linux/arm64")
	var first []byte
	for range 2 {
		dir := t.TempDir()
		write(t, image, Outputs{Tarball: filepath.Join(dir, "hello.tar"), Tag: "registry.example/hello:1"})
		wantFiles(t, dir, "hello-linux-amd64.tar", "hello-linux-arm64.tar")
		for _, v := range image.Variants {
			tag, err := name.NewTag("registry.example/hello:1")
			if err != nil {
				t.Fatal(err)
			}
			loaded, err := tarball.ImageFromPath(filepath.Join(dir, "hello-"+fileName(v.Platform)+".tar"), &tag)
			if err != nil {
				t.Fatal(err)
			}
			if err := validate.Image(loaded); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(configOf(t, v.Image), configOf(t, loaded)); diff != "" {
				t.Error(diff)
			}
		}
		content, err := os.ReadFile(filepath.Join(dir, "hello-linux-amd64.tar"))
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, content) {
			t.Error("the same image gives two tarballs")
		}
		first = content
	}
	// One platform needs no name for it.
	dir := t.TempDir()
	write(t, hello(t, "linux/amd64"), Outputs{Tarball: filepath.Join(dir, "hello.tar"), Tag: "hello"})
	wantFiles(t, dir, "hello.tar")
}

func TestLayout(t *testing.T) {
	image := hello(t, "linux/amd64", "linux/arm64")
	dir := t.TempDir()
	path := filepath.Join(dir, "layout")
	for range 2 { // the second replaces the first
		write(t, image, Outputs{Layout: path, Tag: "hello:1", SBOM: filepath.Join(dir, "sbom.json")})
		wantFiles(t, dir, "layout", "sbom.json")
		index, err := layout.ImageIndexFromPath(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Index(index); err != nil {
			t.Error(err)
		}
		manifest, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		if len(manifest.Manifests) != 2 {
			t.Fatalf("the layout has %d manifests, want the image and its SBOM", len(manifest.Manifests))
		}
		if got := manifest.Manifests[0]; got.Digest.String() != digestOf(t, image) || got.Annotations["org.opencontainers.image.ref.name"] != "hello:1" {
			t.Errorf("the image is described as %+v", got)
		}
		referrer, err := index.Image(manifest.Manifests[1].Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkReferrer(t, referrer, image, filepath.Join(dir, "sbom.json"))
	}
}

// In registries that know of referrers and in those that do not, the SBOM is found by the image's digest.
func TestPush(t *testing.T) {
	image := hello(t, "linux/amd64", "linux/arm64")
	for name, option := range map[string]registry.Option{"with referrers": registry.WithReferrersSupport(true), "without": registry.WithReferrersSupport(false)} {
		t.Run(name, func(t *testing.T) {
			ref := startRegistry(t, option) + "/team/hello:1"
			sbom := filepath.Join(t.TempDir(), "sbom.json")
			write(t, image, Outputs{Push: ref, Tag: ref, SBOM: sbom})
			checkPushed(t, image, ref, sbom)
		})
	}
}

func checkPushed(t *testing.T, image *Image, ref, sbom string) {
	t.Helper()
	to, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(to)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	if got, want := digestOf(t, index), digestOf(t, image); got != want {
		t.Errorf("the registry has %s, want %s", got, want)
	}
	referrers, err := remote.Referrers(to.Context().Digest(digestOf(t, image)))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := referrers.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 {
		t.Fatalf("referrers are %+v, want one SBOM", manifest.Manifests)
	}
	referrer, err := remote.Image(to.Context().Digest(manifest.Manifests[0].Digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	checkReferrer(t, referrer, image, sbom)
}

// checkReferrer checks that an artifact refers to the image and has the text of the file.
func checkReferrer(t *testing.T, referrer v1.Image, image *Image, file string) {
	t.Helper()
	manifest, err := referrer.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if manifest.ArtifactType != spdxType || manifest.Subject == nil || manifest.Subject.Digest.String() != digestOf(t, image) {
		t.Errorf("it is a %s about %+v, want an SBOM about %s", manifest.ArtifactType, manifest.Subject, digestOf(t, image))
	}
	layers, err := referrer.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%d layers, %v", len(layers), err)
	}
	content, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	attached, err := io.ReadAll(content)
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(attached, written) {
		t.Errorf("%v: attached is\n%s\nwritten is\n%s", err, attached, written)
	}
}

func wantFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("files in %s:\n%s", dir, diff)
	}
}

// What cannot be written is refused before anything is built.
func TestBadOutputs(t *testing.T) {
	dir := writeFolder(t, "out", map[string]string{"mine/notes.txt": "x", "file": "x"})
	answer := func(status int, code string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v2/" {
				return
			}
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(map[string]any{"errors": []map[string]string{{"code": code, "message": "read only"}}})
		}))
		t.Cleanup(server.Close)
		return strings.TrimPrefix(server.URL, "http://")
	}
	denies, broken := answer(http.StatusForbidden, "DENIED"), answer(http.StatusInternalServerError, "UNKNOWN")
	for name, test := range map[string]struct {
		outputs Outputs
		says    string
	}{
		"nowhere":              {Outputs{Tag: "x", SBOM: "sbom.json"}, "where to?"},
		"tag":                  {Outputs{Tag: "X Y", Tarball: "x.tar"}, "--tag "},
		"no folder":            {Outputs{Tag: "x", Tarball: filepath.Join(dir, "no/x.tar")}, "there is no folder " + filepath.Join(dir, "no")},
		"file for a folder":    {Outputs{Tag: "x", Layout: filepath.Join(dir, "file")}, "--layout " + filepath.Join(dir, "file")},
		"folder for a file":    {Outputs{Tag: "x", Tarball: filepath.Join(dir, "mine")}, "mine: is no file"},
		"folder for the SBOM":  {Outputs{Tag: "x", Push: "x.example/x", SBOM: filepath.Join(dir, "mine")}, "--sbom " + filepath.Join(dir, "mine") + ": is no file"},
		"somebody's folder":    {Outputs{Tag: "x", Layout: filepath.Join(dir, "mine")}, "mine: is neither empty nor an OCI image layout"},
		"no reference":         {Outputs{Tag: "x", Push: "x/y:z:1"}, "--push "},
		"may not push":         {Outputs{Tag: "x", Push: denies + "/x:1"}, "registry " + denies + " refuses " + denies + "/x:1"},
		"registry is at fault": {Outputs{Tag: "x", Push: broken + "/x:1"}, broken + "/x:1: "},
	} {
		t.Run(name, func(t *testing.T) { wantError(t, test.outputs.Check(t.Context()), test.says) })
	}
	wantFiles(t, filepath.Join(dir, "mine"), "notes.txt")
}

// A registry that goes away midway is named; nothing hangs.
func TestPushCutShort(t *testing.T) {
	var uploads atomic.Int32
	backend := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch || r.Method == http.MethodPut {
			if uploads.Add(1) > 1 {
				http.Error(w, `{"errors": [{"code": "DENIED", "message": "quota exceeded"}]}`, http.StatusForbidden)
				return
			}
		}
		backend.ServeHTTP(w, r)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	o := Outputs{Push: host + "/x:1", Tag: "x"}
	wantError(t, hello(t, "linux/amd64").Write(t.Context(), o, silent), "registry "+host+" refuses "+host+"/x:1", "quota exceeded")
}

// A file is written as a whole or not at all: what was there stays if the new one fails.
func TestFilesAreWholeOrAsTheyWere(t *testing.T) {
	dir := writeFolder(t, "out", map[string]string{"x.tar": "old"})
	full := errors.New("no space left on device")
	err := saveFile(filepath.Join(dir, "x.tar"), func(w io.Writer) error {
		if _, err := io.WriteString(w, "half"); err != nil {
			return err
		}
		return full
	})
	if !errors.Is(err, full) || !strings.Contains(err.Error(), "x.tar: ") {
		t.Errorf("error %v", err)
	}
	wantFiles(t, dir, "x.tar")
	if text, err := os.ReadFile(filepath.Join(dir, "x.tar")); err != nil || string(text) != "old" {
		t.Errorf("it is %q, %v", text, err)
	}
}

func TestInterruptedWrite(t *testing.T) {
	image := hello(t, "linux/amd64")
	for name, outputs := range map[string]func(dir string) Outputs{
		"tarball": func(dir string) Outputs { return Outputs{Tag: "x", Tarball: filepath.Join(dir, "x.tar")} },
		"layout":  func(dir string) Outputs { return Outputs{Tag: "x", Layout: filepath.Join(dir, "x")} },
		"push":    func(string) Outputs { return Outputs{Tag: "x", Push: startRegistry(t) + "/x:1"} },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			dir := t.TempDir()
			if err := image.Write(ctx, outputs(dir), silent); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want that of the context", err)
			}
			if entries, err := fs.ReadDir(os.DirFS(dir), "."); err != nil || len(entries) > 0 {
				t.Errorf("left behind: %v, %v", entries, err)
			}
		})
	}
}
