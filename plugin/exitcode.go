package plugin

import (
	"errors"

	"github.com/helm-flow/helm-flow/flow"
	"github.com/helm-flow/helm-flow/internal/chart"
	"github.com/helm-flow/helm-flow/plugin/helm"
)

// The exit codes of every command.
const (
	exitOK          = 0
	exitFailed      = 1
	exitFindings    = 2
	exitInvalidFlow = 3
	exitNoHelm      = 4
)

// errFindings is the error of a command that did its work, and found what it was asked to look for.
var errFindings = errors.New("findings")

// exitCodes gives errors their exit codes; the first row that holds counts, and without one the command has failed.
var exitCodes = []struct {
	code  int
	holds func(error) bool
}{
	{exitFindings, func(err error) bool { return errors.Is(err, errFindings) }},
	{exitInvalidFlow, is[flow.Faults]},
	{exitInvalidFlow, is[*chart.InvalidValues]},
	{exitNoHelm, is[*helm.MissingError]},
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func exitCode(err error) int {
	if exit, ok := errors.AsType[*helm.ExitError](err); ok {
		return exit.Code
	}
	for _, row := range exitCodes {
		if row.holds(err) {
			return row.code
		}
	}
	return exitFailed
}

// reported is an error that stands in the command's result already, so that Main only takes the exit code from it.
type reported struct{ error }

func (r reported) Unwrap() error { return r.error }
