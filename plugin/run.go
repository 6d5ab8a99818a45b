package plugin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/helm-flow/helm-flow/flow"
	"github.com/helm-flow/helm-flow/internal/chart"
	"github.com/helm-flow/helm-flow/internal/local"
	"github.com/helm-flow/helm-flow/internal/values"
)

type runCommand struct {
	env     *Env
	input   flowInput
	python  string
	logDir  string
	dataDir string
	program string // how the user calls us
}

func newRunCommand(env *Env) *cobra.Command {
	c := &runCommand{env: env, input: flowInput{env: env}}
	cmd := &cobra.Command{
		Use:   "run FLOW",
		Short: "Run a flow as processes on this machine",
		Long: `Run a flow as processes on this machine, without a cluster: the objects that template prints, each pod being a process.

FLOW is the path of a flow.yml, or - for standard input. The gateway listens on 127.0.0.1:8080, or where the flow's port says; its address
goes to stdout once it answers, all else to stderr. A process that dies is started again. Ctrl-C drains and stops, twice stops at once.

Executors are built-ins, or Python sources of this machine, which need a Python with jina 3. Images need a cluster.`,
		Example: `  helm flow run flow.yml
  helm flow run flow.yml --set gateway.ports.grpc=9000 --set gateway.prefetch=5
  helm flow run flow.yml --python .venv/bin/python --log-dir logs`,
		Args:              flowArg,
		ValidArgsFunction: completeFlow,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.program = cmd.Root().DisplayName()
			return c.run(cmd.Context(), args[0])
		},
	}
	c.input.addFlags(cmd.Flags())
	python := cmp.Or(env.Getenv("HELM_FLOW_PYTHON"), "python3")
	cmd.Flags().StringVar(&c.python, "python", python, "Python that runs Python executors; $HELM_FLOW_PYTHON is its default")
	cmd.Flags().StringVar(&c.logDir, "log-dir", "", "folder for the logs, a file each, instead of stderr")
	cmd.Flags().StringVar(&c.dataDir, "data-dir", "", "folder in which executors with volumes or a workspace keep their state (default one for each flow, in $XDG_DATA_HOME/helm-flow)")
	return cmd
}

// dataDirOf is where a flow's state is kept, by the XDG Base Directory Specification.
func dataDirOf(path string, env *Env) (string, error) {
	home := env.Getenv("XDG_DATA_HOME")
	if home == "" {
		user, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("%w; name a folder by --data-dir", err)
		}
		home = filepath.Join(user, ".local", "share")
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(full))
	return filepath.Join(home, "helm-flow", fmt.Sprintf("%s-%x", filepath.Base(filepath.Dir(full)), sum[:4])), nil
}

func (c *runCommand) run(ctx context.Context, path string) error {
	f, err := c.input.load(path)
	if err != nil {
		return err
	}
	if err := refuseImages(f); err != nil {
		return err
	}
	manifests, err := c.input.render(f, values.Options{PythonSources: true}, chart.Options{Release: "flow", Namespace: c.env.helm.Namespace()})
	if err != nil {
		return err
	}
	if c.dataDir == "" {
		if c.dataDir, err = dataDirOf(path, c.env); err != nil {
			return err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return err
	}
	ctx, orphaned, stop := watchHelm(ctx, c.env)
	defer stop()
	return local.Run(ctx, local.Options{
		Manifests:    manifests,
		Programs:     local.Programs{Dir: filepath.Dir(self), Python: c.python},
		GuardCommand: []string{self, guardCommand},
		LogDir:       c.logDir,
		DataDir:      c.dataDir,
		Stderr:       c.env.Stderr,
		Color:        c.env.Color(c.env.Stderr),
		Size:         c.size(),
		Opened:       c.opened,
		Hurry:        orphaned,
	})
}

func (c *runCommand) opened(doors []local.Door) {
	for _, door := range doors {
		fmt.Fprintln(c.env.Stdout, door)
	}
	fmt.Fprintf(c.env.Stderr, "\nThe flow answers. Try, in another terminal:\n\n  %s post %s --text hello\n\nCtrl-C stops it.\n", c.program, doors[0])
}

// refuseImages gives a fault for each executor that is an image: there is no container runtime here.
func refuseImages(f *flow.Flow) error {
	var faults flow.Faults
	for _, e := range f.Executors {
		if e.Uses.Kind == flow.Image && !e.External.Value {
			faults = append(faults, flow.Fault{
				File: f.Path, Line: e.Uses.Pos.Line, Column: e.Uses.Pos.Column,
				What:     fmt.Sprintf("%s is an image, which run cannot start", e.Name.Value),
				Expected: "a built-in executor, or Python source",
				Cure:     "name its config.yml, or run the flow in a cluster",
			})
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// size is the terminal's, or nil where stderr is none, or one that cannot draw.
func (c *runCommand) size() func() (columns, rows int) {
	file, ok := c.env.Stderr.(*os.File)
	if !ok || !isTerminal(file) || c.env.Getenv("TERM") == "dumb" {
		return nil
	}
	return func() (columns, rows int) {
		columns, rows, err := term.GetSize(int(file.Fd()))
		if err != nil {
			return 80, 24
		}
		return columns, rows
	}
}
