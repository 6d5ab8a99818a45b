//go:build unix

package local

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// launcher starts processes that cannot outlive this one: each leads a process group that the guardian knows, and on
// Linux it is killed by the kernel as well.
type launcher struct {
	guardian *guardian
	jobs     chan func()
}

// newLauncher starts the guardian by guardCommand; dir is the folder that goes with the last process.
func newLauncher(guardCommand []string, dir string) (*launcher, error) {
	guardian, err := startGuardian(guardCommand, dir)
	if err != nil {
		return nil, err
	}
	l := &launcher{guardian: guardian, jobs: make(chan func())}
	go l.serve()
	return l, nil
}

// serve starts every process from one OS thread that lives as long as the launcher: on Linux a process gets its death
// signal when the thread that started it ends, not the process (go.dev/issue/27505).
func (l *launcher) serve() {
	runtime.LockOSThread()
	for job := range l.jobs {
		job()
	}
}

// close ends the launcher, once all its processes have ended; what is left is killed, and the folder is removed.
func (l *launcher) close() error {
	close(l.jobs)
	return l.guardian.close()
}

// launch starts p. Its output goes to out, which is closed when it has ended.
func (l *launcher) launch(p Process, out io.WriteCloser) (instance, error) {
	cmd := exec.Command(p.Command[0], p.Command[1:]...)
	cmd.Env = p.Env
	cmd.Dir = p.Dir
	cmd.Stdout = out
	cmd.Stderr = out
	// A grandchild may hold the output open; it is killed after this time.
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = processGroup()

	started := make(chan error)
	l.jobs <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Command[0], err)
	}
	l.guardian.add(cmd.Process.Pid)
	process := &process{cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(process.done)
		// How it ended is in cmd.ProcessState.
		_ = cmd.Wait()
		killGroup(cmd.Process.Pid)
		l.guardian.remove(cmd.Process.Pid)
		_ = out.Close()
	}()
	return process, nil
}

// process is a started process; it leads a group that its children are in too.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
}

func (p *process) Done() <-chan struct{} { return p.done }
func (p *process) Exit() string          { return p.cmd.ProcessState.String() }

func (p *process) Terminate() {
	// An error means that it has just ended by itself.
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
}

func (p *process) Kill() {
	select {
	case <-p.done:
	default:
		killGroup(p.cmd.Process.Pid)
	}
}

func killGroup(leader int) {
	// The only error is that nobody of the group is left.
	_ = syscall.Kill(-leader, syscall.SIGKILL)
}
