package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/helm-flow/helm-flow/ci/cluster/node"
	"golang.org/x/sync/errgroup"
)

// timeout of a start, what is built and installed before it not counted. It takes seconds, but on a machine that compiles as well.
const timeout = 5 * time.Minute

type upOptions struct {
	apiOnly bool
	say     func(format string, args ...any)
}

// up brings the cluster up, unless it is up. When it fails it leaves nothing running.
func (c cluster) up(ctx context.Context, o upOptions) (err error) {
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if done, err := c.alreadyUp(o); done || err != nil {
		return err
	}
	if err := preflight(ctx, o.apiOnly, o.say); err != nil {
		return err
	}
	components, err := buildAll(ctx, o.apiOnly, o.say)
	if err != nil {
		return err
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := c.remove(ctx); err != nil {
		return fmt.Errorf("removing what is left of an earlier cluster: %w", err)
	}
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
			defer cancel()
			err = errors.Join(err, c.remove(ctx))
		}
	}()
	if err := c.start(ctx, o, components); err != nil {
		return err
	}
	o.say("cluster %s is up after %v", c.name, time.Since(start).Round(100*time.Millisecond))
	return nil
}

// alreadyUp tells whether nothing has to be done, and fails if the cluster that runs is not what is asked for.
func (c cluster) alreadyUp(o upOptions) (bool, error) {
	if _, ok := c.running(); !ok {
		return false, nil
	}
	if _, err := os.Stat(c.path(upFile)); err != nil {
		return false, nil // its starter was killed
	}
	s, err := c.status()
	if err != nil {
		return false, err
	}
	if s.APIOnly != o.apiOnly {
		return false, fmt.Errorf("cluster %s runs, but with api-only %t; stop it first: cluster down --name %s", c.name, s.APIOnly, c.name)
	}
	if dead := s.dead(); len(dead) > 0 {
		return false, fmt.Errorf("%s; look into %s and start anew: cluster down --name %s && cluster up --name %s",
			strings.Join(dead, ", "), s.Logs, c.name, c.name)
	}
	o.say("cluster %s is up", c.name)
	return true, nil
}

// start brings up what is neither running nor left over.
func (c cluster) start(ctx context.Context, o upOptions, components map[string]built) error {
	doors, err := openDoors()
	if err != nil {
		return err
	}
	defer doors.close()
	spec := node.Spec{
		Dir:          c.dir,
		APIOnly:      o.apiOnly,
		APIPort:      port(doors.api),
		RegistryPort: port(doors.registry),
		Programs:     map[string]string{},
		Cgroup:       c.cgroup(),
	}
	for name, component := range components {
		spec.Programs[name] = component.Dir
	}
	v, err := c.layOut(spec)
	if err != nil {
		return err
	}
	if err := writeJSON(c.path(componentsFile), components); err != nil {
		return err
	}
	if !o.apiOnly {
		h, err := readHierarchies()
		if err != nil {
			return err
		}
		if err := h.create(spec.Cgroup); err != nil {
			return err
		}
	}
	n, err := c.startNode(doors)
	if err != nil {
		return err
	}
	defer n.starter.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		_ = n.cmd.Wait()
		cancel(errNodeEnded)
	}()
	if err := c.waitUntilUp(ctx, spec, v); err != nil {
		return c.explain(ctx, err)
	}
	if err := os.WriteFile(c.path(upFile), nil, 0o600); err != nil {
		return err
	}
	_, err = n.starter.Write([]byte{1})
	return err
}

// layOut makes the cluster's folder.
func (c cluster) layOut(spec node.Spec) (values, error) {
	for _, dir := range []string{"root", "etc", "var/log", "var/lib/registry", "var/lib/etcd"} {
		if err := os.MkdirAll(c.path(dir), 0o755); err != nil {
			return values{}, err
		}
	}
	if err := os.MkdirAll(c.path("tmp"), 0o777); err != nil {
		return values{}, err
	}
	if err := os.Chmod(c.path("tmp"), 0o777|os.ModeSticky); err != nil {
		return values{}, err
	}
	if err := os.Symlink("/run", c.path("var/run")); err != nil {
		return values{}, err
	}
	// Keys are in there.
	if err := os.Chmod(c.dir, 0o700); err != nil {
		return values{}, err
	}
	kind := ""
	if !spec.APIOnly {
		kind = snapshotter(c.dir)
	}
	v := newValues(spec, kind)
	if err := v.writeEtc(c.path("etc")); err != nil {
		return v, err
	}
	if err := writeCredentials(c.path("etc/kubernetes"), spec.APIPort); err != nil {
		return v, err
	}
	return v, writeJSON(c.path(node.SpecFile), spec)
}

// doors are listeners of the host's loopback behind which the node stands.
type doors struct{ api, registry *net.TCPListener }

func openDoors() (doors, error) {
	var d doors
	for _, door := range []**net.TCPListener{&d.api, &d.registry} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			d.close()
			return doors{}, err
		}
		*door = l.(*net.TCPListener)
	}
	return d, nil
}

