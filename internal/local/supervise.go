package local

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// eagerPeriod is how often a starting process is asked: somebody is waiting, and no cluster is to be spared.
	eagerPeriod = 100 * time.Millisecond
	// defaultBudget is for processes without a start-up probe; it is Jina's default timeout_ready.
	defaultBudget = 10 * time.Minute

	// A process that dies is started again after firstBackoff, then after twice as long each time, at most maxBackoff;
	// one that was ready for stableAfter begins anew.
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 30 * time.Second
	stableAfter  = time.Minute
	// maxDeadStarts in a row, dead before ready, are taken for a fault that time does not cure.
	maxDeadStarts = 3
)

// instance is a process that was started.
type instance interface {
	// Done is closed when it has ended; Exit then says how, such as "exit status 1".
	Done() <-chan struct{}
	Exit() string
	// Terminate asks it to end, Kill ends it and its children.
	Terminate()
	Kill()
}

// supervisor keeps the processes of a plan alive.
type supervisor struct {
	launch func(p Process, out io.WriteCloser) (instance, error)
	check  func(ctx context.Context, probe *Probe) error
	screen *screen
	// hurry, once closed, leaves no time to end kindly.
	hurry <-chan struct{}
}

// run starts the executors, then the gateway, calls opened when it is ready, and keeps all of them alive until ctx ends or
// one of them is beyond hope, which is the error. Then it drains: the gateway first.
func (s *supervisor) run(ctx context.Context, plan *Plan, opened func()) error {
	run, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	executors, stopExecutors := context.WithCancel(context.WithoutCancel(ctx))
	defer stopExecutors()

	var executorsEnded, gatewayEnded sync.WaitGroup
	keep := func(group *sync.WaitGroup, ctx context.Context, p Process) <-chan struct{} {
		ready := make(chan struct{})
		group.Go(func() {
			if err := s.keep(ctx, p, sync.OnceFunc(func() { close(ready) })); err != nil {
				fail(err)
			}
		})
		return ready
	}

	var ready []<-chan struct{}
	for _, p := range plan.Executors {
		ready = append(ready, keep(&executorsEnded, executors, p))
	}
	if allClosed(run, ready...) {
		// Only now: a client that can connect finds a flow that answers.
		if allClosed(run, keep(&gatewayEnded, run, plan.Gateway)) {
			opened()
		}
	}
	<-run.Done()
	if ctx.Err() != nil {
		s.screen.say("stopping; Ctrl-C again stops at once")
	}
	gatewayEnded.Wait()
	stopExecutors()
	executorsEnded.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(run)
}

