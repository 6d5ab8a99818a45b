package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// hierarchies are the mounts of cgroups: one of version 2; or several of version 1, beside which one of version 2 can be that
// has no controllers. Containers have their cgroup in all of them.
type hierarchies struct {
	v2     bool
	mounts []string
}

// controllersV1 are those without which the kubelet does not start.
var controllersV1 = []string{"cpu", "cpuacct", "cpuset", "memory"}

// findHierarchies reads the text of /proc/self/mountinfo.
func findHierarchies(mountinfo string) (hierarchies, error) {
	var h hierarchies
	var found []string
	for line := range strings.Lines(mountinfo) {
		// ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAGS...] - TYPE SOURCE SUPEROPTIONS
		left, right, ok := strings.Cut(line, " - ")
		fields, kind := strings.Fields(left), strings.Fields(right)
		if !ok || len(fields) < 5 || len(kind) < 3 {
			continue
		}
		switch kind[0] {
		case "cgroup2":
			if fields[4] == "/sys/fs/cgroup" {
				return hierarchies{v2: true, mounts: []string{fields[4]}}, nil
			}
			h.mounts = append(h.mounts, fields[4])
		case "cgroup":
			found = append(found, strings.Split(kind[2], ",")...)
			h.mounts = append(h.mounts, fields[4])
		}
	}
	for _, need := range controllersV1 {
		if !slices.Contains(found, need) {
			return h, fmt.Errorf("no cgroup hierarchy of controller %s is mounted, without which the kubelet does not start; "+
				"mount it (`mount -t cgroup -o %s cgroup /sys/fs/cgroup/%s`), or start the container with the host's /sys/fs/cgroup", need, need, need)
		}
	}
	return h, nil
}

func readHierarchies() (hierarchies, error) {
	mountinfo, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return hierarchies{}, err
	}
	return findHierarchies(string(mountinfo))
}

// create makes a cgroup in all hierarchies.
func (h hierarchies) create(cgroup string) error {
	for _, mount := range h.mounts {
		if h.v2 {
			if err := delegate(mount); err != nil {
				return err
			}
		}
		dir := filepath.Join(mount, cgroup)
		err := os.Mkdir(dir, 0o755)
		switch {
		case err == nil || errors.Is(err, fs.ErrExist):
		case errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission):
			return fmt.Errorf("cgroups cannot be made: %w; a container has to be privileged, with /sys/fs/cgroup mounted read-write", err)
		default:
			return err
		}
		if h.v2 {
			if err := delegate(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// delegate lets the children of a cgroup of version 2 have the controllers that it has.
func delegate(dir string) error {
	controllers, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	var enable []string
	for _, c := range strings.Fields(string(controllers)) {
		if slices.Contains([]string{"cpu", "cpuset", "memory", "pids", "hugetlb", "io"}, c) {
			enable = append(enable, "+"+c)
		}
	}
	err = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte(strings.Join(enable, " ")), 0o644)
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("cgroup %s has processes of its own and can therefore give no controllers to children; "+
			"start the container with --cgroupns=host, or move its processes to a child cgroup", dir)
	}
	return err
}

// remove removes a cgroup and all below from all hierarchies. Its processes are dead; the kernel may still be at work on them.
func (h hierarchies) remove(ctx context.Context, cgroup string) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var left error
		for _, mount := range h.mounts {
			left = errors.Join(left, removeTree(filepath.Join(mount, cgroup)))
		}
		if left == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("cgroups cannot be removed: %w", left)
		}
	}
}

// removeTree removes the folders of cgroups; their files are not to be removed.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeTree(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
