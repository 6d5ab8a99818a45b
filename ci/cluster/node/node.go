// Package node is the machine that a cluster runs on: a container, made of Linux namespaces and a root of its own, whose init
// this package is. Everything that runs in the cluster descends from that one process and sees no other network, file system
// or process; when it dies the kernel ends the rest and takes back mounts and network.
package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Addresses inside the node. They are the same in all clusters, as no network is joined to another.
const (
	Name        = "node"
	Address     = "10.99.0.1"
	PodNet      = "10.244.0.0/16"
	ServiceNet  = "10.96.0.0/16"
	APIService  = "10.96.0.1"
	DNSService  = "10.96.0.10"
	DNSDomain   = "cluster.local"
	StorageName = "helm-flow.github.io/host-path" // provisioner of the storage class
)

// Spec says what the node runs.
type Spec struct {
	// Dir is the cluster's folder. Its etc/, var/ and tmp/ are the node's, its root/ is where the node's root is mounted.
	Dir string `json:"dir"`
	// APIOnly leaves out all that runs pods: a loop says of each pod that it runs.
	APIOnly bool `json:"apiOnly"`
	// APIPort and RegistryPort are ports of 127.0.0.1, of the host as well as of the node.
	APIPort      int `json:"apiPort"`
	RegistryPort int `json:"registryPort"`
	// Programs are the folders of programs by their components' names.
	Programs map[string]string `json:"programs"`
	// Cgroup is the parent of all pods' cgroups, with a slash in front.
	Cgroup string `json:"cgroup"`
}

// SpecFile is the Spec's name in the cluster's folder.
const SpecFile = "spec.json"

// Descriptors that the node is started with.
const (
	// StarterFD is the end of a pipe. The node dies with its starter until it reads a byte from there.
	StarterFD = 3
	// APIDoorFD and RegistryDoorFD are listeners of the host.
	APIDoorFD      = 4
	RegistryDoorFD = 5
)

// CloneFlags are the namespaces that the process which calls Run must have been started in.
const CloneFlags = unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// Run is the node's init. It returns when it is told to end by SIGTERM, or cannot go on.
func Run(dir string) error {
	if os.Getpid() != 1 {
		return errors.New("this is the init of a node, which `cluster up` starts")
	}
	text, err := os.ReadFile(filepath.Join(dir, SpecFile))
	if err != nil {
		return err
	}
	var spec Spec
	if err := json.Unmarshal(text, &spec); err != nil {
		return fmt.Errorf("%s: %w", SpecFile, err)
	}
	starter := os.NewFile(StarterFD, "starter")
	apiDoor, err := listener(APIDoorFD, "API door")
	if err != nil {
		return err
	}
	registryDoor, err := listener(RegistryDoorFD, "registry door")
	if err != nil {
		return err
	}

	if err := spec.enterRoot(); err != nil {
		return err
	}
	if err := spec.setUpNetwork(); err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return waitForStarter(starter) })
	group.Go(func() error { return forward(ctx, apiDoor, local(spec.APIPort)) })
	group.Go(func() error { return serveRegistry(ctx, registryDoor, local(spec.RegistryPort)) })
	group.Go(func() error { return spec.runPrograms(ctx) })
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// listener takes over a listener of the host: a socket belongs to the network that it was made in.
func listener(fd uintptr, name string) (net.Listener, error) {
	file := os.NewFile(fd, name)
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return l, nil
}

// waitForStarter fails if the starter dies before the cluster is up: nobody would stop what it began.
func waitForStarter(starter *os.File) error {
	defer starter.Close()
	if _, err := io.ReadFull(starter, make([]byte, 1)); err != nil {
		return errors.New("the starter died before the cluster was up")
	}
	return nil
}