// allClosed waits until all channels are closed; it is false when ctx ended before.
func allClosed(ctx context.Context, channels ...<-chan struct{}) bool {
	for _, c := range channels {
		select {
		case <-c:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// keep runs p until ctx ends, again and again when it dies. The error says why there is no hope.
func (s *supervisor) keep(ctx context.Context, p Process, ready func()) error {
	backoff, deadStarts := firstBackoff, 0
	for {
		life := s.live(ctx, p, ready)
		if ctx.Err() != nil {
			s.screen.set(p.Name, stopped, "stopped")
			return nil
		}
		deadStarts++
		if life.ready > 0 {
			deadStarts = 0
		}
		if life.ready >= stableAfter {
			backoff = firstBackoff
		}
		switch {
		case life.overdue:
			return fmt.Errorf("%s: %s%s", p.Name, life.end, quote(life.last))
		case deadStarts == maxDeadStarts:
			return fmt.Errorf("%s died at each of %d starts: %s%s", p.Name, maxDeadStarts, life.end, quote(life.last))
		}
		s.screen.set(p.Name, troubled, fmt.Sprintf("%s; restarting in %v", life.end, backoff), life.last...)
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// life is what became of one instance.
type life struct {
	// ready is how long it was ready; overdue is one that never was, and had its time.
	ready   time.Duration
	overdue bool
	// end is how it ended, last are the last lines of its output.
	end  string
	last []string
}

// live runs one instance of p to its end, which is ctx's at the latest.
func (s *supervisor) live(ctx context.Context, p Process, ready func()) life {
	s.screen.set(p.Name, starting, "starting")
	out := s.screen.output(p.Name)
	started := time.Now()
	process, err := s.launch(p, out)
	if err != nil {
		return life{end: err.Error()}
	}

	var l life
	var readySince time.Time
	attended, stopAttending := context.WithCancel(ctx)
	verdict := make(chan error, 1)
	go func() {
		verdict <- s.attend(attended, p, func(isReady bool) {
			if !isReady {
				s.screen.set(p.Name, starting, "not ready")
				return
			}
			if readySince.IsZero() {
				readySince = time.Now()
			}
			s.screen.set(p.Name, isUp, fmt.Sprintf("ready after %.1f s", time.Since(started).Seconds()))
			ready()
		})
	}()

	select {
	case <-process.Done():
		l.end = process.Exit()
		stopAttending()
		<-verdict
	case err := <-verdict:
		stopAttending()
		if ctx.Err() == nil {
			l.end = err.Error()
			l.overdue = readySince.IsZero()
		}
		s.stop(process, p)
	}
	if !readySince.IsZero() {
		l.ready = time.Since(readySince)
	}
	l.last = out.last
	return l
}

// stop ends process: kindly, and after p.Grace by force.
func (s *supervisor) stop(process instance, p Process) {
	process.Terminate()
	select {
	case <-process.Done():
		return
	case <-time.After(p.Grace):
		s.screen.set(p.Name, troubled, fmt.Sprintf("did not end within %v, killed", p.Grace))
	case <-s.hurry:
	}
	process.Kill()
	<-process.Done()
}

// attend asks p's probes until ctx ends, and calls ready at each change. The error says why the process must be stopped
// before: it took too long to get ready, or is alive no longer.
func (s *supervisor) attend(ctx context.Context, p Process, ready func(bool)) error {
	if err := s.awaitReady(ctx, p); err != nil {
		return err
	}
	ready(true)
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var probes sync.WaitGroup
	probes.Go(func() { s.follow(ctx, p.Readiness, func(err error) { ready(err == nil) }) })
	probes.Go(func() {
		s.follow(ctx, p.Liveness, func(err error) {
			if err != nil {
				fail(fmt.Errorf("hangs: %w", err))
			}
		})
	})
	<-ctx.Done()
	probes.Wait()
	return context.Cause(ctx)
}

// awaitReady returns when the start-up and the readiness probe have passed once, or their time is over.
func (s *supervisor) awaitReady(ctx context.Context, p Process) error {
	budget := defaultBudget
	if p.Startup != nil {
		budget = p.Startup.budget()
	}
	overdue := time.After(budget)
	ask := time.NewTicker(eagerPeriod)
	defer ask.Stop()
	probe := p.Startup
	for {
		err := s.check(ctx, probe)
		switch {
		case err == nil && probe == p.Readiness:
			return nil
		case err == nil:
			probe = p.Readiness
			continue
		}
		select {
		case <-ask.C:
		case <-overdue:
			return fmt.Errorf("not ready within %v (timeout_ready): %w", budget, err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// follow asks probe at its period, and calls turned when it has failed, or passed again, as often in a row as it says; it
// begins as passed. A nil probe has nothing to tell.
func (s *supervisor) follow(ctx context.Context, probe *Probe, turned func(error)) {
	if probe == nil {
		return
	}
	ask := time.NewTicker(probe.Period)
	defer ask.Stop()
	passing, against := true, 0
	for {
		select {
		case <-ask.C:
		case <-ctx.Done():
			return
		}
		err := s.check(ctx, probe)
		if ctx.Err() != nil {
			return
		}
		if (err == nil) == passing {
			against = 0
			continue
		}
		against++
		if passing && against == probe.Failures || !passing && against == probe.Successes {
			passing, against = !passing, 0
			turned(err)
		}
	}
}
