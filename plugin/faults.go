package plugin

import (
	"fmt"
	"io"
	"slices"

	"github.com/helm-flow/helm-flow/flow"
)

// printFaults writes one line for each fault, file:line:column first, as compilers do.
func printFaults(w io.Writer, faults flow.Faults) {
	for _, fault := range faults {
		fmt.Fprintln(w, fault)
	}
}

// asWarnings marks faults as such as do not keep the flow from running.
func asWarnings(faults flow.Faults) flow.Faults {
	marked := slices.Clone(faults)
	for i := range marked {
		marked[i].What = "warning: " + marked[i].What
	}
	return marked
}
