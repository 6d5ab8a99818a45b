package serve

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestCommands(t *testing.T) {
	r := run(t, time.Second)
	defer func() { r.stop(); <-r.done }()
	admin := strings.TrimPrefix(r.admin, "http://")
	gRPC := r.conn.Target()
	closed := closedPort(t)
	for _, test := range []struct {
		name, args, stdout, stderr string
		code                       int
	}{
		{"version", "version", "flow-gateway " + Version + " (go", "", 0},
		{"version takes nothing", "version 2", "", `unexpected "2"`, 2},
		{"help", "healthcheck --help", "", "wait-for [--timeout=60s]", 0},
		{"ready", "healthcheck --admin=" + admin, "", "", 0},
		{"ready on every address", "healthcheck --admin=" + strings.TrimPrefix(admin, "127.0.0.1"), "", "", 0},
		{"nobody there", "healthcheck --admin=" + closed, "", "refused", 1},
		{"no such flag", "healthcheck --url=x", "", "provided but not defined", 2},
		{"no address", "healthcheck --admin=9090", "", "expected HOST:PORT", 2},
		{"all answer", "wait-for tcp://" + admin + " http://" + admin + "/readyz grpc://" + gRPC, "", "", 0},
		{"one does not answer", "wait-for --timeout=1ms tcp://" + admin + " grpc://" + closed, "", "grpc://" + closed + " does not answer", 1},
		{"another answer", "wait-for --timeout=1ms http://" + admin + "/nowhere", "", "404", 1},
		{"not gRPC", "wait-for --timeout=50ms grpc://" + admin, "", "does not answer", 1},
		{"nothing to wait for", "wait-for", "", "no address", 2},
		{"flow answers", "check grpc://" + gRPC, "the flow behind grpc://" + gRPC + " answers", "", 0},
		{"flow behind HTTP answers", "check http://" + web(t, 200, `{"code": 0, "description": "", "exception": null}`), "the flow behind http://", "", 0},
		{"flow fails", "check http://" + web(t, 200, `{"code": 1, "description": "executor a is not reachable"}`), "", "executor a is not reachable", 1},
		{"no gateway", "check http://" + web(t, 404, `{}`), "", "404 Not Found", 1},
		{"nobody answers", "check grpc://" + closed, "", "refused", 1},
		{"two flows", "check grpc://a:1 grpc://b:1", "", "got 2 addresses", 2},
		{"no such check", "check tcp://a:1", "", "expected grpc://HOST:PORT or http://HOST:PORT", 2},
		{"no scheme", "wait-for localhost:1", "", "expected grpc://HOST:PORT", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code, ok := Command(t.Context(), "flow-gateway", strings.Fields(test.args), &stdout, &stderr)
			if !ok || code != test.code || !strings.HasPrefix(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("%t, exit code %d\nstdout: %s\nstderr: %s", ok, code, &stdout, &stderr)
			}
			if (test.stdout == "") != (stdout.Len() == 0) || (test.stderr == "") != (stderr.Len() == 0) {
				t.Errorf("stdout: %s\nstderr: %s", &stdout, &stderr)
			}
		})
	}
}

// web is a gateway's HTTP door that answers the dry run.
func web(t *testing.T, code int, body string) (address string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/dry_run" {
			t.Errorf("asks for %s", r.URL)
		}
		w.WriteHeader(code)
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// What begins with a flag serves.
func TestNoCommand(t *testing.T) {
	for _, args := range [][]string{nil, {"--config=version"}, {"serve"}} {
		if _, ok := Command(t.Context(), "flow-gateway", args, nil, nil); ok {
			t.Errorf("%q is taken for a sub-command", args)
		}
	}
}

// An address is waited for until it answers.
func TestWaitForOneThatComesLater(t *testing.T) {
	address := closedPort(t)
	var stderr bytes.Buffer
	code := make(chan int)
	go func() {
		c, _ := Command(t.Context(), "flow-gateway", []string{"wait-for", "tcp://" + address}, nil, &stderr)
		code <- c
	}()
	select {
	case c := <-code:
		t.Fatalf("exit code %d before anybody listens: %s", c, &stderr)
	case <-time.After(3 * tryPause):
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if c := <-code; c != 0 {
		t.Errorf("exit code %d: %s", c, &stderr)
	}
}

// closedPort is an address that nobody listens at.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
