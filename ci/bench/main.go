// Command bench holds our gateway against Jina's, and our commands, side by side in one run: the same executor, the same load, the same flow,
// repetitions that take turns. It prints medians, ranges and ratios, judges the goals and ends with exit code 1 when one is missed.
//
// It runs from the root of the checkout, after make build and make tools; BENCH=short repeats less.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// plan is how long and how often to measure.
type plan struct {
	rounds int
	warmUp time.Duration
	window time.Duration
}

var (
	longPlan  = plan{rounds: 5, warmUp: 500 * time.Millisecond, window: 2 * time.Second}
	shortPlan = plan{rounds: 3, warmUp: 300 * time.Millisecond, window: time.Second}
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := longPlan
	if os.Getenv("BENCH") == "short" {
		p = shortPlan
	}
	ok, err := run(ctx, p)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run measures everything and says whether all goals are met.
func run(ctx context.Context, p plan) (ok bool, err error) {
	peers, err := startPeers(ctx)
	if err != nil {
		return false, err
	}
	defer peers.stop()

	results := map[key][]sample{}
	total := p.rounds * len(shapes) * len(peers.targets)
	for round := range p.rounds {
		for _, s := range shapes {
			for _, t := range peers.targets {
				progress("round %d of %d: %s, %s (about %v left)", round+1, p.rounds, s.name, t.name,
					(time.Duration(total) * (p.warmUp + p.window)).Round(time.Second))
				got, err := measure(ctx, p, t, s)
				if err != nil {
					return false, fmt.Errorf("%s, %s: %w", s.name, t.name, err)
				}
				results[key{s.name, t.name}] = append(results[key{s.name, t.name}], got)
				total--
			}
		}
	}
	progress("%d documents on one stream through %s", floodSize, ours)
	flood, err := floodOneStream(ctx, peers.target(ours))
	if err != nil {
		return false, fmt.Errorf("%d documents on one stream: %w", floodSize, err)
	}
	measured, err := commands(ctx, p.rounds)
	if err != nil {
		return false, err
	}
	gateway := report(os.Stdout, p, results, flood)
	return reportCommands(os.Stdout, measured) && gateway, nil
}

// progress keeps one line of standard error up to date on a terminal, and says nothing elsewhere.
func progress(format string, args ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "\r\x1b[K"+format, args...)
	}
}
