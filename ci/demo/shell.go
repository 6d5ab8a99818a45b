package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// grace is how long a program may take to end after a signal before a harder one follows.
const grace = 5 * time.Second

// shell runs Helm with a home of its own.
type shell struct {
	helm string
	env  []string
}

func newShell(home, helm string) (*shell, error) {
	helm, err := exec.LookPath(helm)
	if err == nil {
		helm, err = filepath.Abs(helm)
	}
	if err != nil {
		return nil, fmt.Errorf("helm: %w; make demo installs it, and --helm names another", err)
	}
	sh := &shell{helm: helm, env: os.Environ()}
	for _, name := range []string{"HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME", "HELM_PLUGINS", "TMPDIR"} {
		folder := filepath.Join(home, name)
		if err := os.Mkdir(folder, 0o700); err != nil {
			return nil, err
		}
		sh.env = append(sh.env, name+"="+folder)
	}
	return sh, nil
}

// install installs the plugin from its folder.
func (sh *shell) install(ctx context.Context, plugin string) error {
	folder, err := filepath.Abs(plugin)
	if err != nil {
		return err
	}
	p, err := sh.start(io.Discard, nil, "plugin", "install", folder)
	if err != nil {
		return err
	}
	return p.wait(ctx)
}

// process is a Helm under way, in a process group of its own: Ctrl-C reaches it through stop alone, and all its children with it.
type process struct {
	name   string
	cmd    *exec.Cmd
	stderr tail
	ended  chan struct{} // closed when the process and all who hold its output have ended
	err    error         // of the process; to be read when it has ended
}

// start starts helm with args. Without a place for its stderr, that is what failure reports.
func (sh *shell) start(stdout, stderr io.Writer, args ...string) (*process, error) {
	p := &process{name: "helm " + strings.Join(args[:2], " "), cmd: exec.Command(sh.helm, args...), ended: make(chan struct{})}
	p.cmd.Env = sh.env
	p.cmd.Stdout = stdout
	p.cmd.Stderr = stderr
	if stderr == nil {
		p.cmd.Stderr = &p.stderr
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// wait waits for the end of the process, which it brings about when ctx ends.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.ended:
	case <-ctx.Done():
		return errors.Join(ctx.Err(), p.stop())
	}
	if p.err != nil {
		return p.failure()
	}
	return nil
}

// failure says how the process ended, and its last words.
func (p *process) failure() error { return fmt.Errorf("%s: %w\n%s", p.name, p.err, p.stderr.String()) }

// stop ends the process as Ctrl-C does, and if that does not help, ever harder. It returns when it has ended.
func (p *process) stop() error {
	select {
	case <-p.ended: // its number may be another's by now
		return nil
	default:
	}
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(-p.cmd.Process.Pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("%s: stop: %w", p.name, err)
		}
		select {
		case <-p.ended:
			return nil
		case <-time.After(grace):
		}
	}
	return fmt.Errorf("%s does not end, not even by SIGKILL", p.name)
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex // guards text
	text []byte
}

const tailBytes = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-tailBytes):]
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}

// firstLine sends the first line that is written to it.
type firstLine struct {
	text []byte
	line chan string // takes one
}

func (f *firstLine) Write(b []byte) (int, error) {
	if f.line != nil {
		f.text = append(f.text, b...)
		if line, _, whole := bytes.Cut(f.text, []byte("\n")); whole {
			f.line <- string(line)
			f.line = nil
		}
	}
	return len(b), nil
}
