//go:build unix

package local

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// testRun is a process that runs a flow, with a folder for temporary files that nobody else uses.
type testRun struct {
	t      *testing.T
	cmd    *exec.Cmd
	opened chan string // the door's address
	stderr *safeBuffer
	tmp    string
	exited chan struct{}
}

// startRun runs executors, which map names to the acts of playWorkload.
func startRun(t *testing.T, port int, executors map[string]string) *testRun {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	programs, tmp := t.TempDir(), t.TempDir()
	for _, name := range []string{"flow-gateway", "flow-executor"} {
		if err := os.Symlink(self, filepath.Join(programs, name)); err != nil {
			t.Fatal(err)
		}
	}
	values := filepath.Join(programs, "values.yaml")
	if err := os.WriteFile(values, []byte(valuesOf(port, executors)), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &testRun{t: t, cmd: exec.Command(self, runWord, values, programs), opened: make(chan string, 1), stderr: new(safeBuffer), tmp: tmp, exited: make(chan struct{})}
	r.cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
	r.cmd.Stderr = r.stderr
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.exited)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if door, ok := strings.CutPrefix(lines.Text(), "open "); ok {
				r.opened <- door
			}
		}
		// The test asks ProcessState.
		_ = r.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = r.cmd.Process.Kill()
		<-r.exited
		if t.Failed() {
			t.Logf("stderr:\n%s", r.stderr)
		}
	})
	return r
}

func valuesOf(port int, executors map[string]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "gateway: {ports: {grpc: %d}}\nexecutors:\n", port)
	needs := "gateway"
	for _, name := range slices.Sorted(maps.Keys(executors)) {
		budget := 60_000
		if executors[name] == "hang" {
			budget = 2000
		}
		fmt.Fprintf(&b, "  %s: {usesWith: {act: %q}, timeoutReady: %d, needs: [%s]}\n", name, executors[name], budget, needs)
		needs = name
	}
	return b.String()
}

// waitOpen waits until the flow answers.
func (r *testRun) waitOpen() {
	r.t.Helper()
	select {
	case <-r.opened:
	case <-r.exited:
		r.t.Fatalf("the run ended: %v", r.cmd.ProcessState)
	case <-time.After(patience):
		r.t.Fatal("the flow does not answer")
	}
}

func (r *testRun) waitExit() *os.ProcessState {
	r.t.Helper()
	select {
	case <-r.exited:
	case <-time.After(patience):
		r.t.Fatal("the run does not end")
	}
	return r.cmd.ProcessState
}

// workloads are the processes that the run has started itself, without its guardian, which it starts first.
func (r *testRun) workloads() []int {
	r.t.Helper()
	var found []int
	for _, p := range processTable(r.t) {
		if p.parent == r.cmd.Process.Pid {
			found = append(found, p.pid)
		}
	}
	return found[1:]
}

// descendants are the processes below the run, by their parents.
func (r *testRun) descendants() []int {
	r.t.Helper()
	children := make(map[int][]int)
	for _, p := range processTable(r.t) {
		children[p.parent] = append(children[p.parent], p.pid)
	}
	found := []int{r.cmd.Process.Pid}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i]]...)
	}
	return found[1:]
}

// requireNothingLeft waits until the processes and the temporary files are gone.
func (r *testRun) requireNothingLeft(pids []int) {
	r.t.Helper()
	requireGone(r.t, pids)
	eventually(r.t, "no file is left", func() bool {
		entries, err := os.ReadDir(r.tmp)
		return err == nil && len(entries) == 0
	})
}

func requireGone(t *testing.T, pids []int) {
	t.Helper()
	eventually(t, "no process is left", func() bool {
		return !slices.ContainsFunc(processTable(t), func(p tableEntry) bool { return slices.Contains(pids, p.pid) })
	})
}

type tableEntry struct{ pid, parent int }

// processTable is all processes but the dead ones that nobody has waited for yet.
func processTable(t *testing.T) []tableEntry {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=,stat=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var table []tableEntry
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || strings.HasPrefix(fields[2], "Z") {
			continue
		}
		pid, _ := strconv.Atoi(fields[0])
		parent, _ := strconv.Atoi(fields[1])
		table = append(table, tableEntry{pid, parent})
	}
	return table
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("it never came to pass that %s", what)
		}
	}
}

