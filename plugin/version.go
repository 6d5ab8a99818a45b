package plugin

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/helm-flow/helm-flow/internal/serve"
	"github.com/helm-flow/helm-flow/plugin/helm"
)

// Version is the plugin's and the chart's; plugin.yaml and charts/flow/Chart.yaml say the same.
const Version = serve.Version

// versionInfo is the version in JSON.
type versionInfo struct {
	Version    string `json:"version"`    // of the plugin, the chart and the images
	Go         string `json:"go"`         // what it was built with
	Platform   string `json:"platform"`   // such as linux/amd64
	OldestHelm string `json:"oldestHelm"` // that it works with
}

func newVersionCommand(env *Env) *cobra.Command {
	output := choice{value: "text", of: []string{"text", "json"}}
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of the plugin, which is also that of the chart and the images",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := versionInfo{Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, helm.Oldest.String()}
			if output.value == "json" {
				return printJSON(env.Stdout, v)
			}
			_, err := fmt.Fprintf(env.Stdout, "helm-flow %s (%s, %s)\n", v.Version, v.Go, v.Platform)
			return err
		},
	}
	output.addTo(cmd, "format of the version")
	return cmd
}

// printJSON writes v as JSON that people can read.
func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
