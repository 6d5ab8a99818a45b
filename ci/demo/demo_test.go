package main

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// playing makes the test's own program the demo.
const playing = "HELM_FLOW_DEMO_TEST"

var (
	repository = filepath.Join("..", "..")
	helm       = filepath.Join(".tools", "bin", "helm3")
)

func TestMain(m *testing.M) {
	if os.Getenv(playing) != "" {
		main()
		return
	}
	os.Exit(func() int {
		var err error
		if plugin, err = os.MkdirTemp("", "demo-test-"); err != nil {
			panic(err)
		}
		defer os.RemoveAll(plugin)
		// The usual port is taken, by us or by another: the demos here are several at a time, and it would do for one.
		if listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", usualPort)); err == nil {
			defer listener.Close()
		}
		return m.Run()
	}())
}

// plugin is the folder of the plugin once buildPlugin has filled it.
var plugin string

var buildPlugin = sync.OnceValue(func() error {
	build := exec.Command("go", "build", "-o", filepath.Join(plugin, "bin")+"/", "./cmd/...")
	build.Dir = repository
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	manifest, err := os.ReadFile(filepath.Join(repository, "plugin.yaml"))
	return errors.Join(err, os.WriteFile(filepath.Join(plugin, "plugin.yaml"), manifest, 0o600),
		os.CopyFS(filepath.Join(plugin, "plugin", "hooks"), os.DirFS(filepath.Join(repository, "plugin", "hooks"))))
})

// performance is a demo under way.
type performance struct {
	cmd    *exec.Cmd
	mark   string // in the environment of all its processes
	temp   string // its folder for temporary files
	output *transcript
	ended  chan struct{}
}

func perform(t *testing.T) *performance {
	t.Helper()
	if err := buildPlugin(); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &performance{mark: playing + "=" + rand.Text(), temp: t.TempDir(), output: newTranscript(), ended: make(chan struct{})}
	p.cmd = exec.Command(self, "-plugin", plugin, "-helm", helm)
	p.cmd.Dir = repository
	p.cmd.Env = append(os.Environ(), p.mark, "TMPDIR="+p.temp)
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.ended
		for _, pid := range p.left(t) {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	return p
}

// left lists the processes that p has started and that are still there.
func (p *performance) left(t *testing.T) (pids []int) {
	t.Helper()
	environments, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range environments {
		environment, _ := os.ReadFile(path) // others' processes, and those that have just ended, cannot be read
		if bytes.Contains(environment, []byte(p.mark)) {
			var pid int
			fmt.Sscanf(path, "/proc/%d/environ", &pid)
			pids = append(pids, pid)
		}
	}
	return pids
}

// ends waits for the demo's end and checks that nothing is left of it.
func (p *performance) ends(t *testing.T, code int) {
	t.Helper()
	<-p.ended
	if got := p.cmd.ProcessState; got.ExitCode() != code {
		t.Errorf("%s, want exit code %d; output:\n%s", got, code, p.output)
	}
	if pids := p.left(t); len(pids) > 0 {
		t.Errorf("processes %d are left; output:\n%s", pids, p.output)
	}
	files, err := os.ReadDir(p.temp)
	if err != nil || len(files) > 0 {
		t.Errorf("left in the folder for temporary files: %v, %v", files, err)
	}
}

// prints waits for a text to be printed.
func (p *performance) prints(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(time.Minute)
	for !strings.Contains(p.output.String(), text) {
		select {
		case <-p.output.more:
		case <-p.ended:
			t.Fatalf("ended without %q; output:\n%s", text, p.output)
		case <-deadline:
			t.Fatalf("no %q in a minute; output:\n%s", text, p.output)
		}
	}
}

// transcript is what a demo prints.
type transcript struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
	more chan struct{} // has an element when text may have grown
}

func newTranscript() *transcript { return &transcript{more: make(chan struct{}, 1)} }

func (tr *transcript) Write(b []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	select {
	case tr.more <- struct{}{}:
	default:
	}
	return tr.text.Write(b)
}

func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String()
}

func TestStory(t *testing.T) {
	t.Parallel()
	p := perform(t)
	start := time.Now()
	p.ends(t, 0)
	if took := time.Since(start); took > 90*time.Second {
		t.Errorf("took %s, want 90 s at most", took)
	}
	for _, text := range []string{
		"Port 8080 is taken on this machine, so the flow listens on ",
		"; B none in 22 s, and its turn comes in 16 minutes.",
		"; B 3, with a p50 of 6.0 s",
	} {
		if !strings.Contains(p.output.String(), text) {
			t.Errorf("no %q in the output:\n%s", text, p.output)
		}
	}
}

func TestInterruptLeavesNothingBehind(t *testing.T) {
	for _, test := range []struct {
		when   string
		text   string // the last one printed
		signal syscall.Signal
	}{
		{"install", "Installing", syscall.SIGINT},
		{"start", "$ helm flow run", syscall.SIGHUP},
		{"ready", "$ helm flow load", syscall.SIGINT},
		{"flood", "A: 1,000 sent", syscall.SIGINT},
		{"flood", "A: 1,000 sent", syscall.SIGTERM},
	} {
		t.Run(test.when+" "+test.signal.String(), func(t *testing.T) {
			t.Parallel()
			p := perform(t)
			p.prints(t, test.text)
			start := time.Now()
			if err := p.cmd.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			p.ends(t, exitInterrupted)
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("took %s to stop, want 5 s at most", took)
			}
		})
	}
}