// However a run ends, it takes all processes and files along.
func TestNothingIsLeft(t *testing.T) {
	for name, test := range map[string]struct {
		signals []syscall.Signal
		act     string
		state   string
	}{
		"SIGINT":             {[]syscall.Signal{syscall.SIGINT}, "", "exit status 0"},
		"SIGTERM":            {[]syscall.Signal{syscall.SIGTERM}, "", "exit status 0"},
		"SIGHUP":             {[]syscall.Signal{syscall.SIGHUP}, "", "exit status 0"},
		"SIGKILL":            {[]syscall.Signal{syscall.SIGKILL}, "", "signal: killed"},
		"SIGKILL, stubborn":  {[]syscall.Signal{syscall.SIGKILL}, "stubborn", "signal: killed"},
		"SIGQUIT":            {[]syscall.Signal{syscall.SIGQUIT}, "", "exit status 2"},
		"SIGINT twice":       {[]syscall.Signal{syscall.SIGINT, syscall.SIGINT}, "stubborn", "exit status 130"},
		"SIGTERM and SIGINT": {[]syscall.Signal{syscall.SIGTERM, syscall.SIGINT}, "stubborn", "exit status 130"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := startRun(t, freePort(t), map[string]string{"a": test.act, "b": ""})
			run.waitOpen()
			pids := run.descendants()
			// The guardian, two executors, the gateway, and a child of each workload.
			if len(pids) != 7 {
				t.Errorf("%d processes, want 7", len(pids))
			}
			for i, signal := range test.signals {
				if i > 0 {
					eventually(t, "it drains", func() bool { return strings.Contains(run.stderr.String(), "stopping") })
				}
				if err := run.cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
			}
			if state := run.waitExit(); state.String() != test.state {
				t.Errorf("it ended with %s, want %s", state, test.state)
			}
			run.requireNothingLeft(pids)
		})
	}
}

func TestKilledWhileStarting(t *testing.T) {
	t.Parallel()
	run := startRun(t, freePort(t), map[string]string{"a": "hang"})
	eventually(t, "an executor starts", func() bool { return len(run.descendants()) == 2 })
	pids := run.descendants()
	if err := run.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	run.waitExit()
	run.requireNothingLeft(pids)
}

func TestRunOutlivesItsGuardian(t *testing.T) {
	t.Parallel()
	run := startRun(t, freePort(t), map[string]string{"a": ""})
	run.waitOpen()
	pids := run.descendants()
	guardian := pids[0] // It is started first, and ps sorts by number.
	if err := syscall.Kill(guardian, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := run.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	run.waitExit()
	run.requireNothingLeft(pids)
}

// A dead workload comes back at the same address, and the run says so.
func TestRestart(t *testing.T) {
	t.Parallel()
	run := startRun(t, freePort(t), map[string]string{"a": ""})
	run.waitOpen()
	admin := regexp.MustCompile(`flow-gateway listens on (.*)`).FindStringSubmatch(run.stderr.String())[1]
	if _, err := http.Get("http://" + admin + "/crash"); err == nil {
		t.Fatal("it does not crash")
	}
	eventually(t, "the gateway is ready again", func() bool {
		return strings.Count(run.stderr.String(), "gateway: ready after") == 2
	})
	if want := "gateway: exit status 3; restarting in 500ms; its last lines:\n    flow-gateway listens on " + admin; !strings.Contains(run.stderr.String(), want) {
		t.Errorf("it does not say %q", want)
	}
	response, err := http.Get("http://" + admin + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}

func TestHopeless(t *testing.T) {
	for name, test := range map[string]struct{ act, want string }{
		"dies at each start": {"die", `Error: a died at each of 3 starts: exit status 3; its last lines:\n    no such model$`},
		"never ready":        {"hang", `Error: a: not ready within 2s \(timeout_ready\): GET http://127\.0\.0\.1:\d+/readyz: .*connection refused`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run := startRun(t, freePort(t), map[string]string{"a": test.act, "b": ""})
			eventually(t, "processes start", func() bool { return len(run.descendants()) > 1 })
			pids := run.descendants()
			if state := run.waitExit(); state.ExitCode() != 1 {
				t.Errorf("it ended with %s, want exit status 1", state)
			}
			if !regexp.MustCompile(test.want).MatchString(strings.TrimSpace(run.stderr.String())) {
				t.Errorf("it does not say %s", test.want)
			}
			run.requireNothingLeft(pids)
		})
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	run := startRun(t, listener.Addr().(*net.TCPAddr).Port, map[string]string{"a": ""})
	if state := run.waitExit(); state.ExitCode() != 1 {
		t.Errorf("it ended with %s, want exit status 1", state)
	}
	want := fmt.Sprintf("Error: the gateway cannot listen on %s: something else listens there; end that, or choose another port: `with: port:` in the flow, or --set gateway.ports.grpc=…\n", listener.Addr())
	if got := run.stderr.String(); got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	run.requireNothingLeft(nil)
}

// safeBuffer is a buffer that may be read while a process writes to it.
type safeBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
