package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// container is an image that runs as a cluster's restricted policy has it: with a read-only root, without capabilities or ways to get any, by the image's
// user. Its network is this machine's.
type container struct {
	state, id string
	output    bytes.Buffer
	cmd       *exec.Cmd
}

// extract lays the image's files into a new folder.
func extract(t *testing.T, image v1.Image) string {
	t.Helper()
	root := t.TempDir()
	files := mutate.Extract(image)
	defer files.Close()
	untar := exec.Command("tar", "--extract", "--no-same-owner", "--directory", root)
	untar.Stdin = files
	if out, err := untar.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return root
}

// startContainer starts the image with arguments after its entry point, and a folder to be seen at /etc/flow.
func startContainer(t *testing.T, image v1.Image, flow string, args ...string) *container {
	t.Helper()
	if _, err := exec.LookPath("runc"); err != nil || os.Geteuid() != 0 {
		t.Fatalf("containers need runc (apt-get install runc) and root: %v, user %d", err, os.Geteuid())
	}
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	bundle := t.TempDir()
	if err := os.Rename(extract(t, image), filepath.Join(bundle, "rootfs")); err != nil {
		t.Fatal(err)
	}
	spec, err := json.Marshal(runtimeSpec(&file.Config, flow, args))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), spec, 0o644); err != nil {
		t.Fatal(err)
	}
	c := &container{state: t.TempDir(), id: fmt.Sprintf("helm-flow-test-%d-%s", os.Getpid(), filepath.Base(bundle))}
	c.cmd = exec.Command("runc", "--root", c.state, "run", "--bundle", bundle, c.id)
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.output
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.cmd.ProcessState == nil {
			exec.Command("runc", "--root", c.state, "kill", c.id, "KILL").Run()
			c.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", strings.Join(args, " "), c.output.String())
		}
	})
	return c
}

// runtimeSpec is what the OCI runtime specification asks for; opencontainers/runtime-spec has it in config.md.
func runtimeSpec(config *v1.Config, flow string, args []string) map[string]any {
	var uid, gid int
	fmt.Sscanf(config.User, "%d:%d", &uid, &gid)
	type m = map[string]any
	mounts := []m{
		{"destination": "/proc", "type": "proc", "source": "proc"},
		{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "mode=755", "size=65536k"}},
		{"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
		{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "nodev", "mode=1777"}},
	}
	if flow != "" {
		mounts = append(mounts, m{"destination": "/etc/flow", "type": "bind", "source": flow, "options": []string{"rbind", "ro"}})
	}
	return m{
		"ociVersion": "1.0.2",
		"root":       m{"path": "rootfs", "readonly": true},
		"process": m{
			"args": append(config.Entrypoint, args...), "env": config.Env, "cwd": config.WorkingDir, "user": m{"uid": uid, "gid": gid},
			"capabilities": m{}, "noNewPrivileges": true,
		},
		"mounts": mounts,
		"linux": m{
			"namespaces":  []m{{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}},
			"maskedPaths": []string{"/proc/kcore", "/proc/keys"}, "readonlyPaths": []string{"/proc/sys"},
		},
	}
}

// exec runs a program in the container and returns what it says.
func (c *container) exec(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("runc", append([]string{"--root", c.state, "exec", c.id}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// stop stops the container as a kubelet does, and returns how it ended.
func (c *container) stop(t *testing.T) error {
	t.Helper()
	if out, err := exec.Command("runc", "--root", c.state, "kill", c.id, "TERM").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return c.cmd.Wait()
}

// freeAddress is one on loopback that nobody listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = errors.Join(err, listener.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String()
}
