package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// removeTimeout is ample: the kernel ends processes at once.
const removeTimeout = time.Minute

// down stops the cluster and removes all of it. A cluster that is not there is no error.
func (c cluster) down(ctx context.Context) error {
	unlock, err := c.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(ctx, removeTimeout)
	defer cancel()
	return c.remove(ctx)
}

// remove kills the node's init, with which the kernel ends all processes of the node, its mounts and its network, and removes
// what is left: cgroups and files.
func (c cluster) remove(ctx context.Context) error {
	if init, ok := c.running(); ok {
		if err := init.kill(ctx); err != nil {
			return err
		}
	}
	// Files after cgroups: they tell that there is something to remove.
	if h, err := readHierarchies(); err == nil {
		if err := h.remove(ctx, c.cgroup()); err != nil {
			return err
		}
	}
	if err := c.mounted(); err != nil {
		return err
	}
	return os.RemoveAll(c.dir)
}

// mounted fails if something is mounted in the cluster's folder, which removing it would empty. The node's own mounts are not
// seen from here.
func (c cluster) mounted() error {
	found, err := mountsBelow(c.dir)
	if err != nil {
		return err
	}
	var faults []error
	for _, m := range found {
		faults = append(faults, fmt.Errorf("%s is mounted, and not by this program; unmount it first", m))
	}
	return errors.Join(faults...)
}
