package images

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// heard is what a build has told.
type heard struct{ steps, warnings []string }

// build builds an image that lives as long as the test.
func build(t *testing.T, o Options) (*Image, *heard, error) {
	t.Helper()
	h := &heard{}
	if o.Platforms == nil {
		o.Platforms = []string{"linux/amd64"}
	}
	if o.Cache == "" {
		o.Cache = t.TempDir()
	}
	if o.Progress == nil {
		o.Progress = func(step, detail string, done bool) {
			if done {
				h.steps = append(h.steps, step+": "+detail)
			}
		}
	}
	o.Warn = func(text string) { h.warnings = append(h.warnings, text) }
	image, err := Build(t.Context(), o)
	if err == nil {
		t.Cleanup(func() {
			if err := image.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return image, h, err
}

// mustBuild is build for what has to succeed.
func mustBuild(t *testing.T, o Options) *Image {
	t.Helper()
	image, _, err := build(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func digestOf(t *testing.T, image interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

func configOf(t *testing.T, image v1.Image) *v1.ConfigFile {
	t.Helper()
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// writeFolder writes files below a folder of that name and returns its path.
func writeFolder(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, text := range files {
		path := filepath.Join(dir, file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// copyFolder copies a folder as another checkout would have it: with other times and other permissions.
func copyFolder(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(dir))
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o600)
		if d.IsDir() {
			mode = 0o700
		}
		return errors.Join(os.Chmod(path, mode), os.Chtimes(path, time.Time{}, time.Now().Add(-48*time.Hour)))
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// listing is a line for each file of an image: type and permissions, owner, size if it is small, name.
func listing(t *testing.T, image v1.Image) []string {
	t.Helper()
	var lines []string
	eachFile(t, image, func(h *tar.Header, _ io.Reader) {
		if h.Uid != 0 || h.Gid != 0 || h.ModTime.Unix() != 0 {
			t.Errorf("%s belongs to %d:%d and is of %s", h.Name, h.Uid, h.Gid, h.ModTime)
		}
		line := h.FileInfo().Mode().String() + " " + h.Name
		if h.Linkname != "" {
			line += " -> " + h.Linkname
		}
		lines = append(lines, line)
	})
	slices.Sort(lines)
	return lines
}

func eachFile(t *testing.T, image v1.Image, do func(*tar.Header, io.Reader)) {
	t.Helper()
	content := mutate.Extract(image)
	defer content.Close()
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		do(header, archive)
	}
}

// extract lays the files of an image into a folder, as a container would see them.
func extract(t *testing.T, image v1.Image) string {
	t.Helper()
	root := t.TempDir()
	eachFile(t, image, func(h *tar.Header, content io.Reader) {
		path := filepath.Join(root, h.Name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch h.Typeflag {
		case tar.TypeDir:
			err = errors.Join(err, os.MkdirAll(path, 0o755))
		case tar.TypeSymlink:
			err = errors.Join(err, os.Symlink(h.Linkname, path))
		default:
			text, readErr := io.ReadAll(content)
			err = errors.Join(err, readErr, os.WriteFile(path, text, h.FileInfo().Mode().Perm()))
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	return root
}

// startRegistry runs a registry for the length of the test and returns its host.
func startRegistry(t *testing.T, options ...registry.Option) string {
	t.Helper()
	options = append(options, registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(registry.New(options...))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// nothingLeft makes the test's own folder for temporary files, and returns a check that it is empty.
func nothingLeft(t *testing.T) func() {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	return func() {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) > 0 {
			t.Errorf("left behind: %v, %v", entries, err)
		}
	}
}

func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error is\n%v\nwant %q in it", err, word)
		}
	}
}
