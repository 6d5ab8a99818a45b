package plugin

import (
	"context"
	"os"
	"sync"
	"time"
)

const (
	parentPeriod = 250 * time.Millisecond
	// orphanGrace is how long a run drains when the Helm that started it is gone. Ctrl-C kills Helm at once, and whoever
	// sees the prompt again expects the port to be free soon.
	orphanGrace = 5 * time.Second
)

// watchHelm ends the context when the Helm that started this process is gone, and closes orphaned orphanGrace later.
// Without a Helm it does neither. stop ends the watch.
func watchHelm(ctx context.Context, env *Env) (_ context.Context, orphaned <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	if env.Getenv("HELM_PLUGIN_NAME") == "" {
		return ctx, nil, cancel
	}
	late, stopped := make(chan struct{}), make(chan struct{})
	var watch sync.WaitGroup
	helm := os.Getppid()
	watch.Go(func() {
		tick := time.NewTicker(parentPeriod)
		defer tick.Stop()
		for os.Getppid() == helm {
			select {
			case <-tick.C:
			case <-stopped:
				return
			}
		}
		cancel()
		select {
		case <-time.After(orphanGrace):
			close(late)
		case <-stopped:
		}
	})
	return ctx, late, func() {
		close(stopped)
		watch.Wait()
		cancel()
	}
}
