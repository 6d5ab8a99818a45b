package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// tunables are settings of the whole machine that the kubelet would change. They are hidden from it behind files that say what
// it wants to read, so that the machine keeps its own.
var tunables = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// enterRoot gives the node its root. Of the host it has devices, and /usr to read; /etc, /var and /tmp are the cluster's.
func (s *Spec) enterRoot() error {
	if err := unix.Sethostname([]byte(Name)); err != nil {
		return fmt.Errorf("setting the node's host name: %w", err)
	}
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	root := filepath.Join(s.Dir, "root")
	if err := mount("tmpfs", root, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	m := mounter{root: root}
	m.system()
	for _, dir := range []string{"etc", "var", "tmp"} {
		m.bind(filepath.Join(s.Dir, dir), "/"+dir)
	}
	for name, dir := range s.Programs {
		m.bindReadOnly(dir, programsDir+"/"+name)
	}
	m.mount("tmpfs", "/run", "tmpfs", "mode=755")
	m.mount("proc", "/proc", "proc", "")
	m.bind("/dev", "/dev")
	if !s.APIOnly {
		// A sysfs of its own shows the node's network; cgroups have to be brought along.
		m.mount("sysfs", "/sys", "sysfs", "")
		m.bind("/sys/fs/cgroup", "/sys/fs/cgroup")
		m.hideTunables()
	}
	if m.err != nil {
		return m.err
	}
	if err := pivot(root); err != nil {
		return err
	}
	// The kubelet makes mounts that containers have to see.
	return mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
}

// pivot makes a folder the root, and lets go of the old one.
func pivot(root string) error {
	const old = "/old"
	if err := os.Mkdir(filepath.Join(root, old), 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot(root, filepath.Join(root, old)); err != nil {
		return fmt.Errorf("making %s the node's root: %w", root, err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := unix.Unmount(old, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("letting go of the host's root: %w", err)
	}
	return os.Remove(old)
}

// mounter mounts below a root until something fails.
type mounter struct {
	root string
	err  error
}

// system brings what the distribution's programs are made of: folders, or on a merged /usr links to them.
func (m *mounter) system() {
	m.bindReadOnly("/usr", "/usr")
	for _, dir := range []string{"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"} {
		target, err := os.Readlink(dir)
		switch {
		case err == nil:
			m.try(func() error { return os.Symlink(target, filepath.Join(m.root, dir)) })
		case errors.Is(err, fs.ErrNotExist):
		default:
			m.bindReadOnly(dir, dir)
		}
	}
}

func (m *mounter) bind(from, to string) {
	m.try(func() error {
		to := filepath.Join(m.root, to)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		return mount(from, to, "", unix.MS_BIND|unix.MS_REC, "")
	})
}

func (m *mounter) bindReadOnly(from, to string) {
	m.bind(from, to)
	m.try(func() error {
		// In a user namespace a mount keeps what it was locked to; MS_REMOUNT has to repeat it.
		to := filepath.Join(m.root, to)
		var stat unix.Statfs_t
		if err := unix.Statfs(to, &stat); err != nil {
			return err
		}
		locked := uintptr(stat.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
		return mount("", to, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|locked, "")
	})
}

func (m *mounter) mount(source, to, kind, options string) {
	m.try(func() error {
		to := filepath.Join(m.root, to)
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		return mount(source, to, kind, 0, options)
	})
}

func (m *mounter) hideTunables() {
	for name, value := range tunables {
		m.try(func() error {
			file := filepath.Join(m.root, "run", strings.ReplaceAll(name, "/", "."))
			if err := os.WriteFile(file, []byte(value+"\n"), 0o644); err != nil {
				return err
			}
			return mount(file, filepath.Join(m.root, "proc/sys", name), "", unix.MS_BIND, "")
		})
	}
}

func (m *mounter) try(step func() error) {
	if m.err == nil {
		m.err = step()
	}
}

func mount(source, target, kind string, flags uintptr, options string) error {
	if err := unix.Mount(source, target, kind, flags, options); err != nil {
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
			err = fmt.Errorf("%w; a container has to be privileged for this", err)
		}
		return fmt.Errorf("mounting %s: %w", strings.TrimSpace(path.Join(kind, source)+" on "+target), err)
	}
	return nil
}
