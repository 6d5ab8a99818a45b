// Command flow-gateway is the gateway of a flow: it walks requests through the graph of executors that its configuration describes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
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

// options are the command line: what a gateway cannot change while it runs.
type options struct {
	config, watch   string
	grpc, admin     string
	tlsCert, tlsKey string
	maxMessageBytes int
	drain           time.Duration
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if code, ok := serve.Command(ctx, "flow-gateway", args, stdout, stderr); ok {
		return code
	}
	o, err := parse(args, stderr)
	if err != nil {
		if !errors.Is(err, errReported) {
			fmt.Fprintf(stderr, "flow-gateway: %v; see --help\n", err)
		}
		return exitUsage
	}
	code, err := o.run(ctx, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		fmt.Fprintf(stderr, "flow-gateway: %v\n", err)
	}
	return code
}

// errReported is the error of flags that package flag has reported.
var errReported = errors.New("reported")

func parse(args []string, stderr io.Writer) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("flow-gateway", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.config, "config", "/etc/flow/gateway.yaml", "configuration `file`; a change of it is live at once")
	flags.StringVar(&o.watch, "watch", "", "the ConfigMap that the file comes from, `NAMESPACE/NAME`: watched too, as it is ahead of the file")
	flags.StringVar(&o.grpc, "grpc", ":8080", "`address` to serve clients on")
	flags.StringVar(&o.admin, "admin", ":9090", "`address` to serve health and metrics on")
	flags.StringVar(&o.tlsCert, "tls-cert", "", "`file` with the certificate for clients, in PEM; without it they speak plain text")
	flags.StringVar(&o.tlsKey, "tls-key", "", "`file` with the certificate's key, in PEM")
	flags.IntVar(&o.maxMessageBytes, "max-message-bytes", 256<<20, "size of a request or an answer at the most, in `bytes`")
	flags.DurationVar(&o.drain, "drain-timeout", 25*time.Second, "how long requests under way may take after SIGTERM")
	switch err := flags.Parse(args); {
	case err != nil:
		return nil, errReported
	case flags.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.maxMessageBytes < 1 || o.maxMessageBytes > 1<<31-1:
		return nil, fmt.Errorf("--max-message-bytes is %d; expected 1 to %d", o.maxMessageBytes, 1<<31-1)
	case (o.tlsCert == "") != (o.tlsKey == ""):
		return nil, errors.New("one of --tls-cert and --tls-key is missing")
	}
	return o, nil
}

// run serves until ctx is done.
func (o *options) run(ctx context.Context, log *slog.Logger) (code int, err error) {
	c, text, err := config.Load(o.config)
	if err != nil {
		return exitConfiguration, err
	}
	serving := serve.Options{GRPC: o.grpc, Admin: o.admin, MaxMessageBytes: o.maxMessageBytes, DrainTimeout: o.drain, Log: log}
	if o.tlsCert != "" {
		if serving.TLS, err = serve.Certificate(o.tlsCert, o.tlsKey); err != nil {
			return exitConfiguration, err
		}
	}
	g, err := gateway.New(c, gateway.Options{Log: log, MaxMessageBytes: o.maxMessageBytes})
	if err != nil {
		return exitConfiguration, err
	}
	g.Metrics().Configured(config.Hash(text))
	watcher, err := o.watcher(g, log)
	if err != nil {
		return exitConfiguration, err
	}
	watching, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { watcher.Run(watching, text) })

	serving.Register, serving.Drain, serving.Metrics, serving.Details = g.Register, g.Drain, g.Metrics().Handler(), watcher.Details
	err = serve.Run(ctx, serving)
	stop()
	watch.Wait()
	closing, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	g.Close(closing)
	if err != nil {
		return exitFailed, err
	}
	return exitOK, nil
}

func (o *options) watcher(g *gateway.Gateway, log *slog.Logger) (*config.Watcher, error) {
	w := &config.Watcher{Path: o.config, Apply: g.Reload, Noted: g.Metrics().Configured, Log: log}
	if o.watch != "" {
		source, err := config.InCluster(o.watch, filepath.Base(o.config))
		if err != nil {
			return nil, err
		}
		w.Source = source
	}
	return w, nil
}
