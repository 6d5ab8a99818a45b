package interop

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// startTimeout bounds how long a process may take until it serves. Jina needs some seconds, and many start at a time.
const startTimeout = 3 * time.Minute

// process is a program in a process group of its own. It ends with the test that started it, in whatever way that ends.
type process struct {
	name  string
	addr  string        // host:port of its gRPC server, if it has one
	log   string        // path of its standard error (and output, unless somebody reads that)
	ended chan struct{} // closed when the program has ended
	err   error         // how it ended; to be read after ended is closed
	cmd   *exec.Cmd
}

// start runs a program until the test ends; a failed test shows the end of its log.
func start(tb testing.TB, name string, cmd *exec.Cmd) *process {
	tb.Helper()
	p := &process{name: name, log: filepath.Join(tb.TempDir(), name+".log"), ended: make(chan struct{}), cmd: cmd}
	out, err := os.Create(p.log)
	if err != nil {
		tb.Fatal(err)
	}
	defer out.Close()
	cmd.Stderr = out
	if cmd.Stdout == nil {
		cmd.Stdout = out
	}
	// A test binary that dies without cleaning up (a timeout, kill -9) takes its children along: Jina's would spin.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		tb.Fatalf("start %s: %v", name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	tb.Cleanup(func() {
		p.kill()
		if tb.Failed() {
			tb.Logf("%s (%v) ended with %v; its log:\n%s", name, cmd.Args, p.err, p.tail())
		}
	})
	return p
}

// kill ends the whole process group at once and waits for the program.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

// waitEnded returns when p has ended by itself, and fails the test if it does not.
func (p *process) waitEnded(tb testing.TB) {
	tb.Helper()
	select {
	case <-p.ended:
	case <-time.After(30 * time.Second):
		tb.Errorf("%s has not ended", p.name)
	}
}

// tail returns the last lines of the log, without the table of all arguments that Jina begins with.
func (p *process) tail() string {
	const most = 40
	b, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := slices.DeleteFunc(strings.Split(string(b), "\n"), func(line string) bool {
		return strings.ContainsAny(line, "╭│├╰")
	})
	return strings.Join(lines[max(0, len(lines)-most):], "\n")
}

// waitServing returns once the gRPC health service of p answers SERVING, and fails the test if p ends before.
func (p *process) waitServing(tb testing.TB) {
	tb.Helper()
	conn, err := grpc.NewClient(p.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(tb.Context(), startTimeout)
	defer cancel()
	health := healthpb.NewHealthClient(conn)
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		answer, err := health.Check(ctx, &healthpb.HealthCheckRequest{})
		if err == nil && answer.Status == healthpb.HealthCheckResponse_SERVING {
			tick.Stop()
			return
		}
		select {
		case <-p.ended:
			tb.Fatalf("%s ended before it served at %s: %v", p.name, p.addr, p.err)
		case <-ctx.Done():
			tb.Fatalf("%s does not serve at %s after %v: %v, %v", p.name, p.addr, startTimeout, answer, err)
		case <-tick.C:
		}
	}
}

// freePort returns a loopback port that nobody listened on a moment ago.
func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// repository is the root of the checkout: tests run in the folder of their package.
var repository = filepath.Join("..", "..")

// binDir holds the programs under test, built once by the first test that asks for one.
var binDir string

var builds sync.Map // name of a program → func() error that builds it once

// goBinary returns the path of one of our programs, built from the present source.
func goBinary(tb testing.TB, name string) string {
	tb.Helper()
	path := filepath.Join(binDir, name)
	build, _ := builds.LoadOrStore(name, sync.OnceValue(func() error {
		cmd := exec.Command("go", "build", "-o", path, "./cmd/"+name)
		cmd.Dir = repository
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", cmd.Args, err, out)
		}
		return nil
	}))
	if err := build.(func() error)(); err != nil {
		tb.Fatal(err)
	}
	return path
}

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "interop")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binDir = dir
		code := m.Run()
		if err := goleak.Find(); err != nil && code == 0 {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}
