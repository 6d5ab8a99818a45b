package plugin

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/helm-flow/helm-flow/flow"
)

// maxStdin is more than flow.Read takes, in bytes, so that it is flow.Read which says what is too much.
const maxStdin = 2 << 20

// flowArg is the check of a command's arguments, when they are one flow.
func flowArg(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return fmt.Errorf("%s needs a flow: the path of a flow.yml, or - for standard input", cmd.CommandPath())
	case 1:
		return nil
	}
	return fmt.Errorf("%s takes one flow, got %d arguments", cmd.CommandPath(), len(args))
}

// readFlow reads the flow at path, - being standard input. The error is of type flow.Faults.
func (e *Env) readFlow(path string) (*flow.Flow, error) {
	if path != "-" {
		return flow.ReadFile(path, flow.Options{})
	}
	src, err := io.ReadAll(io.LimitReader(e.Stdin, maxStdin))
	if err != nil {
		return nil, flow.Faults{{File: stdinName, What: fmt.Sprintf("cannot be read: %v", err)}}
	}
	return flow.Read(stdinName, src, flow.Options{})
}

// stdinName is what faults begin with; the folder of it, for relative paths in the flow, is the working directory.
const stdinName = "<stdin>"

// loadFlow is readFlow for commands whose result is not what is wrong with it: warnings go to stderr.
func (e *Env) loadFlow(path string) (*flow.Flow, error) {
	f, err := e.readFlow(path)
	if err != nil {
		return nil, err
	}
	printFaults(e.Stderr, asWarnings(f.Warnings))
	return f, nil
}

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
