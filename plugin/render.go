package plugin

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	"helm.sh/helm/v3/pkg/chartutil"
	helmvalues "helm.sh/helm/v3/pkg/cli/values"

	"github.com/helm-flow/helm-flow/flow"
	"github.com/helm-flow/helm-flow/internal/chart"
	"github.com/helm-flow/helm-flow/internal/values"
)

// render is the way of a flow to manifests: values, the user's values over them, the chart. opts has no Values yet.
func (in *flowInput) render(f *flow.Flow, from values.Options, opts chart.Options) ([]chart.Manifest, error) {
	var err error
	if opts.Values, err = in.values(f, from); err != nil {
		return nil, err
	}
	return chart.Render(opts)
}

// values are the flow's with the user's over them, as if the flow's had been the first -f.
func (in *flowInput) values(f *flow.Flow, from values.Options) (map[string]any, error) {
	v, err := values.FromFlow(f, from)
	if err != nil {
		return nil, err
	}
	flowValues, err := v.Map()
	if err != nil {
		return nil, err
	}
	if !isTemplate(f.Path) {
		return chart.Merge(flowValues, in.user)
	}
	user, err := in.templateValues()
	if err != nil {
		return nil, err
	}
	known, err := chartKeys()
	if err != nil {
		return nil, err
	}
	forChart := maps.Clone(user)
	maps.DeleteFunc(forChart, func(key string, _ any) bool { return !known[key] })
	// A copy, as tables are merged in place.
	if forChart, err = chart.Merge(forChart, helmvalues.Options{}); err != nil {
		return nil, err
	}
	return chartutil.MergeTables(forChart, flowValues), nil
}

// templateValues are what Helm's flags for values say, which a template sees as .Values.
func (in *flowInput) templateValues() (map[string]any, error) {
	if in.userValues == nil {
		var err error
		if in.userValues, err = chart.Merge(nil, in.user); err != nil {
			return nil, err
		}
	}
	return in.userValues, nil
}

// chartKeys are the names at the top of the chart's values. What else the user gives to a template is the template's alone.
var chartKeys = sync.OnceValues(func() (map[string]bool, error) {
	c, err := chart.Embedded()
	if err != nil {
		return nil, err
	}
	var schema struct{ Properties map[string]any }
	if err := json.Unmarshal(c.Schema, &schema); err != nil {
		return nil, fmt.Errorf("schema of the chart: %w", err)
	}
	known := make(map[string]bool)
	for key := range schema.Properties {
		known[key] = true
	}
	return known, nil
})
