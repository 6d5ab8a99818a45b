package serve

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// running is a server with an executor that waits to be told to answer.
type running struct {
	conn    *grpc.ClientConn
	admin   string
	arrived chan struct{}
	answer  chan struct{}
	stop    context.CancelFunc
	drained chan struct{}
	done    chan error
}

func run(t *testing.T, drainTimeout time.Duration) *running {
	t.Helper()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	r := &running{arrived: make(chan struct{}), answer: make(chan struct{}), drained: make(chan struct{}), done: make(chan error, 1)}
	listener, admin := listen(), listen()
	r.admin = "http://" + admin.Addr().String()
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	go func() {
		r.done <- serve(ctx, Options{
			MaxMessageBytes: 1 << 20, DrainTimeout: drainTimeout, Log: slog.New(slog.DiscardHandler), Drain: func() { close(r.drained) },
			Details: func() []string { return []string{"configuration abc", "refused: why"} },
			Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "metrics") }),
			Register: func(s *grpc.Server) {
				wire.RegisterDryRun(s, func(context.Context) (*jinapb.StatusProto, error) { return new(jinapb.StatusProto), nil })
				wire.RegisterSingle(s, func(ctx context.Context, in *wire.Message) (*wire.Message, error) {
					r.arrived <- struct{}{}
					select {
					case <-r.answer:
						return in, nil
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				})
			},
		}, listener, admin)
	}()
	var err error
	if r.conn, err = grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.conn.Close() })
	return r
}

// request sends one and returns when it is under way.
func (r *running) request() <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := wire.Invoke(context.Background(), r.conn, wire.MethodProcessSingleData, new(wire.Message))
		done <- err
	}()
	<-r.arrived
	return done
}

func (r *running) get(path string) string {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(r.admin + path)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return fmt.Sprintf("%d %s", response.StatusCode, strings.TrimSpace(string(body)))
}

func TestHealth(t *testing.T) {
	r := run(t, time.Second)
	health := grpc_health_v1.NewHealthClient(r.conn)
	for service, want := range map[string]codes.Code{"": codes.OK, "jina.JinaSingleDataRequestRPC": codes.OK, "jina.JinaRPC": codes.NotFound} {
		if _, err := health.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: service}); status.Code(err) != want {
			t.Errorf("health of %q: %v, want %v", service, err, want)
		}
	}
	for path, want := range map[string]string{"/healthz": "200 ok", "/readyz": "200 ok", "/readyz?verbose": "200 configuration abc\nrefused: why\nok", "/metrics": "200 metrics"} {
		if got := r.get(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	r.stop()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

// Told to stop, a server is not ready any more, answers what is under way, and ends.
func TestDrainAnswersWhatIsUnderWay(t *testing.T) {
	r := run(t, time.Minute)
	answered := r.request()
	r.stop()
	<-r.drained
	if got := r.get("/readyz"); got != "503 draining" {
		t.Errorf("/readyz %q", got)
	}
	if got := r.get("/healthz"); got != "200 ok" {
		t.Errorf("/healthz %q", got)
	}
	close(r.answer)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

// What takes longer than the drain may is cut off.
func TestDrainEnds(t *testing.T) {
	r := run(t, 10*time.Millisecond)
	answered := r.request()
	r.stop()
	if err := <-answered; status.Code(err) != codes.Unavailable && status.Code(err) != codes.Canceled {
		t.Errorf("got %v", err)
	}
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

// A handler that ignores its context is left behind, and said so: the process must end.
func TestDrainAbandons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := bufconn.Listen(1 << 20)
		release := make(chan struct{})
		server := NewServer(1 << 20)
		wire.RegisterSingle(server, func(_ context.Context, in *wire.Message) (*wire.Message, error) { <-release; return in, nil })
		go func() { _ = server.Serve(listener) }()
		conn, err := grpc.NewClient("passthrough:///memory", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = wire.Invoke(context.Background(), conn, wire.MethodProcessSingleData, new(wire.Message))
		}()
		synctest.Wait()
		began := time.Now()
		if err := drain(server, time.Minute); err == nil || !strings.Contains(err.Error(), "left behind") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != time.Minute+abandonAfter {
			t.Errorf("after %v", took)
		}
		close(release)
		conn.Close()
	})
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for flag, o := range map[string]Options{
		"--grpc":  {GRPC: l.Addr().String(), Admin: "127.0.0.1:0"},
		"--admin": {GRPC: "127.0.0.1:0", Admin: l.Addr().String()},
	} {
		err := Run(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), flag) || !strings.Contains(err.Error(), l.Addr().String()) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// Whatever comes to the port, those who speak the protocol are served.
func TestGarbageOnThePort(t *testing.T) {
	r := run(t, time.Second)
	address := r.conn.Target()
	preface := "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	for name, garbage := range map[string]string{
		"nothing":              "",
		"http/1":               "POST /jina.JinaRPC/Call HTTP/1.1\r\nHost: x\r\n\r\n",
		"bytes":                "\x00\xff\xfe\x01garbage",
		"a preface cut short":  preface[:10],
		"garbage for frames":   preface + "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
		"a frame of 16 MB":     preface + "\xff\xff\xff\x00\x00\x00\x00\x00\x01",
		"headers of stream 0":  preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x01\x01\x04\x00\x00\x00\x00\x82",
		"headers out of order": preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x00\x01\x09\x04\x00\x00\x00\x01\x82",
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := conn.Write([]byte(garbage)); err != nil {
			t.Fatal(name, err)
		}
		conn.Close()
		if _, err := grpc_health_v1.NewHealthClient(r.conn).Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
	r.stop()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}
