package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// Goals of the commands, for a flow of so many executors, start of the process included.
const (
	commandExecutors = 200
	wantValues       = 100 * time.Millisecond
	wantTemplate     = 300 * time.Millisecond
	wantCommandRSS   = 100 << 20
)

// command is one that is measured. The last of them is Jina's, which does what template does.
type command struct {
	name string
	args []string
	took []time.Duration
	rss  int64 // most of all runs, in bytes
}

// commands measures the plugin's commands, and Jina's once, on the same flow.
func commands(ctx context.Context, rounds int) ([]*command, error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	flow := filepath.Join(dir, "flow.yml")
	if err := os.WriteFile(flow, []byte(bigFlow()), 0o600); err != nil {
		return nil, err
	}
	all := []*command{
		{name: "helm flow values", args: []string{"bin/helm-flow", "values", flow}},
		{name: "helm flow template", args: []string{"bin/helm-flow", "template", "demo", flow}},
		{name: "jina export kubernetes", args: []string{".tools/py-v2/bin/jina", "export", "kubernetes", flow, filepath.Join(dir, "out")}},
	}
	for round := range rounds {
		for i, c := range all {
			if isJinas := i == len(all)-1; isJinas && round > 0 {
				continue // it takes minutes
			}
			progress("round %d of %d: %s of %d executors", round+1, rounds, c.name, commandExecutors)
			if err := c.run(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	progress("")
	return all, nil
}

func bigFlow() string {
	var b strings.Builder
	b.WriteString("jtype: Flow\nwith: {prefetch: 100}\nexecutors:\n")
	for i := range commandExecutors {
		fmt.Fprintf(&b, "  - {name: e%d, uses: 'docker://registry.example/e%[1]d:1', replicas: 2, uses_with: {size: %[1]d}, env: {LEVEL: info}}\n", i)
	}
	return b.String()
}

func (c *command) run(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	// Without it Jina asks the Hub, which is gone, for the gateway's image.
	cmd.Env = append(os.Environ(), "JINA_GATEWAY_IMAGE=registry.example/gateway:1")
	started := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	c.took = append(c.took, time.Since(started))
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		c.rss = max(c.rss, usage.Maxrss<<10)
	}
	return nil
}

func (c *command) median() time.Duration {
	sorted := slices.Sorted(slices.Values(c.took))
	return sorted[len(sorted)/2]
}

// reportCommands prints the measurements and the verdicts, and says whether all goals are met.
func reportCommands(out io.Writer, all []*command) bool {
	fmt.Fprintf(out, "\nA flow of %d executors, from the start of the process to its end; medians of %d runs, of Jina's one.\n\n", commandExecutors, len(all[0].took))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "command\ttime\tmemory")
	for _, c := range all {
		fmt.Fprintf(w, "%s\t%v\t%d MiB\n", c.name, c.median().Round(time.Millisecond), c.rss>>20)
	}
	w.Flush()
	fmt.Fprintln(out)
	j := &judge{out: out, ok: true}
	theirs := all[len(all)-1]
	for i, want := range []time.Duration{wantValues, wantTemplate} {
		c := all[i]
		j.goal(c.median() <= want, "%s: %v (goal: %v), %.1f times as fast as %s", c.name, c.median().Round(time.Millisecond), want,
			float64(theirs.median())/float64(c.median()), theirs.name)
		j.goal(c.rss <= wantCommandRSS, "%s: %d MiB (goal: %d MiB)", c.name, c.rss>>20, wantCommandRSS>>20)
	}
	return j.ok
}
