package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
	"golang.org/x/sync/errgroup"
)

// component is built from one module.
type component struct {
	name string // its folder beside this file
	// source is the module whose version is the component's, if not our own.
	source   string
	packages []string
	// links are further names of the only program.
	links   []string
	ldflags func(version string) string
	node    bool // only a node that runs pods needs it
}

var components = []component{
	{
		name: "kubernetes", source: "k8s.io/kubernetes", packages: []string{"."},
		links: []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl"},
		// A server of an unknown version is refused by charts that name a kubeVersion.
		ldflags: func(version string) string {
			const to = "-X k8s.io/component-base/version."
			major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
			minor, _, _ := strings.Cut(rest, ".")
			return to + "gitVersion=" + version + " " + to + "gitMajor=" + major + " " + to + "gitMinor=" + minor
		},
	},
	{
		name: "containerd", source: "github.com/containerd/containerd/v2", node: true,
		packages: []string{"github.com/containerd/containerd/v2/cmd/containerd", "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2"},
	},
	{name: "dns", source: "github.com/coredns/coredns", packages: []string{"."}, node: true},
	{name: "etcd", source: "go.etcd.io/etcd/server/v3", packages: []string{"go.etcd.io/etcd/server/v3"}, links: []string{"etcd"}},
	{name: "pause", packages: []string{"."}, node: true},
}

// built is a component in the cache.
type built struct {
	Version string `json:"version"`
	Dir     string `json:"dir"`
}

// cacheDir holds programs, for all clones and all clusters of a user.
func cacheDir() (string, error) {
	caches, err := os.UserCacheDir()
	return filepath.Join(caches, "helm-flow", "cluster"), err
}

// sourceDir is the folder of this file: the modules are not in the program, as only files of its own module could be.
func sourceDir() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Dir(file)
	if _, err := os.Stat(filepath.Join(dir, "kubernetes", "go.mod")); err != nil {
		return "", fmt.Errorf("the folder that this program was built in, ci/cluster, is gone (%w); build it anew with `make bin/cluster`", err)
	}
	return dir, nil
}

// buildAll returns the components that a cluster needs, and builds those that are not in the cache: two at a time if memory
// allows, as linking Kubernetes keeps one core busy.
func buildAll(ctx context.Context, apiOnly bool, say func(format string, args ...any)) (map[string]built, error) {
	source, err := sourceDir()
	if err != nil {
		return nil, err
	}
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	goVersion, err := goEnv(ctx, "GOVERSION", "GOARCH")
	if err != nil {
		return nil, err
	}
	all := map[string]built{}
	var builds errgroup.Group
	builds.SetLimit(parallelBuilds())
	for _, c := range components {
		if c.node && apiOnly {
			continue
		}
		version, key, err := c.key(source, goVersion)
		if err != nil {
			return nil, err
		}
		dir := filepath.Join(cache, c.name+"-"+key)
		all[c.name] = built{Version: version, Dir: dir}
		if _, err := os.Stat(dir); err == nil {
			continue
		}
		builds.Go(func() error { return c.build(ctx, filepath.Join(source, c.name), dir, version, say) })
	}
	return all, builds.Wait()
}

// buildMemory is what go build takes at most for Kubernetes on two cores.
const buildMemory = 4 << 30

func parallelBuilds() int {
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 1
	}
	_, rest, _ := strings.Cut(string(meminfo), "MemAvailable:")
	kilobytes, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if n, err := strconv.Atoi(kilobytes); err == nil && n<<10 >= 2*buildMemory {
		return 2
	}
	return 1
}

func goEnv(ctx context.Context, names ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	return string(out), nil
}

// key is the component's version and a hash of all that its programs are made of.
func (c component) key(source, goVersion string) (version, key string, err error) {
	dir := filepath.Join(source, c.name)
	hash := sha256.New()
	fmt.Fprintln(hash, goVersion, c.packages, c.links)
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return "", "", err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", "", err
		}
		fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(file), len(text), text)
	}
	version = "own"
	if c.source != "" {
		if version, err = requiredVersion(filepath.Join(dir, "go.mod"), c.source); err != nil {
			return "", "", err
		}
	}
	fmt.Fprintln(hash, c.flags(version))
	return version, fmt.Sprintf("%s-%x", version, hash.Sum(nil)[:6]), nil
}

func requiredVersion(goMod, module string) (string, error) {
	text, err := os.ReadFile(goMod)
	if err != nil {
		return "", err
	}
	file, err := modfile.ParseLax(goMod, text, nil)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(file.Require, func(r *modfile.Require) bool { return r.Mod.Path == module })
	if i < 0 {
		return "", fmt.Errorf("%s requires no %s", goMod, module)
	}
	return file.Require[i].Mod.Version, nil
}

func (c component) flags(version string) []string {
	ldflags := "-s -w"
	if c.ldflags != nil {
		ldflags += " " + c.ldflags(version)
	}
	return []string{"build", "-v", "-buildvcs=false", "-ldflags", ldflags}
}

// build puts a component into the cache, unless another process does so first.
func (c component) build(ctx context.Context, source, dir, version string, say func(format string, args ...any)) error {
	unlock, err := lockFile(ctx, dir+".lock")
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	// What an interrupted build left is overwritten.
	work := dir + ".new"
	if err := os.RemoveAll(work); err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	start := time.Now()
	say("building %s %s …", c.name, version)
	progress := &buildOutput{report: func(packages int) {
		say("building %s: %d packages, %v", c.name, packages, time.Since(start).Round(time.Second))
	}}
	// Static, since the node's root is not the host's and images have no root at all.
	cmd := exec.CommandContext(ctx, "go", append(append(c.flags(version), "-o", work+"/"), c.packages...)...)
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	cmd.Stderr = progress
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("building %s %s: %w\n%s", c.name, version, err, lastLines(progress.text.String()))
	}
	if err := c.link(work); err != nil {
		return err
	}
	if err := os.Rename(work, dir); err != nil {
		return err
	}
	say("built %s %s in %v", c.name, version, time.Since(start).Round(time.Second))
	return nil
}

// link gives the only program in a folder further names.
func (c component) link(dir string) error {
	if len(c.links) == 0 {
		return nil
	}
	programs, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(programs) != 1 {
		return errors.New("expected one program to link to")
	}
	for _, name := range c.links {
		if name == programs[0].Name() {
			continue
		}
		if err := os.Symlink(programs[0].Name(), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// buildOutput is what go build -v says: the packages that it compiles, and what is wrong.
type buildOutput struct {
	report   func(packages int)
	last     time.Time
	packages int
	text     bytes.Buffer
}

var _ io.Writer = (*buildOutput)(nil)

func (o *buildOutput) Write(p []byte) (int, error) {
	o.packages += bytes.Count(p, []byte("\n"))
	o.text.Write(p)
	if now := time.Now(); now.Sub(o.last) >= 30*time.Second {
		if !o.last.IsZero() {
			o.report(o.packages)
		}
		o.last = now
	}
	return len(p), nil
}
