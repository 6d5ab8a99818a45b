package plugin

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/helm-flow/helm-flow/internal/serve"
)

// Version is the plugin's and the chart's; plugin.yaml and charts/flow/Chart.yaml say the same.
const Version = serve.Version

func newVersionCommand(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(env.Stdout, "helm-flow %s (%s, %s/%s)\n", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
