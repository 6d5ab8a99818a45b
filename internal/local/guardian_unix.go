//go:build unix

package local

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// guardian is the near end of a small process whose only task is to outlive this one: when this one is gone, however it
// ended, the guardian's standard input ends, and it kills what is left and removes the temporary folder.
//
// It is told one line each: the folder first, then +PID when a process group has started and -PID when it has ended.
type guardian struct {
	cmd  *exec.Cmd
	mu   sync.Mutex // one line at a time
	pipe io.WriteCloser
}

func startGuardian(command []string, dir string) (*guardian, error) {
	cmd := exec.Command(command[0], command[1:]...)
	// A session of its own: a signal from the terminal must not reach it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("guardian: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guardian: %w", err)
	}
	g := &guardian{cmd: cmd, pipe: pipe}
	g.tell(dir)
	return g, nil
}

func (g *guardian) add(pid int)    { g.tell("+" + strconv.Itoa(pid)) }
func (g *guardian) remove(pid int) { g.tell("-" + strconv.Itoa(pid)) }

func (g *guardian) tell(line string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	// It fails only when somebody has killed the guardian; the processes run on without one.
	_, _ = io.WriteString(g.pipe, line+"\n")
}

// close lets the guardian kill what is left, and waits for it.
func (g *guardian) close() error {
	if err := errors.Join(g.pipe.Close(), g.cmd.Wait()); err != nil {
		return fmt.Errorf("guardian: %w", err)
	}
	return nil
}

// Guard is the guardian process: it reads what Run tells it from r, and at the end of r kills every process group that is
// left and removes the folder.
func Guard(r io.Reader) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	lines := bufio.NewScanner(r)
	if !lines.Scan() {
		return errors.New("guardian: nothing to guard; this command is for helm flow run alone")
	}
	dir := lines.Text()
	groups := make(map[int]bool)
	for lines.Scan() {
		if pid, ended := strings.CutPrefix(lines.Text(), "-"); ended {
			delete(groups, atoi(pid))
		} else if pid, started := strings.CutPrefix(lines.Text(), "+"); started {
			groups[atoi(pid)] = true
		}
	}
	for pid := range groups {
		// -0 would be the guardian's own group, and -1 every process there is.
		if pid > 1 {
			killGroup(pid)
		}
	}
	if !isRunDir(dir) {
		return fmt.Errorf("guardian: %q is not a folder that run makes", dir)
	}
	return os.RemoveAll(dir)
}

func atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// isRunDir keeps a line gone wrong from removing anything else.
func isRunDir(dir string) bool {
	return filepath.Dir(dir) == filepath.Clean(os.TempDir()) && strings.HasPrefix(filepath.Base(dir), runDirPrefix)
}
