// Package testcluster gives tests a Kubernetes of ci/cluster, and both Helms on it.
package testcluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Cluster is one that runs.
type Cluster struct {
	// Kubeconfig of its administrator.
	Kubeconfig string
	// Kubectl of its version.
	Kubectl string
	// Registry is where images are pushed to, host:port by plain HTTP.
	Registry string

	name, root, program, home string
}

// Main runs a package's tests on a cluster of their own called name, which up's arguments may make smaller. It returns the exit code.
func Main(m *testing.M, name string, cluster **Cluster, up ...string) int {
	c, err := start(name, up...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "no cluster to test on:", err)
		return 1
	}
	defer c.stop()
	*cluster = c
	return m.Run()
}

func start(name string, up ...string) (*Cluster, error) {
	root, err := goRoot()
	if err != nil {
		return nil, err
	}
	home, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{name: name, root: root, program: filepath.Join(home, "cluster"), home: home}
	build := exec.Command("go", "build", "-C", filepath.Join(root, "ci/cluster"), "-o", c.program, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("building ci/cluster: %w", err)
	}
	// One that an earlier run has left, cut off, is taken away first.
	for _, args := range [][]string{{"down"}, append([]string{"up"}, up...)} {
		cmd := exec.Command(c.program, append(args, "--name", name)...)
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
		if err := cmd.Run(); err != nil {
			return nil, fmt.Errorf("cluster %s: %w", args[0], err)
		}
	}
	out, err := exec.Command(c.program, "status", "--name", name, "-o", "json").Output()
	if err != nil {
		return nil, fmt.Errorf("cluster status: %w", err)
	}
	return c, json.Unmarshal(out, c)
}

func (c *Cluster) stop() {
	down := exec.Command(c.program, "down", "--name", c.name)
	down.Stderr = os.Stderr
	if err := down.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "cluster down:", err)
	}
	if err := os.RemoveAll(c.home); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// goRoot is the folder of the repository.
func goRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	return filepath.Dir(strings.TrimSpace(string(out))), err
}

// Path is that of a file of the repository.
func (c *Cluster) Path(elements ...string) string {
	return filepath.Join(append([]string{c.root}, elements...)...)
}

// Namespace makes a namespace for a test, with labels such as a=b, that ends with it.
func (c *Cluster) Namespace(t *testing.T, labels ...string) string {
	t.Helper()
	name := strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(t.Name())), "-")
	name = strings.TrimRight(name[:min(len(name), 50)], "-")
	c.MustKubectl(t, "create", "namespace", name)
	if len(labels) > 0 {
		c.MustKubectl(t, append([]string{"label", "namespace", name}, labels...)...)
	}
	t.Cleanup(func() { c.MustKubectl(t, "delete", "namespace", name, "--wait=false") })
	return name
}

// Result is how a program ended.
type Result struct {
	Stdout, Stderr string
	Err            error
}

// Run runs a program of this machine with the administrator's kubeconfig, and input on its standard input.
func (c *Cluster) Run(ctx context.Context, input string, env []string, program string, args ...string) Result {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(append(os.Environ(), "KUBECONFIG="+c.Kubeconfig), env...)
	cmd.Stdin = strings.NewReader(input)
	cmd.WaitDelay = time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	return Result{stdout.String(), stderr.String(), err}
}

// TryKubectl runs kubectl.
func (c *Cluster) TryKubectl(t *testing.T, input string, args ...string) Result {
	t.Helper()
	return c.Run(t.Context(), input, nil, c.Kubectl, args...)
}

// MustKubectl runs kubectl and returns what it prints.
func (c *Cluster) MustKubectl(t *testing.T, args ...string) string {
	t.Helper()
	r := c.Run(context.Background(), "", nil, c.Kubectl, args...) // also when the test's context has ended, for cleaning up
	if r.Err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), r.Err, r.Stderr)
	}
	return r.Stdout
}

// Helm is one of the two.
type Helm struct {
	// Name is helm3 or helm4.
	Name string

	cluster *Cluster
	env     []string
}

// Helms are both majors, each with a home of its own.
func (c *Cluster) Helms(t *testing.T) (helm3, helm4 *Helm) {
	t.Helper()
	return c.helm(t, "helm3"), c.helm(t, "helm4")
}

func (c *Cluster) helm(t *testing.T, name string) *Helm {
	t.Helper()
	if _, err := os.Stat(c.Path(".tools/bin", name)); err != nil {
		t.Fatalf("%v: `make tools` builds it", err)
	}
	home := t.TempDir()
	return &Helm{name, c, []string{"HOME=" + home, "HELM_CACHE_HOME=" + home, "HELM_CONFIG_HOME=" + home, "HELM_DATA_HOME=" + home}}
}

// Try runs helm with values on its standard input, for --values=-.
func (h *Helm) Try(t *testing.T, values string, args ...string) Result {
	t.Helper()
	return h.cluster.Run(t.Context(), values, h.env, h.cluster.Path(".tools/bin", h.Name), args...)
}

// Must runs helm and returns what it prints.
func (h *Helm) Must(t *testing.T, values string, args ...string) string {
	t.Helper()
	r := h.Try(t, values, args...)
	if r.Err != nil {
		t.Fatalf("%s %s: %v\n%s", h.Name, strings.Join(args, " "), r.Err, r.Stderr)
	}
	return r.Stdout
}

// Program runs a program that runs this Helm as $HELM_BIN, such as helm-flow.
func (h *Helm) Program(t *testing.T, program string, args ...string) Result {
	t.Helper()
	env := append([]string{"HELM_BIN=" + h.cluster.Path(".tools/bin", h.Name)}, h.env...)
	return h.cluster.Run(t.Context(), "", env, program, args...)
}
