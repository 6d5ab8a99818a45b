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

// stopping are the signals to stop a program with, and how long it may take before the next one follows.
var stopping = []struct {
	signal syscall.Signal
	grace  time.Duration
}{
	{syscall.SIGINT, 2 * time.Second},
	{syscall.SIGTERM, 5 * time.Second},
	{syscall.SIGKILL, 5 * time.Second},
}

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
	for name, folder := range map[string]string{
		"HELM_CONFIG_HOME": "config", "HELM_CACHE_HOME": "cache", "HELM_DATA_HOME": "data", "TMPDIR": "tmp",
		"HELM_PLUGINS": "data/plugins", // where Helm 4 puts them in any case
	} {
		folder = filepath.Join(home, folder)
		if err := os.MkdirAll(folder, 0o700); err != nil {
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

// process is a Helm under way, in a process group of its own: Ctrl-C reaches it through stop alone, and the plugin with it.
type process struct {
	name   string
	cmd    *exec.Cmd
	stderr tail
	ended  chan struct{} // closed when the process and all who hold its output have ended
	err    error         // of the process; to be read when it has ended
}

// start starts helm with args. Without a place for its stderr, that is what failure reports.
func (sh *shell) start(stdout, stderr io.Writer, args ...string) (*process, error) {
	// Ctrl-C would end Helm before the plugin that it has started. Ignoring it, Helm sees the plugin off.
	ignoring := append([]string{"-c", `trap "" INT; exec "$@"`, "sh", sh.helm}, args...)
	p := &process{name: "helm " + strings.Join(args[:2], " "), cmd: exec.Command("sh", ignoring...), ended: make(chan struct{})}
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
	for _, step := range stopping {
		if err := syscall.Kill(-p.cmd.Process.Pid, step.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("%s: stop: %w", p.name, err)
		}
		select {
		case <-p.ended:
			return nil
		case <-time.After(step.grace):
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
