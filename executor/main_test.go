package executor

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/helm-flow/helm-flow/docarray"
	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

func TestExitCodes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	echo := writeConfig(t, "name: a\nuses: echo")
	for _, test := range []struct {
		name           string
		args           string
		code           int
		stdout, stderr string
	}{
		{"version", "version", exitOK, "flow-executor ", ""},
		{"help", "--help", exitOK, "", "-config file"},
		{"unknown flag", "--port=1", exitUsage, "", "flag provided but not defined"},
		{"argument", "serve", exitUsage, "", `flow-executor: unexpected argument "serve"; see --help`},
		{"no configuration", "", exitConfiguration, "", "flow-executor: this program has 3 executors: name the one to serve"},
		{"bad configuration", "--config=" + writeConfig(t, "name: a\nuses: x"), exitConfiguration, "", `unknown executor "x"`},
		{"port in use", "--config=" + echo + " --grpc=" + taken.Addr().String(), exitFailed, "", "address already in use"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), append([]string{"/bin/flow-executor"}, strings.Fields(test.args)...), &stdout, &stderr, Builtins())
			if code != test.code || !strings.Contains(stdout.String(), test.stdout) || !strings.Contains(stderr.String(), test.stderr) {
				t.Errorf("exit code %d\nstdout: %s\nstderr: %s", code, &stdout, &stderr)
			}
			if test.stdout == "" && stdout.Len() > 0 {
				t.Errorf("stdout: %s", &stdout)
			}
		})
	}
}

var servingLine = regexp.MustCompile(`msg=serving grpc=(\S+) admin=(\S+)`)

// process is run in a goroutine.
type process struct {
	grpc, admin string
	stop        func()
	code        chan int
}

func startProcess(t *testing.T, args []string, executors ...*Executor) process {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	p := process{stop: stop, code: make(chan int, 1)}
	args = append([]string{"program", "--grpc=127.0.0.1:0", "--admin=127.0.0.1:0"}, args...)
	go func() {
		p.code <- run(ctx, args, io.Discard, writer, executors)
		writer.Close()
	}()
	var log strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := reader.Read(buf)
		log.Write(buf[:n])
		if m := servingLine.FindStringSubmatch(log.String()); m != nil {
			p.grpc, p.admin = m[1], m[2]
			break
		}
		if err != nil {
			t.Fatalf("not serving: %s", &log)
		}
	}
	go io.Copy(io.Discard, reader)
	return p
}

func (p process) dial(t *testing.T) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(p.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A program with one executor needs no configuration.
func TestMainServesUntilToldToStop(t *testing.T) {
	p := startProcess(t, nil, New("Upper").On(Default, upper))
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, path := range []string{"/healthz", "/readyz"} {
		answer, err := client.Get("http://" + p.admin + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, answer.Status)
		}
	}
	conn := p.dial(t)
	for _, service := range []string{"", "jina.JinaSingleDataRequestRPC"} {
		health, err := grpc_health_v1.NewHealthClient(conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service})
		if err != nil || health.Status != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("health of %q: %v, %v", service, health, err)
		}
	}
	out, _, err := single(t, conn, request(t, "/", docarray.V2, docarray.List{{ID: "1", Text: "a"}}))
	if err != nil || decode(t, docarray.V2, out)[0].Text != "A" || out.Routes[0].Executor != "Upper" {
		t.Errorf("got %v, %v", out, err)
	}
	p.stop()
	if code := <-p.code; code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestRequestsUnderWayAreFinished(t *testing.T) {
	started, finish := make(chan struct{}), make(chan struct{})
	p := startProcess(t, nil, New("Slow").On(Default, func(context.Context, *Request) error { close(started); <-finish; return nil }))
	conn := p.dial(t)
	answered := make(chan error, 1)
	go func() {
		_, _, err := single(t, conn, request(t, "/", docarray.V1, nil))
		answered <- err
	}()
	<-started
	p.stop()
	close(finish)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if code := <-p.code; code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestAHandlerThatDoesNotEndIsLeftBehind(t *testing.T) {
	started, finish := make(chan struct{}), make(chan struct{})
	p := startProcess(t, []string{"--drain-timeout=1ms"}, New("Stuck").On(Default, func(context.Context, *Request) error { close(started); <-finish; return nil }))
	defer close(finish)
	conn := p.dial(t)
	go conn.Invoke(t.Context(), wire.MethodProcessSingleData, request(t, "/", docarray.V1, nil), new(jinapb.DataRequestProto))
	<-started
	p.stop()
	if code := <-p.code; code != exitFailed {
		t.Errorf("exit code %d", code)
	}
}
