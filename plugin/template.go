package plugin

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"
	helmvalues "helm.sh/helm/v3/pkg/cli/values"

	"github.com/helm-flow/helm-flow/internal/chart"
	"github.com/helm-flow/helm-flow/internal/values"
)

func newTemplateCommand(env *Env) *cobra.Command {
	var user helmvalues.Options
	opts := chart.Options{}
	cmd := &cobra.Command{
		Use:   "template [NAME] FLOW",
		Short: "Print the Kubernetes objects of a flow",
		Long: `Print the Kubernetes objects of a flow, as helm template prints those of a chart. Nothing asks a cluster.

FLOW is the path of a flow.yml, or - for standard input; NAME is the release. What --set and -f say wins over the flow.`,
		Example: `  helm flow template demo flow.yml
  helm flow template demo flow.yml --set gateway.replicas=2 --namespace ml | kubectl apply -f -`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return flowArg(cmd, args)
		},
		RunE: func(_ *cobra.Command, args []string) error {
			opts.Release, opts.Namespace = "release-name", env.helm.Namespace()
			if len(args) == 2 {
				opts.Release = args[0]
			}
			f, err := env.loadFlow(args[len(args)-1])
			if err != nil {
				return err
			}
			manifests, err := render(f, values.Options{}, user, opts)
			if err != nil {
				return err
			}
			var out bytes.Buffer
			for _, m := range manifests {
				fmt.Fprintf(&out, "---\n# Source: %s\n%s\n", m.Source, bytes.TrimSpace(m.YAML))
			}
			_, err = env.Stdout.Write(out.Bytes())
			return err
		},
	}
	addValueFlags(cmd.Flags(), &user)
	cmd.Flags().StringVar(&opts.KubeVersion, "kube-version", "", "Kubernetes version used for Capabilities.KubeVersion")
	cmd.Flags().StringSliceVarP(&opts.APIVersions, "api-versions", "a", nil, "Kubernetes api versions used for Capabilities.APIVersions (multiple can be specified)")
	return cmd
}
