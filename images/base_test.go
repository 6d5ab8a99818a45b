package images

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// saveBase writes a base as `docker save` does and returns the file's path.
func saveBase(t *testing.T, image v1.Image) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "base.tar")
	tag, err := name.NewTag("base")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(path, tag, image); err != nil {
		t.Fatal(err)
	}
	return path
}

func indexOfBases(t *testing.T) v1.ImageIndex {
	t.Helper()
	var index v1.ImageIndex = empty.Index
	for _, platform := range []string{"linux/amd64", "linux/arm64"} {
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: newBase(t, platform, nil, pythonFiles()), Descriptor: v1.Descriptor{Platform: p}})
	}
	return index
}

func listenUnix(t *testing.T, path string) {
	t.Helper()
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
}

// A base may be in a registry, in the folder of an OCI layout or in a tarball; the image is the same but for the base's name.
func TestBases(t *testing.T) {
	dir := writeFolder(t, "shouter", pythonExecutorFolder())
	bases := indexOfBases(t)

	registry := startRegistry(t) + "/team/python:3.11"
	ref, err := name.ParseReference(registry)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, bases); err != nil {
		t.Fatal(err)
	}
	nested := filepath.Join(t.TempDir(), "nested")
	if _, err := layout.Write(nested, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: bases})); err != nil {
		t.Fatal(err)
	}
	flat := filepath.Join(t.TempDir(), "flat")
	if _, err := layout.Write(flat, bases); err != nil {
		t.Fatal(err)
	}
	platforms := []string{"linux/amd64", "linux/arm64"}
	var layers []string
	for _, where := range []string{registry, nested, flat} {
		image := mustBuild(t, Options{Dir: dir, Base: where, Platforms: platforms})
		var all []string
		for i, v := range image.Variants {
			if file := configOf(t, v.Image); file.Architecture != v.Platform.Architecture || v.Platform.String() != platforms[i] {
				t.Errorf("%s: for %s, on a base for %s", where, v.Platform, file.Architecture)
			}
			manifest, err := v.Image.Manifest()
			if err != nil {
				t.Fatal(err)
			}
			for _, layer := range manifest.Layers {
				all = append(all, layer.Digest.String())
			}
		}
		layers = append(layers, strings.Join(all, " "))
	}
	if layers[0] != layers[1] || layers[0] != layers[2] {
		t.Errorf("the layers differ:\n%s", strings.Join(layers, "\n"))
	}
}

// An image that was laid out with its SBOM is a base, too.
func TestOurLayoutAsBase(t *testing.T) {
	dir := writeFolder(t, "shouter", pythonExecutorFolder())
	first := mustBuild(t, Options{Dir: dir, Base: saveBase(t, newBase(t, "linux/amd64", nil, pythonFiles()))})
	out := filepath.Join(t.TempDir(), "layout")
	outputs := Outputs{Layout: out, Tag: "first", SBOM: filepath.Join(t.TempDir(), "sbom.json")}
	if err := first.Write(t.Context(), outputs, func(string, string, bool) {}); err != nil {
		t.Fatal(err)
	}
	mustBuild(t, Options{Dir: dir, Base: out})
}

// The layers of a base are downloaded once.
func TestLayersOfABaseAreKept(t *testing.T) {
	cache := t.TempDir()
	host := startRegistry(t)
	ref, err := name.ParseReference(host + "/python")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, newBase(t, "linux/amd64", nil, pythonFiles())); err != nil {
		t.Fatal(err)
	}
	dir := writeFolder(t, "shouter", pythonExecutorFolder())
	var details []string
	options := Options{Dir: dir, Base: ref.String(), Cache: cache, Progress: func(_, detail string, _ bool) { details = append(details, detail) }}
	mustBuild(t, options)
	if all := strings.Join(details, "\n"); !strings.Contains(all, " of 0.0 MB") {
		t.Errorf("no word of a download:\n%s", all)
	}
	details = nil
	mustBuild(t, options)
	if all := strings.Join(details, "\n"); strings.Contains(all, " of 0.0 MB") {
		t.Errorf("downloaded again:\n%s", all)
	}
	// What was cut short in the cache is not taken.
	kept, err := os.ReadDir(cache)
	if err != nil || len(kept) != 1 {
		t.Fatalf("in the cache: %v, %v", kept, err)
	}
	if err := os.Truncate(filepath.Join(cache, kept[0].Name()), 10); err != nil {
		t.Fatal(err)
	}
	mustBuild(t, options)
}

func TestBadRegistryBase(t *testing.T) {
	dir := writeFolder(t, "shouter", pythonExecutorFolder())
	host := startRegistry(t)
	ref, err := name.ParseReference(host + "/python:both")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, indexOfBases(t)); err != nil {
		t.Fatal(err)
	}
	locked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		http.Error(w, `{"errors": [{"code": "UNAUTHORIZED", "message": "who are you?"}]}`, http.StatusUnauthorized)
	}))
	defer locked.Close()
	lockedHost := strings.TrimPrefix(locked.URL, "http://")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := listener.Addr().String()
	listener.Close()
	for name, test := range map[string]struct {
		base, platform string
		says           []string
	}{
		"no such image":  {host + "/nobody:1", "linux/amd64", []string{"registry " + host + " has no " + host + "/nobody:1"}},
		"no platform":    {host + "/python:both", "linux/s390x", []string{"has no image for linux/s390x, only for linux/amd64, linux/arm64"}},
		"not logged in":  {lockedHost + "/python:1", "linux/amd64", []string{"registry " + lockedHost + " refuses", "docker login " + lockedHost}},
		"cannot be seen": {gone + "/python:1", "linux/amd64", []string{"registry " + gone + " cannot be reached", "refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := build(t, Options{Dir: dir, Base: test.base, Platforms: []string{test.platform}})
			wantError(t, err, test.says...)
		})
	}
}
