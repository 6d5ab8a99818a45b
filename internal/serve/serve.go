// Package serve runs what a workload of a flow is: a gRPC server that speaks Jina's protocol, and beside it an admin port with health by HTTP.
package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// Options say where and what to serve.
type Options struct {
	GRPC, Admin string // listen addresses
	// MaxMessageBytes bounds a request.
	MaxMessageBytes int
	// TLS of the gRPC port; nil serves plain text. See Certificate.
	TLS *tls.Config
	// Metrics are served on the admin port, if set.
	Metrics http.Handler
	// Details, if set, are further lines of /readyz?verbose.
	Details func() []string
	// Register adds the services.
	Register func(*grpc.Server)
	// Drain, if set, is called when the server is to stop and no longer ready, before requests under way are waited for.
	Drain func()
	// DrainTimeout bounds that wait; what is under way after it is cut off.
	DrainTimeout time.Duration
	Log          *slog.Logger
}

// NewServer returns a gRPC server as Jina's callers need it: it bears their frequent pings and sends messages of any size.
func NewServer(maxMessageBytes int, opts ...grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append([]grpc.ServerOption{
		grpc.ForceServerCodecV2(wire.Codec{}),
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 20 * time.Second}),
		// Fixed windows: grown by grpc, they could hold 16 MiB of one stream that is not being read.
		grpc.StaticStreamWindowSize(1<<20),
		grpc.StaticConnWindowSize(16<<20),
		grpc.WaitForHandlers(true),
	}, opts...)...)
}

// Run listens on both addresses and serves until ctx is done; then it drains. It returns nil after a drain, and an error if it could not listen or serve.
func Run(ctx context.Context, o Options) error {
	// Counts as live without taking memory, so that garbage is collected at 32 MiB at the earliest. With the few that are live otherwise, that would
	// be some dozen times a second under load.
	ballast := make([]byte, 16<<20)
	defer runtime.KeepAlive(ballast)
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", o.GRPC)
	if err != nil {
		return fmt.Errorf("grpc: %w; is the port taken? Choose another with --grpc", err)
	}
	adminListener, err := lc.Listen(ctx, "tcp", o.Admin)
	if err != nil {
		listener.Close()
		return fmt.Errorf("admin: %w; is the port taken? Choose another with --admin", err)
	}
	return serve(ctx, o, listener, adminListener)
}

func serve(ctx context.Context, o Options, listener, adminListener net.Listener) error {
	var opts []grpc.ServerOption
	if o.TLS != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(o.TLS)))
	}
	server := NewServer(o.MaxMessageBytes, opts...)
	o.Register(server)
	healthServer := health.NewServer()
	for _, name := range wire.JinaServices(server) {
		healthServer.SetServingStatus(name, grpc_health_v1.HealthCheckResponse_SERVING)
	}
	grpc_health_v1.RegisterHealthServer(server, healthServer)

	var ready atomic.Bool
	admin := &http.Server{Handler: o.adminHandler(&ready), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(listener) }()
	go func() { failed <- admin.Serve(adminListener) }()
	ready.Store(true)
	o.Log.Info("serving", "grpc", listener.Addr().String(), "admin", adminListener.Addr().String())

	var err error
	running := 2
	select {
	case err = <-failed:
		running--
	case <-ctx.Done():
		o.Log.Info("draining", "timeout", o.DrainTimeout)
	}
	ready.Store(false)
	healthServer.Shutdown()
	if o.Drain != nil {
		o.Drain()
	}
	if abandoned := drain(server, o.DrainTimeout); abandoned != nil {
		admin.Close()
		return abandoned
	}
	admin.Close()
	for range running {
		<-failed
	}
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// abandonAfter is how long handlers have to notice that their context has ended.
const abandonAfter = time.Second

// drain waits for the requests under way, and cuts off those that take longer than timeout. The error is that of a handler that does not end even then.
func drain(server *grpc.Server, timeout time.Duration) error {
	done := make(chan struct{})
	go func() { defer close(done); server.GracefulStop() }()
	select {
	case <-done:
		return nil
	case <-time.After(timeout):
	}
	go server.Stop()
	select {
	case <-done:
		return nil
	case <-time.After(abandonAfter):
		return errors.New("a handler still runs although its context has ended; it is left behind")
	}
}

// Status is the answer of JinaInfoRPC.
func Status(context.Context) (*jinapb.JinaInfoProto, error) {
	return &jinapb.JinaInfoProto{Jina: map[string]string{
		"helm-flow": Version, "go": runtime.Version(), "platform": runtime.GOOS, "architecture": runtime.GOARCH,
	}}, nil
}

// Version is that of our programs, the plugin and the chart. Programs of users' own have it for the package that they are made with.
const Version = "0.1.0"

// adminHandler answers /healthz while the process lives, /readyz while it takes requests, and /metrics.
func (o *Options) adminHandler(ready *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if !ready.Load() {
			http.Error(w, "draining", http.StatusServiceUnavailable)
			return
		}
		if _, verbose := r.URL.Query()["verbose"]; verbose && o.Details != nil {
			fmt.Fprintln(w, strings.Join(o.Details(), "\n"))
		}
		fmt.Fprintln(w, "ok")
	})
	if o.Metrics != nil {
		mux.Handle("GET /metrics", o.Metrics)
	}
	return mux
}
