package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestFindHierarchies(t *testing.T) {
	const v1 = `25 1 0:22 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
26 1 0:23 / /sys/fs/cgroup/cpuset rw,relatime shared:7 - cgroup cgroup rw,cpuset
27 1 0:24 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
`
	for _, tt := range []struct {
		name, mountinfo string
		v2              bool
		mounts          []string
		err             string
	}{
		{
			name:      "version 1, controllers together in one mount, tags in a line",
			mountinfo: v1,
			mounts:    []string{"/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpuset", "/sys/fs/cgroup/memory"},
		},
		{
			name:      "version 1 with a version 2 that has no controllers",
			mountinfo: v1 + "28 1 0:25 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
			mounts:    []string{"/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpuset", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified"},
		},
		{
			name:      "version 2",
			mountinfo: "25 1 0:22 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
			v2:        true,
			mounts:    []string{"/sys/fs/cgroup"},
		},
		{
			name:      "no memory controller",
			mountinfo: strings.Join(strings.SplitAfter(v1, "\n")[:2], ""),
			err:       "no cgroup hierarchy of controller memory is mounted",
		},
		{name: "none", mountinfo: "25 1 8:1 / / rw - ext4 /dev/sda1 rw\n", err: "controller cpu"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, err := findHierarchies(tt.mountinfo)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, expected %q", err, tt.err)
				}
				return
			}
			if err != nil || h.v2 != tt.v2 || !slices.Equal(h.mounts, tt.mounts) {
				t.Errorf("got %+v, %v", h, err)
			}
		})
	}
}

// In version 2 a controller has to be handed down from the root, and again to the children of the new cgroup.
func TestCreateInVersion2(t *testing.T) {
	root := t.TempDir()
	cgroup := filepath.Join(root, "helm-flow-test")
	for _, dir := range []string{root, cgroup} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "cgroup.controllers"), []byte("cpuset cpu io memory pids rdma misc\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := (hierarchies{v2: true, mounts: []string{root}}).create("/helm-flow-test"); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{root, cgroup} {
		if text, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control")); err != nil || string(text) != "+cpuset +cpu +io +memory +pids" {
			t.Errorf("%s: %q, %v", dir, text, err)
		}
	}
}
