package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/helm-flow/helm-flow/ci/cluster/node"
	"golang.org/x/sys/unix"
)

// cluster is a cluster by its name, running or not.
type cluster struct {
	name string
	dir  string
}

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$`)

func openCluster(name string) (cluster, error) {
	if !validName.MatchString(name) {
		return cluster{}, fmt.Errorf("cluster name %q: expected at most 30 letters a-z, digits and hyphens", name)
	}
	clusters := os.Getenv("XDG_STATE_HOME")
	if clusters == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return cluster{}, err
		}
		clusters = filepath.Join(home, ".local", "state")
	}
	return cluster{name: name, dir: filepath.Join(clusters, "helm-flow", "cluster", name)}, nil
}

func (c cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

// Files in a cluster's folder, beside those of package node.
const (
	initFile        = "init.json"
	upFile          = "up" // exists when the cluster has come up
	adminKubeconfig = "etc/kubernetes/admin.kubeconfig"
	nodeLog         = "node.log"
)

// cgroup is the parent of the cgroups of all pods.
func (c cluster) cgroup() string { return "/helm-flow-" + c.name }

// lock keeps other commands from starting or stopping this cluster until unlock is called.
func (c cluster) lock(ctx context.Context) (unlock func(), err error) {
	return lockFile(ctx, c.dir+".lock")
}

// lockFile waits until nobody else holds the lock of a file, which is made if it is not there.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			file.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			file.Close()
			return nil, fmt.Errorf("waiting for another command that holds %s: %w", path, ctx.Err())
		}
	}
}

func (c cluster) spec() (node.Spec, error) {
	var spec node.Spec
	return spec, readJSON(c.path(node.SpecFile), &spec)
}

// process tells a process from a later one with the same id.
type process struct {
	PID int `json:"pid"`
	// Started is when, in clock ticks since the machine booted.
	Started uint64 `json:"started"`
	Boot    string `json:"boot"`
}

// identify looks at a process that runs.
func identify(pid int) (process, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, err
	}
	// The second field is the program's name in parentheses, which may hold anything; the 22nd is the start.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	const state, started = 3, 22
	if len(fields) <= started-state || fields[0] == "Z" {
		return process{}, fs.ErrNotExist
	}
	p := process{PID: pid}
	if p.Started, err = strconv.ParseUint(fields[started-state], 10, 64); err != nil {
		return process{}, err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	p.Boot = strings.TrimSpace(string(boot))
	return p, err
}

// running finds the cluster's init, if it runs.
func (c cluster) running() (process, bool) {
	var init process
	if err := readJSON(c.path(initFile), &init); err != nil {
		return process{}, false
	}
	now, err := identify(init.PID)
	return init, err == nil && now == init
}

// kill ends a process and waits until it is gone. The descriptor holds on to the process, so that a check after it was opened
// holds for the signal too.
func (p process) kill(ctx context.Context) error {
	fd, err := unix.PidfdOpen(p.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if now, err := identify(p.PID); err != nil || now != p {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("killing process %d: %w", p.PID, err)
	}
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 100)
		switch {
		case n > 0:
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return err
		case ctx.Err() != nil:
			return fmt.Errorf("process %d does not end after SIGKILL: %w", p.PID, ctx.Err())
		}
	}
}

func readJSON(path string, to any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, to); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func writeJSON(path string, from any) error {
	text, err := json.MarshalIndent(from, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
