package main

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"go.uber.org/goleak"

	"github.com/helm-flow/helm-flow/images"
	"github.com/helm-flow/helm-flow/internal/chart"
	"github.com/helm-flow/helm-flow/internal/serve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Sizes that an image has, at most, in bytes: its files, and what is pulled.
const (
	maxUnpacked = 25e6
	maxPulled   = 10e6
)

func newRelease(t *testing.T, root string) *release {
	t.Helper()
	r := &release{root: root, out: filepath.Join(t.TempDir(), "images"), platforms: []string{"linux/amd64", "linux/arm64"}, log: io.Discard}
	if err := r.describe(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// buildImage builds the image of one program, which lives as long as the test.
func buildImage(t *testing.T, r *release, program string) *images.Image {
	t.Helper()
	image, err := r.image(t.Context(), program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := image.Close(); err != nil {
			t.Error(err)
		}
	})
	return image
}

// ofThisMachine is the variant that runs here.
func ofThisMachine(t *testing.T, image *images.Image) v1.Image {
	t.Helper()
	for _, v := range image.Variants {
		if v.Platform.OS == runtime.GOOS && v.Platform.Architecture == runtime.GOARCH {
			return v.Image
		}
	}
	t.Fatalf("no image for %s/%s", runtime.GOOS, runtime.GOARCH)
	return nil
}

// A commit gives the same images wherever and whenever they are built.
func TestReproducible(t *testing.T) {
	here := newRelease(t, "../..")
	there := *here
	there.root = copyOfSource(t)
	for _, program := range programs {
		var digests []string
		for _, r := range []*release{here, &there} {
			digest, err := buildImage(t, r, program).Digest()
			if err != nil {
				t.Fatal(err)
			}
			digests = append(digests, digest.String())
		}
		if digests[0] != digests[1] {
			t.Errorf("%s is %s, built elsewhere %s", program, digests[0], digests[1])
		}
	}
}

// copyOfSource is the repository without its history in another folder, with other times and permissions.
func copyOfSource(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("git", "-C", "../..", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	old := time.Now().Add(-48 * time.Hour)
	for name := range strings.SplitSeq(strings.Trim(string(out), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join("../..", name))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.EISDIR) {
			continue // deleted and not committed, or a link to a folder
		}
		to := filepath.Join(root, name)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o700), os.WriteFile(to, text, 0o600), os.Chtimes(to, old, old)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// The images are small, have nothing in them that nobody needs, and say what they are.
func TestWhatIsInTheImages(t *testing.T) {
	r := newRelease(t, "../..")
	for _, program := range programs {
		for _, v := range buildImage(t, r, program).Variants {
			t.Run(program+" "+v.Platform.String(), func(t *testing.T) {
				checkSize(t, v.Image)
				file, err := v.Image.ConfigFile()
				if err != nil {
					t.Fatal(err)
				}
				for label, want := range map[string]string{
					"source": "https://github.com/helm-flow/helm-flow", "version": serve.Version, "licenses": "Apache-2.0", "title": program,
					"revision": r.labels["org.opencontainers.image.revision"], "created": r.created.Format(time.RFC3339),
				} {
					if got := file.Config.Labels["org.opencontainers.image."+label]; got != want || got == "" {
						t.Errorf("label %s is %q, want %q", label, got, want)
					}
				}
				checkProgram(t, extract(t, v.Image), program)
			})
		}
	}
}

func checkSize(t *testing.T, image v1.Image) {
	t.Helper()
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	var pulled, unpacked int64
	for _, layer := range manifest.Layers {
		pulled += layer.Size
	}
	files := mutate.Extract(image)
	defer files.Close()
	for archive := tar.NewReader(files); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		unpacked += header.Size
	}
	t.Logf("%.1f MB to pull, %.1f MB unpacked", float64(pulled)/1e6, float64(unpacked)/1e6)
	if pulled > maxPulled || unpacked > maxUnpacked {
		t.Errorf("%d bytes to pull, %d unpacked; want at most %.0f and %.0f", pulled, unpacked, maxPulled, maxUnpacked)
	}
}

// checkProgram checks what the program is made of: neither C nor what only the plugin needs.
func checkProgram(t *testing.T, root, program string) {
	t.Helper()
	info, err := buildinfo.ReadFile(filepath.Join(root, "usr/local/bin", program))
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range info.Deps {
		for _, unwanted := range []string{"helm.sh/", "k8s.io/", "github.com/google/go-containerregistry", "github.com/spf13/cobra"} {
			if strings.HasPrefix(module.Path, unwanted) {
				t.Errorf("it links %s", module.Path)
			}
		}
	}
	for _, setting := range []string{"CGO_ENABLED=0", "-trimpath=true"} {
		key, want, _ := strings.Cut(setting, "=")
		if !slices.ContainsFunc(info.Settings, func(s debug.BuildSetting) bool { return s.Key == key && s.Value == want }) {
			t.Errorf("not built with %s: %v", setting, info.Settings)
		}
	}
}

// make images writes files for those without a registry, says how to load them, and pushes what a registry's users pull.
func TestRun(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	defer server.Close()
	r := newRelease(t, "../..")
	r.push = strings.TrimPrefix(server.URL, "http://") + "/team"
	var stdout bytes.Buffer
	if err := r.run(t.Context(), &stdout); err != nil {
		t.Fatal(err)
	}
	var files []string
	entries, err := os.ReadDir(r.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		files = append(files, entry.Name())
	}
	want := []string{
		"flow-executor", "flow-executor-linux-amd64.tar", "flow-executor-linux-arm64.tar", "flow-executor.spdx.json",
		"flow-gateway", "flow-gateway-linux-amd64.tar", "flow-gateway-linux-arm64.tar", "flow-gateway.spdx.json",
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Error(diff)
	}
	var lines []string
	for _, program := range programs {
		ref, err := name.ParseReference(r.name(program))
		if err != nil {
			t.Fatal(err)
		}
		pushed, err := remote.Get(ref)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s/team/%s:%s@%s", strings.TrimPrefix(server.URL, "http://"), program, serve.Version, pushed.Digest))
	}
	tarballs := filepath.Join(r.out, "flow-*-linux-"+runtime.GOARCH+".tar")
	lines = append(lines, "", "To load them, one of:",
		"  kind load image-archive "+tarballs,
		"  for f in "+tarballs+"; do sudo k3s ctr images import $f; done",
		"  for f in "+tarballs+"; do docker load --input $f; done", "")
	if diff := cmp.Diff(strings.Join(lines, "\n"), stdout.String()); diff != "" {
		t.Error(diff)
	}
}

// Without a repository to push to, the images are called what the chart calls them: once loaded into a cluster, nothing has to be said.
func TestNamesAreTheChartsOwn(t *testing.T) {
	manifests, err := chart.Render(chart.Options{Release: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	var rendered strings.Builder
	for _, m := range manifests {
		rendered.Write(m.YAML)
	}
	r := &release{}
	for _, program := range programs {
		if !strings.Contains(rendered.String(), fmt.Sprintf("image: %q\n", r.name(program))) {
			t.Errorf("the chart does not call %s", r.name(program))
		}
	}
}

// maxStart is far from what a start takes, since the machines of tests are busy; the figure is in the log.
const maxStart = 3 * time.Second

// A program is ready in a moment: replicas that are added under load help at once.
func TestStart(t *testing.T) {
	r := newRelease(t, "../..")
	r.platforms = []string{"linux/" + runtime.GOARCH}
	config := writeConfig(t, "gateway.yaml", "name: demo\n")
	for program, args := range map[string][]string{
		"flow-gateway":  {"--config=" + filepath.Join(config, "gateway.yaml")},
		"flow-executor": {"--config=" + filepath.Join(writeConfig(t, "executor.yaml", "name: e\nuses: echo\n"), "executor.yaml")},
	} {
		t.Run(program, func(t *testing.T) {
			path := filepath.Join(extract(t, ofThisMachine(t, buildImage(t, r, program))), "usr/local/bin", program)
			var best time.Duration
			for range 5 {
				if took := timeToReady(t, path, args); best == 0 || took < best {
					best = took
				}
			}
			t.Logf("ready %s after its start", best.Round(100*time.Microsecond))
			if best > maxStart {
				t.Errorf("ready after %s, want at most %s", best, maxStart)
			}
		})
	}
}

func writeConfig(t *testing.T, file, text string) string {
	t.Helper()
	dir := t.TempDir()
	// Others than its owner read it, too: a container has another user.
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func timeToReady(t *testing.T, program string, args []string) time.Duration {
	t.Helper()
	admin := freeAddress(t)
	cmd := exec.CommandContext(t.Context(), program, append(args, "--grpc="+freeAddress(t), "--admin="+admin)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v\n%s", err, stderr.String())
		}
	}()
	if err := waitReady(t.Context(), "http://"+admin+"/readyz"); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return time.Since(start)
}

// waitReady asks until the answer is that the one who is asked is ready.
func waitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for tick := time.NewTicker(time.Millisecond); ; {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if answer, err := client.Do(request); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: not ready: %w", url, ctx.Err())
		}
	}
}
