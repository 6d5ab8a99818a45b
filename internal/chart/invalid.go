package chart

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"

	"github.com/helm-flow/helm-flow/internal/values"
)

// InvalidValues are values that the chart refuses.
type InvalidValues struct {
	// Faults are `path: what is wrong`, such as `executors.encoder.replicas: got string, want integer`.
	Faults []string
}

func (e *InvalidValues) Error() string {
	return "values that the chart refuses:\n  " + strings.Join(e.Faults, "\n  ")
}

// withoutNull takes out of reports that null would do as well: it does everywhere.
var withoutNull = strings.NewReplacer("want null or ", "want ", ", <nil>", "")

// schemaFault is a line of the schema check's report; the others are kinds of what it says.
var (
	schemaFault = regexp.MustCompile(`(?m)^ *- at '(/[^']*|)': (.*)$`)
	unknownKeys = regexp.MustCompile(`^additional properties (.*) not allowed$`)
	wrongForm   = regexp.MustCompile(`^('.*') does not match pattern '(.*)'$`)
)

// check holds values against the chart's schema.
func check(c *helmchart.Chart, merged any) error {
	table, ok := merged.(chartutil.Values)
	if !ok {
		return fmt.Errorf("values of chart %s: got %T, want a map", c.Name(), merged)
	}
	err := chartutil.ValidateAgainstSchema(c, table)
	if err == nil {
		return nil
	}
	invalid := &InvalidValues{}
	for _, match := range schemaFault.FindAllStringSubmatch(err.Error(), -1) {
		path, what := strings.ReplaceAll(strings.Trim(match[1], "/"), "/", "."), match[2]
		if strings.HasSuffix(what, " failed") {
			continue // the lines below it say why
		}
		if names := unknownKeys.FindStringSubmatch(what); names != nil {
			for name := range strings.SplitSeq(names[1], ", ") {
				key := strings.TrimPrefix(path+"."+strings.Trim(name, "'"), ".")
				invalid.Faults = append(invalid.Faults, key+": the chart knows no such value")
			}
			continue
		}
		if form := wrongForm.FindStringSubmatch(what); form != nil {
			if expected := values.Expected(strings.ReplaceAll(form[2], `\\`, `\`)); expected != "" {
				what = form[1] + ", expected " + expected
			}
		}
		invalid.Faults = append(invalid.Faults, strings.TrimPrefix(path+": ", ": ")+withoutNull.Replace(what))
	}
	slices.Sort(invalid.Faults) // the check goes through maps in any order
	if len(invalid.Faults) == 0 {
		return fmt.Errorf("schema of chart %s: %w", c.Name(), err)
	}
	return invalid
}

// checksFailed is how the engine reports what templates/checks.yaml of our chart found.
var checksFailed = regexp.MustCompile(`(?s)^execution error at \(\S*/templates/checks\.yaml:\d+:\d+\): (.*)$`)

func templateError(c *helmchart.Chart, err error) error {
	if match := checksFailed.FindStringSubmatch(err.Error()); match != nil {
		return &InvalidValues{Faults: strings.Split(match[1], "\n")}
	}
	return fmt.Errorf("rendering chart %s: %w", c.Name(), err)
}
