package plugin

import (
	"fmt"

	"github.com/spf13/cobra"
)

const passedOn = `Every flag that is not listed here is Helm's (helm %[1]s --help) and reaches it untouched, as does all that stands after --. Both spellings
of --atomic and --rollback-on-failure, --force and --force-replace, and of --wait and --dry-run work with Helm 3 and Helm 4.`

func newInstallCommand(env *Env) *cobra.Command {
	c := &throughHelm{env: env, verb: "install", input: flowInput{env: env}}
	cmd := &cobra.Command{
		Use:   "install NAME FLOW",
		Short: "Install a flow as a release",
		Long: `Install a flow as a release, as helm install does with a chart. NAME is the release, FLOW the path of a flow.yml, or - for standard input.

The flow's values come first, so that -f and --set win. A fault of the flow is reported before Helm is called, with exit code 3.

` + fmt.Sprintf(passedOn, "install") + `

The exit code is Helm's; 4 if there is no Helm, or one that is too old.`,
		Example: `  helm flow install demo flow.yml
  helm flow install demo flow.yml --namespace ml --create-namespace --set gateway.prefetch=5 --wait
  helm flow install flow.yml --generate-name --dry-run=client -o json`,
		ValidArgsFunction: completeNewNameAndFlow,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		line, done, err := c.parse(cmd, args)
		if done || err != nil {
			return err
		}
		switch named := !line.has("generate-name", "g", "name-template"); {
		case named && len(line.words) == 2:
			return c.run(cmd.Context(), line, line.words[0], line.words[1])
		case !named && len(line.words) == 1:
			return c.run(cmd.Context(), line, "", line.words[0])
		case !named:
			return fmt.Errorf("%s needs a flow and, as Helm makes the name, nothing else; got %q", cmd.CommandPath(), line.words)
		}
		return fmt.Errorf("%s needs a name and a flow, got %q", cmd.CommandPath(), line.words)
	}
	c.addFlags(cmd)
	return cmd
}
