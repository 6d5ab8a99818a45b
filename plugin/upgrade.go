package plugin

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
)

func newUpgradeCommand(env *Env) *cobra.Command {
	c := &throughHelm{env: env, verb: "upgrade", input: flowInput{env: env}}
	cmd := &cobra.Command{
		Use:   "upgrade NAME [FLOW]",
		Short: "Upgrade a release to a flow, or change a few of its values",
		Long: `Upgrade a release to a flow, as helm upgrade does with a chart. NAME is the release, FLOW the path of a flow.yml, or - for standard input.

With FLOW the release's values are the flow's, and what -f and --set say over it. Without, the release keeps all its values and changes those
that -f and --set say: Helm's --reset-then-reuse-values.

` + fmt.Sprintf(passedOn, "upgrade") + `

The exit code is Helm's; 3 if the flow is invalid, 4 if there is no Helm, or one that is too old.`,
		Example: `  helm flow upgrade demo flow.yml --install --wait
  helm flow upgrade demo --set gateway.prefetch=5
  helm flow upgrade demo flow.yml --atomic --timeout 2m`,
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
		return c.run(cmd.Context(), line, name, path, more...)
	}
	c.addFlags(cmd)
	return cmd
}

// upgradeArgs reads `NAME [FLOW]`. Without a flow the release is one that is there, and keeps its values: more are Helm's flags for that.
func upgradeArgs(cmd *cobra.Command, line commandLine) (name, flowPath string, more []string, err error) {
	switch len(line.words) {
	case 2:
		return line.words[0], line.words[1], nil, nil
	case 1:
		name = line.words[0]
	default:
		return "", "", nil, fmt.Errorf("%s needs a release, and a flow unless only values change; got %q", cmd.CommandPath(), line.words)
	}
	if looksLikeFlow(name) {
		return "", "", nil, fmt.Errorf("%s needs the release's name before the flow %s", cmd.CommandPath(), name)
	}
	if line.has("install", "i") {
		return "", "", nil, errors.New("--install needs a flow, as there may be no release yet whose values could be kept")
	}
	if !line.has("reset-values", "reuse-values", "reset-then-reuse-values") {
		more = []string{"--reset-then-reuse-values"}
	}
	return name, "", more, nil
}

// looksLikeFlow tells a path from a release's name, which may have dots.
func looksLikeFlow(word string) bool {
	return word == "-" || slices.Contains([]string{".yml", ".yaml", ".tmpl", ".gotmpl"}, filepath.Ext(word))
}
