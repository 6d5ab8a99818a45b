package plugin

import (
	"encoding/json"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/helm-flow/helm-flow/internal/values"
)

func newValuesCommand(env *Env) *cobra.Command {
	output := choice{value: "yaml", of: []string{"yaml", "json"}}
	cmd := &cobra.Command{
		Use:   "values FLOW",
		Short: "Print a flow as values of the chart",
		Long: `Print a flow as values of the chart, for GitOps and pipes. FLOW is the path of a flow.yml, or - for standard input.

The values say only what the flow says; the chart has the defaults.`,
		Example: `  helm flow values flow.yml > values.yaml
  helm flow values flow.yml | helm upgrade --install demo charts/flow -f -`,
		Args: flowArg,
		RunE: func(_ *cobra.Command, args []string) error {
			f, err := env.loadFlow(args[0])
			if err != nil {
				return err
			}
			v, err := values.FromFlow(f, values.Options{})
			if err != nil {
				return err
			}
			return writeValues(env, v, output.value)
		},
	}
	cmd.Flags().VarP(&output, "output", "o", "format of the values")
	return cmd
}

func writeValues(env *Env, v values.Values, format string) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if format == "yaml" {
		if text, err = yaml.JSONToYAML(text); err != nil {
			return err
		}
	}
	_, err = env.Stdout.Write(text)
	return err
}
