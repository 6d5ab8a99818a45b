package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/helm-flow/helm-flow/plugin/diff"
	"github.com/helm-flow/helm-flow/plugin/helm"
)

// diffCommand is an upgrade that ends before it changes anything.
type diffCommand struct {
	throughHelm
	output   choice
	context  int
	exitCode bool
	options  diff.Options
}

func newDiffCommand(env *Env) *cobra.Command {
	c := &diffCommand{
		throughHelm: throughHelm{env: env, verb: "upgrade", input: flowInput{env: env}},
		output:      choice{value: "text", of: []string{"text", "json"}},
	}
	cmd := &cobra.Command{
		Use:   "diff NAME [FLOW]",
		Short: "Show what an upgrade would change",
		Long: `Show what an upgrade would change: the objects of the release against those that helm flow upgrade would make of the same arguments, and
which workloads would have their pods replaced. Nothing changes.

NAME is the release, FLOW the path of a flow.yml, or - for standard input; without one the release keeps its values. With --install a release
that is not there counts as one without objects. Hooks are left out. Values of Secrets are not shown.

` + fmt.Sprintf(passedOn, "upgrade") + `

The exit code is 0 with and without differences; with --detailed-exitcode it is 2 if there are any.`,
		Example: `  helm flow diff demo flow.yml
  helm flow diff demo --set gateway.prefetch=5
  helm flow diff demo flow.yml --detailed-exitcode -o json`,
		ValidArgsFunction: completeReleaseAndFlow(env),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		line, done, err := c.parse(cmd, args)
		if done || err != nil {
			return err
		}
		name, path, more, err := upgradeArgs(cmd, line)
		if err != nil {
			return err
		}
		return c.run(cmd.Context(), line, name, path, more)
	}
	flags := cmd.Flags()
	c.output.addTo(cmd, "format of the differences")
	flags.IntVarP(&c.context, "unified", "U", 3, "lines of context around each difference; -1 is all")
	flags.BoolVar(&c.exitCode, "detailed-exitcode", false, "exit code 2 if there are differences")
	flags.BoolVar(&c.options.ShowSecrets, "show-secrets", false, "show the values of Secrets")
	c.addFlags(cmd)
	return cmd
}

func (c *diffCommand) run(ctx context.Context, line commandLine, name, flowPath string, more []string) error {
	var upgraded bytes.Buffer
	if !line.has("dry-run") {
		more = append(more, "--dry-run=client")
	}
	if err := c.runInto(ctx, &upgraded, line, name, flowPath, append(more, "--output=json")...); err != nil {
		return err
	}
	var release struct{ Namespace, Manifest string }
	if err := json.Unmarshal(upgraded.Bytes(), &release); err != nil {
		return fmt.Errorf("what helm upgrade --dry-run --output json wrote is no release: %w", err)
	}
	manifest, err := c.manifestOf(ctx, name, line.has("install", "i"))
	if err != nil {
		return err
	}
	before, err := diff.Parse(manifest, release.Namespace)
	if err != nil {
		return fmt.Errorf("release %s: %w", name, err)
	}
	after, err := diff.Parse(release.Manifest, release.Namespace)
	if err != nil {
		return fmt.Errorf("the upgrade: %w", err)
	}
	changes, err := diff.Compare(before, after, c.options)
	if err != nil {
		return err
	}
	if err := c.print(changes); err != nil {
		return err
	}
	if c.exitCode && len(changes) > 0 {
		return reported{errFindings}
	}
	return nil
}

// manifestOf gives the objects of a release as YAML; none of one that is not there, where it may be missing.
func (c *diffCommand) manifestOf(ctx context.Context, name string, mayBeMissing bool) (string, error) {
	h, err := helm.Find(ctx, c.env.Getenv("HELM_BIN"))
	if err != nil {
		return "", err
	}
	var out, complaint bytes.Buffer
	err = runHelm(ctx, c.env, h, helm.Command{Args: []string{"get", "manifest", name}, Stdout: &out, Stderr: &complaint})
	if err != nil && mayBeMissing && strings.Contains(complaint.String(), "release: not found") {
		return "", nil
	}
	if err != nil {
		return "", errors.Join(err, writeAll(c.env.Stderr, complaint.Bytes()))
	}
	return out.String(), nil
}

func writeAll(w io.Writer, text []byte) error {
	_, err := w.Write(text)
	return err
}

// changed is a difference in JSON.
type changed struct {
	Change    diff.Kind `json:"change"` // added, removed or changed
	Group     string    `json:"group"`  // empty for Kubernetes' core
	Kind      string    `json:"kind"`
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Rolls     bool      `json:"rolls"` // the workload's pods are replaced
	Lines     []string  `json:"lines"` // each begins with +, -, a blank, or @ and a path
}

func (c *diffCommand) print(changes []diff.Change) error {
	if c.output.value == "json" {
		all := []changed{}
		for _, change := range changes {
			item := changed{change.Kind, change.Group, change.ID.Kind, change.Namespace, change.Name, change.Rolls, []string{}}
			for _, line := range diff.Lines(change.Old, change.New, c.context) {
				item.Lines = append(item.Lines, string(line.Sign)+line.Text)
			}
			all = append(all, item)
		}
		return printJSON(c.env.Stdout, all)
	}
	var out bytes.Buffer
	p := painter{c.env.Color(c.env.Stdout)}
	for _, change := range changes {
		title := fmt.Sprintf("%s %s %s", change.ID.Kind, change.Name, change.Kind)
		if change.Rolls {
			title += ", its pods are replaced"
		}
		fmt.Fprintln(&out, p.paint(bold, title))
		for _, line := range diff.Lines(change.Old, change.New, c.context) {
			fmt.Fprintln(&out, p.paint(lineColors[line.Sign], strings.TrimRight(string(line.Sign)+" "+line.Text, " ")))
		}
		fmt.Fprintln(&out)
	}
	if _, err := c.env.Stdout.Write(out.Bytes()); err != nil {
		return err
	}
	fmt.Fprintln(c.env.Stderr, diff.Count(changes))
	return nil
}

var lineColors = map[byte]string{'+': green, '-': red, '@': cyan, ' ': ""}
