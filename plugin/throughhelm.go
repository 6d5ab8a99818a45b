package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/helm-flow/helm-flow/charts"
	"github.com/helm-flow/helm-flow/internal/values"
	"github.com/helm-flow/helm-flow/plugin/helm"
)

// throughHelm is a command that runs Helm's of the same name, with a flow where Helm has a chart.
type throughHelm struct {
	env   *Env
	verb  string
	input flowInput
	// chart is a path, repo/name or oci://…; empty is the embedded one.
	chart string
}

// helmFlag marks flags that are ours and Helm's: they are read here, and handed on.
const helmFlag = "helm"

// addFlags adds the flags of such commands to those that cmd has of its own. It takes Helm's too.
func (c *throughHelm) addFlags(cmd *cobra.Command) {
	ours := cmd.Flags()
	c.input.addFlags(ours)
	ours.StringVar(&c.chart, "chart", "", "chart to use instead of the one inside: a path, repo/name or oci://…")
	markAsHelms(ours, valueFlags...)
	// Of Helm's flags we know only which take a value.
	cmd.DisableFlagParsing = !c.env.isCompleting()
	if c.env.isCompleting() && slices.Contains(c.env.Args, cmd.Name()) {
		addHelmsFlags(c.env, cmd, c.verb)
	}
}

func markAsHelms(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		_ = flags.SetAnnotation(name, helmFlag, nil) // fails only for a flag that is not there
	}
}

// commandLine is what the user gave to a command of Helm's.
type commandLine struct {
	words []string
	// flags for Helm. Those that are ours too have their long names.
	flags []helm.Flag
	// rest stands after -- and is Helm's as it stands.
	rest []string
	// onlyHelms: some of it is nothing of ours.
	onlyHelms bool
}

func (l commandLine) has(names ...string) bool {
	return slices.ContainsFunc(l.flags, func(f helm.Flag) bool { return slices.Contains(names, f.Name) && f.Value != "false" })
}

// parse reads our flags and leaves Helm's. It shows help where that is asked for: done.
func (c *throughHelm) parse(cmd *cobra.Command, args []string) (line commandLine, done bool, err error) {
	cmd.InheritedFlags() // adds them to Flags
	ours := func(name string) *pflag.Flag {
		if len(name) == 1 {
			return cmd.Flags().ShorthandLookup(name)
		}
		return cmd.Flags().Lookup(name)
	}
	words, flags, rest := helm.Split(c.verb, args, func(name string) (boolean, known bool) {
		f := ours(name)
		return f != nil && f.NoOptDefVal != "", f != nil
	})
	line = commandLine{words: words, rest: rest, onlyHelms: len(rest) > 0}
	var own []string
	for _, f := range flags {
		known := ours(f.Name)
		if known == nil {
			line.flags = append(line.flags, f)
			line.onlyHelms = true
			continue
		}
		own = append(own, f.Words...)
		if _, both := known.Annotations[helmFlag]; both {
			f.Name = known.Name
			line.flags = append(line.flags, f)
		}
	}
	cmd.DisableFlagParsing = false
	if err := cmd.ParseFlags(own); err != nil {
		return line, false, cmd.FlagErrorFunc()(cmd, err)
	}
	if asked, _ := cmd.Flags().GetBool("help"); asked {
		return line, true, cmd.Help()
	}
	return line, false, nil
}

// run runs Helm for the release called name, or without a name where Helm shall make one. Without a flow there are no values of ours. more are
// further flags.
func (c *throughHelm) run(ctx context.Context, line commandLine, name, flowPath string, more ...string) error {
	return c.runInto(ctx, c.env.Stdout, line, name, flowPath, more...)
}

func (c *throughHelm) runInto(ctx context.Context, stdout io.Writer, line commandLine, name, flowPath string, more ...string) (err error) {
	var text []byte
	if flowPath != "" {
		if text, err = c.values(flowPath, &line); err != nil {
			return err
		}
	}
	h, err := helm.Find(ctx, c.env.Getenv("HELM_BIN"))
	if err != nil {
		return err
	}
	private, err := os.MkdirTemp("", "helm-flow-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(private)) }()

	args := []string{c.verb}
	if name != "" {
		args = append(args, name)
	}
	chart := c.chart
	if chart == "" {
		if err := os.CopyFS(private, charts.Flow); err != nil {
			return fmt.Errorf("the chart as files: %w", err)
		}
		chart = filepath.Join(private, "flow")
	}
	args = append(args, chart)
	stdin := c.env.Stdin
	if text != nil {
		file := "-"
		if c.input.readsStdin() {
			file = filepath.Join(private, "values.yaml")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				return err
			}
		} else {
			stdin = bytes.NewReader(text)
		}
		args = append(args, "--values="+file)
	}
	for _, f := range line.flags {
		args = append(args, h.Translate(c.verb, f)...)
	}
	args = append(append(args, more...), line.rest...)
	return runHelm(ctx, c.env, h, helm.Command{Args: args, Stdin: stdin, Stdout: stdout, Stderr: c.env.Stderr})
}

// runHelm runs Helm with our environment, for as long as the Helm lives that has started us. When it fails it has said why.
func runHelm(ctx context.Context, env *Env, h *helm.Helm, command helm.Command) error {
	ctx, _, stop := watchHelm(ctx, env)
	defer stop()
	command.Env = env.helmVariables()
	err := h.Run(ctx, command)
	if _, ok := errors.AsType[*helm.ExitError](err); ok {
		return reported{err}
	}
	return err
}

// values are the flow's, which come before the user's. A template takes the user's in: then they are taken off the command line.
func (c *throughHelm) values(path string, line *commandLine) ([]byte, error) {
	if path == "-" && c.input.readsStdin() {
		return nil, errors.New("the flow and -f both read standard input; put one of them into a file")
	}
	f, err := c.input.load(path)
	if err != nil {
		return nil, err
	}
	if isTemplate(path) {
		v, err := c.input.values(f, values.Options{})
		if err != nil {
			return nil, err
		}
		c.input.user.ValueFiles = nil // standard input is read
		line.flags = slices.DeleteFunc(line.flags, func(f helm.Flag) bool { return slices.Contains(valueFlags, f.Name) })
		return marshalValues(v, "yaml")
	}
	alone := flowInput{env: c.env}
	v, err := alone.values(f, values.Options{})
	if err != nil {
		return nil, err
	}
	return marshalValues(v, "yaml")
}
