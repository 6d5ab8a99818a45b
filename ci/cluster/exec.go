package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// exec replaces this process by a program of the host in the cluster's network: it reaches services and pods, by their names too,
// and nothing else. kubectl and the admin's kubeconfig are there for it. It returns only if it fails.
func (c cluster) exec(args []string) error {
	init, ok := c.running()
	if !ok {
		return c.notRunning()
	}
	spec, err := c.spec()
	if err != nil {
		return err
	}
	if spec.APIOnly {
		return fmt.Errorf("cluster %s is API only: it has no network to be in, and its API server is reached from the host", c.name)
	}
	// Namespaces are a thread's, and the program takes over the one that starts it.
	runtime.LockOSThread()
	if err := enterNetwork(init.PID); err != nil {
		return err
	}
	if err := useResolver(c.path("etc/resolv.conf")); err != nil {
		return err
	}
	kubernetes := spec.Programs["kubernetes"]
	if err := errors.Join(
		os.Setenv("PATH", kubernetes+":"+os.Getenv("PATH")),
		os.Setenv("KUBECONFIG", c.path(adminKubeconfig)),
	); err != nil {
		return err
	}
	program, err := exec.LookPath(args[0])
	if err != nil {
		return err
	}
	return fmt.Errorf("starting %s: %w", program, unix.Exec(program, args, os.Environ()))
}

func enterNetwork(pid int) error {
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		return err
	}
	defer namespace.Close()
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering the cluster's network: %w; only root may", err)
	}
	return nil
}

// useResolver makes this process, and nobody else, resolve names as a file says.
func useResolver(file string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("making a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keeping mounts to this process: %w", err)
	}
	to, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if errors.Is(err, os.ErrNotExist) {
		return nil // names are then resolved at 127.0.0.1, where nobody answers
	}
	if err != nil {
		return err
	}
	if err := unix.Mount(file, to, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mounting the cluster's resolv.conf: %w", err)
	}
	return nil
}

// mountsBelow are the mount points in a folder, as this process sees them.
func mountsBelow(dir string) ([]string, error) {
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var found []string
	for line := range strings.Lines(string(mountinfo)) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], dir+"/") {
			found = append(found, fields[4])
		}
	}
	return found, nil
}
