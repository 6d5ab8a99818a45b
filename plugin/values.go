package plugin

import (
	"encoding/json"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/helm-flow/helm-flow/internal/values"
)

func newValuesCommand(env *Env) *cobra.Command {
	input := flowInput{env: env}
	output := choice{value: "yaml", of: []string{"yaml", "json"}}
	cmd := &cobra.Command{
		Use:   "values FLOW",
		Short: "Print a flow as values of the chart",
		Long: `Print a flow as values of the chart, for GitOps and pipes. FLOW is the path of a flow.yml, or - for standard input.

The values say only what the flow says, and --set and -f over it; the chart has the defaults.`,
		Example: `  helm flow values flow.yml > values.yaml
  helm flow values flow.yml | helm upgrade --install demo charts/flow -f -`,
		Args:              flowArg,
		ValidArgsFunction: completeFlow,
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := input.load(args[0])
			if err != nil {
				return err
			}
			v, err := input.values(f, values.Options{})
			if err != nil {
				return err
			}
			text, err := marshalValues(v, output.value)
			if err != nil {
				return err
			}
			_, err = env.Stdout.Write(text)
			return err
		},
	}
	input.addFlags(cmd.Flags())
	output.addTo(cmd, "format of the values")
	return cmd
}

func marshalValues(v map[string]any, format string) ([]byte, error) {
	if format == "yaml" {
		return yaml.Marshal(v)
	}
	text, err := json.MarshalIndent(v, "", "  ")
	return append(text, '\n'), err
}
