package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// program is one of the distribution that a node runs.
type program struct{ path, debian string }

var (
	ipProgram = program{"ip", "iproute2"}
	programs  = []program{
		ipProgram,
		{"nft", "nftables"},
		{"runc", "runc"}, // the one built from its Go module alone has no seccomp
		{"mount", "mount"},
		{"/usr/lib/cni/ptp", "containernetworking-plugins"},
		{"/usr/lib/cni/host-local", "containernetworking-plugins"},
		{"/usr/lib/cni/loopback", "containernetworking-plugins"},
	}
)

// missingPackages are Debian's packages whose programs are not there.
func missingPackages(programs []program) []string {
	var missing []string
	for _, p := range programs {
		if _, err := exec.LookPath(p.path); err != nil && !slices.Contains(missing, p.debian) {
			missing = append(missing, p.debian)
		}
	}
	return missing
}

// preflight tells what is in the way before anything is changed, and installs what can be installed.
func preflight(ctx context.Context, apiOnly bool, say func(format string, args ...any)) error {
	// /usr/sbin is where these are, and not on everybody's path.
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil {
		return err
	}
	if apiOnly {
		return installPackages(ctx, []program{ipProgram}, say)
	}
	if os.Geteuid() != 0 {
		return errors.New("a node that runs pods needs root for namespaces, mounts and cgroups; run it as root, or with --api-only for a cluster in which nothing really runs")
	}
	var faults []error
	if _, err := os.Stat("/dev/kmsg"); err != nil {
		faults = append(faults, fmt.Errorf("the kubelet reads the kernel's messages: %w; start the container with --privileged or --device /dev/kmsg", err))
	}
	if _, err := readHierarchies(); err != nil {
		faults = append(faults, err)
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	return installPackages(ctx, programs, say)
}

func installPackages(ctx context.Context, programs []program, say func(format string, args ...any)) error {
	missing := missingPackages(programs)
	if len(missing) == 0 {
		return nil
	}
	names := strings.Join(missing, " ")
	if _, err := exec.LookPath("apt-get"); errors.Is(err, exec.ErrNotFound) || os.Geteuid() != 0 {
		return fmt.Errorf("programs of these Debian packages are missing, and only root can install them, by apt-get: %s", names)
	}
	say("installing Debian packages: %s", names)
	install := append([]string{"install", "--yes", "--no-install-recommends"}, missing...)
	if aptGet(ctx, install...) == nil {
		return nil
	}
	// A fresh machine has no lists of packages, or old ones.
	if err := aptGet(ctx, "update"); err != nil {
		return err
	}
	if err := aptGet(ctx, install...); err != nil {
		return err
	}
	if missing := missingPackages(programs); len(missing) > 0 {
		return fmt.Errorf("programs are missing though these Debian packages are installed: %s", strings.Join(missing, " "))
	}
	return nil
}

func aptGet(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "apt-get", append([]string{"--quiet=2"}, args...)...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// snapshotter is how containerd stacks the layers of images in a folder: by overlayfs where the file system and the kernel allow it,
// else by copying them.
func snapshotter(dir string) string {
	works := make(chan bool)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread, in a mount namespace of its own, ends with the goroutine
		works <- tryOverlay(dir) == nil
	}()
	if <-works {
		return "overlayfs"
	}
	return "native"
}

// tryOverlay leaves the calling thread in a mount namespace of its own.
func tryOverlay(dir string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	probe, err := os.MkdirTemp(dir, "overlay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(probe)
	for _, sub := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(probe, sub), 0o700); err != nil {
			return err
		}
	}
	merged := filepath.Join(probe, "merged")
	options := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", probe)
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		return err
	}
	return unix.Unmount(merged, 0)
}
