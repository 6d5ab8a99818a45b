package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// TestMain makes the test program the program as well, since a cluster starts itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-test.") {
		main()
		return
	}
	os.Exit(m.Run())
}

// harness runs the program as its users do, with clusters in a folder of the test.
type harness struct {
	t       *testing.T
	name    string
	state   string
	program string
	env     []string
	attr    *syscall.SysProcAttr
}

// newHarness makes sure that no cluster and nothing of one outlives the test.
func newHarness(t *testing.T, name string) *harness {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := &harness{t: t, name: name, state: t.TempDir(), program: program}
	h.env = []string{"XDG_STATE_HOME=" + h.state}
	before := takeInventory(t, h)
	t.Cleanup(func() {
		h.run("down")
		if found := takeInventory(t, h).without(before); len(found) > 0 {
			t.Errorf("left behind after down:\n%s", strings.Join(found, "\n"))
		}
	})
	return h
}

// unprivileged lets another user than root run the program, who finds there what root has built.
func (h *harness) unprivileged() {
	h.t.Helper()
	const nobody, readAll = 65534, 2 // CAP_DAC_READ_SEARCH: the clone may lie in root's home
	h.run("up", "--api-only")
	h.run("down")
	cache, err := cacheDir()
	if err != nil {
		h.t.Fatal(err)
	}
	home := h.t.TempDir()
	for _, name := range []string{"kubernetes", "etcd"} {
		dirs, err := filepath.Glob(filepath.Join(cache, name+"-*[^k]")) // not .lock
		if err != nil {
			h.t.Fatal(err)
		}
		for _, dir := range dirs {
			if err := os.CopyFS(filepath.Join(home, "helm-flow", "cluster", filepath.Base(dir)), os.DirFS(dir)); err != nil {
				h.t.Fatal(err)
			}
		}
	}
	program := filepath.Join(home, "cluster")
	text, err := os.ReadFile(h.program)
	if err == nil {
		err = os.WriteFile(program, text, 0o755)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	h.program = program
	h.env = append(h.env, "HOME="+home, "XDG_CACHE_HOME="+home)
	h.attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}, AmbientCaps: []uintptr{readAll}}
	if err := os.Chmod(filepath.Dir(home), 0o755); err != nil {
		h.t.Fatal(err)
	}
	for _, dir := range []string{home, h.state} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, nobody, nobody))
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

// sub is a part of the test, with the same cluster.
func (h *harness) sub(name string, test func(t *testing.T, h *harness)) {
	h.t.Run(name, func(t *testing.T) {
		part := *h
		part.t = t
		test(t, &part)
	})
}

func (h *harness) command(args ...string) *exec.Cmd {
	// Flags after the command's name, and before what exec takes for its own.
	cmd := exec.Command(h.program, append([]string{args[0], "--name", h.name}, args[1:]...)...)
	cmd.Env = append(os.Environ(), h.env...)
	cmd.SysProcAttr = h.attr
	return cmd
}

// try runs the program and returns what it prints on stdout, and on stderr if it fails.
func (h *harness) try(args ...string) (string, error) {
	cmd := h.command(args...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		return out.String() + stderr.String(), err
	}
	return out.String(), nil
}

// run is try for what has to succeed.
func (h *harness) run(args ...string) string {
	h.t.Helper()
	out, err := h.try(args...)
	if err != nil {
		h.t.Fatalf("cluster %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (h *harness) status() status {
	h.t.Helper()
	out, err := h.try("status", "--output=json")
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != exitFindings) {
		h.t.Fatalf("cluster status: %v\n%s", err, out)
	}
	var s status
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		h.t.Fatal(err)
	}
	return s
}

// kubectl runs kubectl on the host, as a test of the product would.
func (h *harness) kubectl(args ...string) string {
	h.t.Helper()
	out, err := h.tryKubectl(args...)
	if err != nil {
		h.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (h *harness) tryKubectl(args ...string) (string, error) {
	h.t.Helper()
	s := h.status()
	cmd := exec.Command(s.Kubectl, append([]string{"--kubeconfig=" + s.Kubeconfig}, args...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// eventually waits for what takes a moment.
func eventually(t *testing.T, what string, try func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		if try() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("in two minutes there was not: %s", what)
		}
	}
}

// pushEcho builds the program in testdata/echo and gives it to the cluster as an image.
func (h *harness) pushEcho(image string) (program string) {
	h.t.Helper()
	dir := h.t.TempDir()
	program = filepath.Join(dir, "echo")
	build := exec.Command("go", "build", "-o", program, "./testdata/echo")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		h.t.Fatalf("%v\n%s", err, out)
	}
	made, err := programImage(program)
	if err != nil {
		h.t.Fatal(err)
	}
	to, err := layout.Write(filepath.Join(dir, "layout"), empty.Index)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := to.AppendImage(made); err != nil {
		h.t.Fatal(err)
	}
	h.run("push", filepath.Join(dir, "layout"), image)
	return program
}

// inventory is what a cluster could leave behind on a machine, on which others are at work as well.
type inventory map[string]bool

func takeInventory(t *testing.T, h *harness) inventory {
	t.Helper()
	found := inventory{}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, h.state) {
			found["mount "+line] = true
		}
	}
	for kind, pattern := range map[string]string{
		"cgroup":         "/sys/fs/cgroup/*/helm-flow-" + h.name,
		"file":           h.state + "/helm-flow/cluster/*[^k]", // not the .lock, which stays
		"network device": "/sys/class/net/*",
		"container":      "/run/[cnr][oeu]*", // containerd, netns, runc
		"kubernetes":     "/*/kube*",
		"state":          "/var/lib/[cek]*", // containerd, cni, etcd, kubelet
		"log":            "/var/log/[cp]o*", // containers, pods
		"configuration":  "/etc/[ck][nou]*", // cni, containerd, kubernetes
		"own":            "/opt/*",
	} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			found[kind+" "+path] = true
		}
	}
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range processes {
		dir := filepath.Dir(file)
		mounts, err := os.ReadFile(filepath.Join(dir, "mountinfo"))
		if err == nil && strings.Contains(string(mounts), h.state) {
			command, _ := os.ReadFile(file)
			found["process "+filepath.Base(dir)+" "+strings.ReplaceAll(string(command), "\x00", " ")] = true
		}
	}
	for _, name := range []string{"vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "net/netfilter/nf_conntrack_max"} {
		if text, err := os.ReadFile("/proc/sys/" + name); err == nil {
			found["setting "+name+" = "+strings.TrimSpace(string(text))] = true
		}
	}
	return found
}

func (i inventory) without(before inventory) []string {
	var found []string
	for entry := range i {
		if !before[entry] {
			found = append(found, entry)
		}
	}
	slices.Sort(found)
	return found
}
