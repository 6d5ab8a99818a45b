// Command helm-flow is the Helm plugin flow; it also works alone.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/helm-flow/helm-flow/plugin"
)

// exitInterrupted is the exit code after a second signal; the first one only ends the context.
const exitInterrupted = 130

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(exitInterrupted)
	}()
	os.Exit(plugin.Main(ctx, &plugin.Env{
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		Args:      os.Args[1:],
		LookupEnv: os.LookupEnv,
	}))
}
