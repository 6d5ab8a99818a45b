package plugin

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/helm-flow/helm-flow/internal/load"
)

type loadCommand struct {
	env        *Env
	clients    []string
	output     choice
	config     load.Config
	generation generation
}

func newLoadCommand(env *Env) *cobra.Command {
	c := &loadCommand{env: env, output: choice{value: "table", of: []string{"table", "json"}}, generation: newGeneration()}
	cmd := &cobra.Command{
		Use:   "load [HOST]",
		Short: "Put load on a flow, as several clients, and show what each of them gets",
		Long: `Put load on a flow, as several clients at a time, and show what each of them gets.

HOST is grpc://host:port, or grpcs://host:port for TLS; without one it is ` + defaultHost + `, where helm flow run listens.

Each --client NAME:KEY=VALUE,... has a connection and a stream of its own, as one Jina client has. Its keys:

  docs=N           documents to send in all; without it there is no end
  request-size=N   documents per request (100, as in Jina's client)
  in-flight=N      requests that may wait for an answer at a time; without it, as many as the gateway takes
  rate=N           requests per second on a fixed schedule; without it, as fast as the gateway takes them
  start=TIME       begins so much later than the run, for example 3s
  prefetch=N       asks the gateway to handle so many of its requests at a time

Latency counts from the moment a request is sent; for a client with a rate, from the moment it should have been, so that a flow that
stalls cannot hide it. It ends after --duration, or when all is answered, or by Ctrl-C, and then prints the figures.
The exit code is 1 if a client had to stop early.`,
		Example: `  helm flow load --client A:docs=1000
  helm flow load --client A:docs=100000 --client B:request-size=1,in-flight=1,start=3s --duration 25s
  helm flow load --client A:request-size=1,rate=50 --duration 1m -o json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c.config.Target = hostOf(args)
			return c.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&c.clients, "client", []string{"A"}, "a client, as NAME:KEY=VALUE,...; may be given several times")
	flags.DurationVar(&c.config.Duration, "duration", 10*time.Second, "length of the run; 0 is until every client has all its answers")
	flags.IntVar(&c.config.TextBytes, "text-bytes", 0, "least length of each document's text, in bytes")
	flags.StringVar(&c.config.Endpoint, "on", "/default", "endpoint of the executors")
	flags.Var(&c.generation, "docarray", "generation of the documents, as the flow's executors have it")
	c.output.addTo(cmd, "format of the figures on stdout")
	return cmd
}

func (c *loadCommand) run(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	run := load.New(c.config)
	watchCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	watched := make(chan error, 1)
	go func() { watched <- c.watch(watchCtx, run) }()
	err := run.Do(ctx)
	cancel()
	if watchErr := <-watched; watchErr != nil {
		return fmt.Errorf("picture on the terminal: %w", watchErr)
	}
	if printErr := c.print(run.Report()); printErr != nil {
		return printErr
	}
	return unreachable(err)
}

func (c *loadCommand) check() error {
	if c.config.Duration < 0 {
		return fmt.Errorf("--duration %s: want a time such as 25s, or 0", c.config.Duration)
	}
	if c.config.TextBytes < 0 || c.config.TextBytes > maxLine {
		return fmt.Errorf("--text-bytes %d: want 0 to %d", c.config.TextBytes, maxLine)
	}
	c.config.Generation = c.generation.get()
	names := map[string]bool{}
	for _, text := range c.clients {
		spec, err := load.ParseClient(text)
		if err != nil {
			return fmt.Errorf("--client: %w", err)
		}
		if names[spec.Name] {
			return fmt.Errorf("--client: two clients are named %s", spec.Name)
		}
		names[spec.Name] = true
		c.config.Clients = append(c.config.Clients, spec)
	}
	return nil
}

func (c *loadCommand) watch(ctx context.Context, run *load.Run) error {
	terminal, ok := c.env.Stderr.(*os.File)
	if !ok || !isTerminal(terminal) || c.env.Getenv("TERM") == "dumb" {
		load.WatchLines(ctx, run, c.env.Stderr)
		return nil
	}
	tableFollows := c.output.value == "table" && isTerminal(c.env.Stdout)
	return load.WatchPicture(ctx, run, terminal, c.style(c.env.Color(c.env.Stderr)), tableFollows)
}

func (c *loadCommand) print(report load.Report) error {
	if c.output.value == "json" {
		return report.WriteJSON(c.env.Stdout)
	}
	_, err := strings.NewReader(report.Table(c.style(c.env.Color(c.env.Stdout)))).WriteTo(c.env.Stdout)
	return err
}

func (c *loadCommand) style(colours bool) load.Style {
	if colours {
		return load.Colours()
	}
	return load.Style{}
}
