package executor

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/helm-flow/helm-flow/internal/serve"
)

// Exit codes.
const (
	exitOK            = 0
	exitFailed        = 1
	exitUsage         = 2
	exitConfiguration = 3
)

// Main is the main function of a program with the given executors: it serves the one that the file of --config names,
// or the only one, until the process is told to stop; then it finishes the requests under way. It does not return.
//
// The program exits with 0 when it was told to stop, 1 if it could not serve, 2 for wrong arguments and 3 for a wrong
// configuration. It serves on loopback unless --grpc and --admin say otherwise.
//
// The sub-commands version, healthcheck and wait-for do what one would use a shell for in an image that has one.
func Main(executors ...*Executor) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args, os.Stdout, os.Stderr, executors)
	stop()
	os.Exit(code)
}

type options struct {
	config, grpc, admin string
	drain               time.Duration
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer, executors []*Executor) int {
	var o options
	program := filepath.Base(args[0])
	if code, ok := serve.Command(ctx, program, args[1:], stdout, stderr); ok {
		return code
	}
	flags := flag.NewFlagSet(program, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.config, "config", "", "configuration `file`: name, uses and usesWith")
	flags.StringVar(&o.grpc, "grpc", "127.0.0.1:8080", "`address` to serve requests on")
	flags.StringVar(&o.admin, "admin", "127.0.0.1:9090", "`address` to serve /healthz and /readyz on")
	flags.DurationVar(&o.drain, "drain-timeout", 25*time.Second, "how long requests under way may take after SIGTERM")
	if err := flags.Parse(args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "%s: unexpected argument %q; see --help\n", program, flags.Arg(0))
		return exitUsage
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	s, err := o.server(executors, log)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", program, err)
		return exitConfiguration
	}
	if err := s.serve(ctx, o); err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", program, err)
		return exitFailed
	}
	return exitOK
}

// server makes the server that the configuration asks for.
func (o options) server(executors []*Executor, log *slog.Logger) (*server, error) {
	if o.config == "" {
		if len(executors) != 1 {
			return nil, fmt.Errorf("this program has %d executors: name the one to serve in a file and give it with --config", len(executors))
		}
		e := executors[0]
		return newServer(e, e.class, log)
	}
	c, err := loadConfig(o.config)
	if err != nil {
		return nil, err
	}
	e, err := c.choose(executors)
	if err == nil {
		err = e.configure(c.UsesWith, log)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.config, err)
	}
	return newServer(e, c.Name, log)
}

// serve runs until ctx ends, and then at most the time to drain.
func (s *server) serve(ctx context.Context, o options) error {
	return serve.Run(ctx, serve.Options{
		GRPC: o.grpc, Admin: o.admin, MaxMessageBytes: math.MaxInt32, Register: s.register, DrainTimeout: o.drain, Log: s.log,
	})
}
