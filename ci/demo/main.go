// Command demo plays the story of examples/linkerd-demo: one greedy client starves the other, until prefetch is lowered. It
// installs the plugin into a private Helm, so nothing of the user's own Helm changes, and fails if the story does not come out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// exitInterrupted is what a shell reports for a program that Ctrl-C ended.
const exitInterrupted = 130

func main() {
	helm := flag.String("helm", filepath.Join(".tools", "bin", "helm3"), "the Helm `program`")
	plugin := flag.String("plugin", ".", "the plugin's `folder`, built")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := demo(ctx, *helm, *plugin)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "\nstopped; nothing is left behind")
		os.Exit(exitInterrupted)
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo leaves no process and no file behind, however it ends.
func demo(ctx context.Context, helm, plugin string) (err error) {
	home, err := os.MkdirTemp("", "helm-flow-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	sh, err := newShell(home, helm)
	if err != nil {
		return err
	}
	say("\nInstalling the plugin, into a Helm home of its own ...")
	if err := sh.install(ctx, plugin); err != nil {
		return err
	}
	return tell(ctx, sh)
}
