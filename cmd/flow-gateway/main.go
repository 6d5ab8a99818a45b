// Command flow-gateway is the gateway of a flow: it walks requests through the graph of executors that its configuration describes.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/helm-flow/helm-flow/internal/config"
	"github.com/helm-flow/helm-flow/internal/gateway"
	"github.com/helm-flow/helm-flow/internal/serve"
)

// Exit codes.
const (
	exitOK            = 0
	exitFailed        = 1
	exitUsage         = 2
	exitConfiguration = 3
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if code, ok := serve.Command(ctx, "flow-gateway", args, stdout, stderr); ok {
		return code
	}
	flags := flag.NewFlagSet("flow-gateway", flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("config", "/etc/flow/gateway.yaml", "configuration `file`")
	grpcAddress := flags.String("grpc", ":8080", "`address` to serve clients on")
	adminAddress := flags.String("admin", ":9090", "`address` to serve health on")
	drain := flags.Duration("drain-timeout", 25*time.Second, "how long requests under way may take after SIGTERM")
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "flow-gateway: unexpected argument %q; see --help\n", flags.Arg(0))
		return exitUsage
	}
	c, err := config.Load(*path)
	if err != nil {
		fmt.Fprintf(stderr, "flow-gateway: %v\n", err)
		return exitConfiguration
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	g, err := gateway.New(c, log)
	if err != nil {
		fmt.Fprintf(stderr, "flow-gateway: %v\n", err)
		return exitConfiguration
	}
	err = serve.Run(ctx, serve.Options{
		GRPC: *grpcAddress, Admin: *adminAddress, MaxMessageBytes: c.MaxMessageBytes, Register: g.Register, Drain: g.Drain, DrainTimeout: *drain, Log: log,
	})
	closing, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	g.Close(closing)
	if err != nil {
		fmt.Fprintf(stderr, "flow-gateway: %v\n", err)
		return exitFailed
	}
	return exitOK
}
