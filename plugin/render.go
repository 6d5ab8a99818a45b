package plugin

import (
	"github.com/spf13/pflag"
	helmvalues "helm.sh/helm/v3/pkg/cli/values"

	"github.com/helm-flow/helm-flow/flow"
	"github.com/helm-flow/helm-flow/internal/chart"
	"github.com/helm-flow/helm-flow/internal/values"
)

// addValueFlags adds Helm's flags for values; what they say wins over the flow.
func addValueFlags(flags *pflag.FlagSet, v *helmvalues.Options) {
	flags.StringSliceVarP(&v.ValueFiles, "values", "f", nil, "values in a YAML file or a URL (can specify multiple)")
	flags.StringArrayVar(&v.Values, "set", nil, "set values on the command line (can specify multiple or separate values with commas: key1=val1,key2=val2)")
	flags.StringArrayVar(&v.StringValues, "set-string", nil, "set STRING values on the command line")
	flags.StringArrayVar(&v.FileValues, "set-file", nil, "set values from files: key1=path1,key2=path2")
	flags.StringArrayVar(&v.JSONValues, "set-json", nil, "set JSON values on the command line")
	flags.StringArrayVar(&v.LiteralValues, "set-literal", nil, "set a literal STRING value on the command line")
}

// render is the way of a flow to manifests: values, the user's values over them, the chart. In opts, Values are the
// flow's part alone.
func render(f *flow.Flow, from values.Options, user helmvalues.Options, opts chart.Options) ([]chart.Manifest, error) {
	v, err := values.FromFlow(f, from)
	if err != nil {
		return nil, err
	}
	flowValues, err := v.Map()
	if err != nil {
		return nil, err
	}
	if opts.Values, err = chart.Merge(flowValues, user); err != nil {
		return nil, err
	}
	return chart.Render(opts)
}