func port(l *net.TCPListener) int { return l.Addr().(*net.TCPAddr).Port }

// close closes this process's side; the node has its own.
func (d doors) close() {
	for _, l := range []*net.TCPListener{d.api, d.registry} {
		if l != nil {
			l.Close()
		}
	}
}

// nodeProcess is the node's init as its parent sees it.
type nodeProcess struct {
	cmd *exec.Cmd
	// starter tells the node that the cluster is up; closed before that, the node ends.
	starter *os.File
}

var errNodeEnded = errors.New("the node ended")

// startNode starts the node's init, and writes down who that is.
func (c cluster) startNode(d doors) (*nodeProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	cmd := exec.Command(self, "node", c.dir)
	cmd.ExtraFiles = []*os.File{read} // descriptors from node.StarterFD on
	for _, l := range []*net.TCPListener{d.api, d.registry} {
		file, err := l.File()
		if err != nil {
			write.Close()
			return nil, err
		}
		defer file.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	}
	log, err := os.Create(c.path(nodeLog))
	if err != nil {
		write.Close()
		return nil, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Cloneflags: node.CloneFlags}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		write.Close()
		return nil, fmt.Errorf("starting a process in namespaces of its own: %w; a container has to be privileged, and users other than root need user namespaces (sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns)", err)
	}
	init, err := identify(cmd.Process.Pid)
	if err == nil {
		err = writeJSON(c.path(initFile), init)
	}
	if err != nil {
		write.Close() // which ends it
		return nil, errors.Join(err, cmd.Wait())
	}
	return &nodeProcess{cmd: cmd, starter: write}, nil
}

// waitUntilUp gives the node what it needs and returns when pods can be made.
func (c cluster) waitUntilUp(ctx context.Context, spec node.Spec, v values) error {
	var group errgroup.Group
	if !spec.APIOnly {
		group.Go(func() error { return pushOwnImages(ctx, spec) })
	}
	if err := c.waitForAPI(ctx, spec); err != nil {
		return errors.Join(err, group.Wait())
	}
	manifests := []string{"files/manifests/storage.yaml"}
	if !spec.APIOnly {
		manifests = append(manifests, "files/manifests/dns.yaml")
	}
	var objects bytes.Buffer
	for _, name := range manifests {
		text, err := v.execute(name)
		if err != nil {
			return err
		}
		objects.WriteString("---\n")
		objects.Write(text)
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if _, err := c.kubectl(ctx, &objects, "apply", "--server-side", "--filename=-"); err != nil {
		return err
	}
	// Pods cannot be made before the controller manager has made this one.
	if _, err := c.kubectl(ctx, nil, "wait", "--for=create", "serviceaccount/default", "--namespace=default", "--timeout="+timeout.String()); err != nil {
		return err
	}
	if spec.APIOnly {
		return nil
	}
	if _, err := c.kubectl(ctx, nil, "wait", "--for=create", "node/"+node.Name, "--timeout="+timeout.String()); err != nil {
		return err
	}
	_, err := c.kubectl(ctx, nil, "rollout", "status", "deployment/coredns", "--namespace=kube-system", "--timeout="+timeout.String())
	return err
}

// waitForAPI returns when the API server is ready, and fails when a program of the node has died.
func (c cluster) waitForAPI(ctx context.Context, spec node.Spec) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if node.APIReady(ctx, c.path("etc/kubernetes/pki/ca.crt"), spec.APIPort) == nil {
			return nil
		}
		if s, err := c.status(); err == nil && len(s.dead()) > 0 {
			return errors.New(strings.Join(s.dead(), ", "))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waiting for the API server: %w", context.Cause(ctx))
		}
	}
}

// kubectl runs the cluster's kubectl as its admin.
func (c cluster) kubectl(ctx context.Context, stdin *bytes.Buffer, args ...string) (string, error) {
	spec, err := c.spec()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(spec.Programs["kubernetes"], "kubectl"), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.path(adminKubeconfig))
	if stdin != nil {
		cmd.Stdin = stdin
	}
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out.String(), nil
}

// explain adds to a failed start what the cluster says, as all that is removed with it.
func (c cluster) explain(ctx context.Context, err error) error {
	var what strings.Builder
	quote := func(name, text string) {
		if last := lastLines(text); last != "" {
			fmt.Fprintf(&what, "\n--- %s\n%s", name, last)
		}
	}
	logs := []string{c.path(nodeLog)}
	if s, err := c.status(); err == nil {
		for _, p := range s.Processes {
			if p.Exit != "" {
				logs = append(logs, c.path("var", node.LogDir, p.Name+".log"))
			}
		}
	}
	for _, log := range logs {
		if text, err := os.ReadFile(log); err == nil {
			quote(filepath.Base(log), string(text))
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if events, err := c.kubectl(ctx, nil, "get", "events", "--all-namespaces", "--field-selector=type=Warning"); err == nil {
		quote("events", events)
	}
	return fmt.Errorf("%w%s", err, what.String())
}
