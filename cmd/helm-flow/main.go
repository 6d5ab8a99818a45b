// Command helm-flow is the Helm plugin flow; it also works alone.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/helm-flow/helm-flow/plugin"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// The first signal ends the context, the second one the process.
	context.AfterFunc(ctx, stop)
	os.Exit(plugin.Main(ctx, &plugin.Env{
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		Args:      os.Args[1:],
		LookupEnv: os.LookupEnv,
	}))
}
