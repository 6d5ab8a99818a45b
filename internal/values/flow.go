package values

import (
	"errors"

	"github.com/helm-flow/helm-flow/flow"
)

// Options are what differs between a cluster and a laptop.
type Options struct {
	// PythonSources lets executors be Python source on this machine: `uses` and `pyModules` are then absolute paths.
	// Without it such an executor is a fault that says it needs an image.
	PythonSources bool
}

// FromFlow turns a flow into values of the chart. The error is of type flow.Faults.
func FromFlow(f *flow.Flow, opts Options) (Values, error) {
	return Values{}, errors.New("not written yet")
}
