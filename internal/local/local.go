// Package local runs a rendered chart on this machine: each pod is a process, all on loopback.
//
// It knows nothing of flows. Rules turn manifests into processes (newPlan), probes tell when they are ready, dead ones
// are started again, and a guardian process sees to it that none outlives the run.
package local

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/helm-flow/helm-flow/internal/chart"
)

const runDirPrefix = "helm-flow-"

// Options of Run.
type Options struct {
	Manifests []chart.Manifest
	Programs  Programs
	// GuardCommand starts a process that calls Guard with its standard input.
	GuardCommand []string
	// LogDir takes one log file for each process; without it logs go to Stderr.
	LogDir string
	// Stderr takes states and logs.
	Stderr io.Writer
	Color  bool
	// Size of the terminal that Stderr is; nil where it is none.
	Size func() (columns, rows int)
	// DataDir keeps what executors with volumes or a workspace keep, from one run to the next.
	DataDir string
	// Opened is called once, when the gateway answers.
	Opened func(doors []Door)
	// Hurry, once closed, makes draining killing.
	Hurry <-chan struct{}
}

// Run runs the manifests until ctx ends, and drains then; this is no error. Errors are what keeps it from starting, and a
// process that cannot be kept alive. In any case no process is left when it returns, and no file.
func Run(ctx context.Context, opts Options) (err error) {
	dir := filepath.Join(os.TempDir(), runDirPrefix+rand.Text())
	plan, err := newPlan(opts.Manifests, dir, opts.DataDir, portFinder())
	if err != nil {
		return err
	}
	if err := opts.Programs.resolve(ctx, plan); err != nil {
		return err
	}
	for _, door := range plan.Doors {
		if err := checkDoor(door); err != nil {
			return err
		}
	}
	launcher, err := newLauncher(opts.GuardCommand, dir)
	if err != nil {
		return err
	}
	// The guardian removes the folder; if somebody has killed it, nobody else does.
	defer func() { err = errors.Join(err, launcher.close(), os.RemoveAll(dir)) }()
	if err := writeFiles(plan.Files, dir); err != nil {
		return err
	}
	for _, folder := range plan.Folders {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}

	screen := newScreen(opts.Stderr, opts.Color, opts.Size, plan.names())
	if opts.LogDir != "" {
		logs, err := openLogs(opts.LogDir, plan.names())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, logs.close()) }()
		screen.logTo = logs.write
	}
	s := &supervisor{launch: launcher.launch, check: ask, screen: screen, hurry: opts.Hurry}
	return s.show(ctx, plan, opts.Opened)
}

// show is run with a moving picture of the start.
func (s *supervisor) show(ctx context.Context, plan *Plan, opened func(doors []Door)) error {
	var animation sync.WaitGroup
	starting, started := context.WithCancel(ctx)
	animation.Go(func() { s.screen.animate(starting) })
	settle := func() {
		started()
		animation.Wait()
		s.screen.settle()
	}
	defer settle()
	return s.run(ctx, plan, func() {
		settle()
		opened(plan.Doors)
	})
}

// writeFiles lays files out below dir. They may hold secrets of the executors' parameters.
func writeFiles(files map[string]string, dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}
