package plugin

import (
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"helm.sh/helm/v3/pkg/cli"
)

// Env is all that a command may touch of the process it runs in. The context of a command is cmd.Context(): it ends with
// the first SIGINT, SIGTERM or SIGHUP.
type Env struct {
	// Stdout takes the result of a command, Stderr everything else.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Args are the command line without the program's name.
	Args []string
	// LookupEnv is os.LookupEnv, or a test's.
	LookupEnv func(name string) (string, bool)

	// color is --color: the words that Helm 4 knows for its own, or it would not let ours through.
	color choice
	// helm holds Helm's global flags and variables.
	helm *cli.EnvSettings
}

// Getenv returns the variable's value, or "" when it is not set.
func (e *Env) Getenv(name string) string {
	value, _ := e.LookupEnv(name)
	return value
}

// Color tells whether to write colours to w: as --color says, else when NO_COLOR is unset or empty (no-color.org) and w is
// a terminal that knows colours.
func (e *Env) Color(w io.Writer) bool {
	switch e.color.value {
	case "always":
		return true
	case "never":
		return false
	}
	return e.Getenv("NO_COLOR") == "" && e.Getenv("TERM") != "dumb" && isTerminal(w)
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// helmVariables are what a Helm started by us inherits of the global flags.
func (e *Env) helmVariables() []string {
	var variables []string
	for name, value := range e.helm.EnvVars() {
		if name != "HELM_BIN" { // which would be us
			variables = append(variables, name+"="+value)
		}
	}
	if e.color.value != "auto" {
		variables = append(variables, "HELM_COLOR="+e.color.value)
	}
	return variables
}

// isCompleting reports whether a shell asks for completions.
func (e *Env) isCompleting() bool {
	return len(e.Args) > 0 && (e.Args[0] == cobra.ShellCompRequestCmd || e.Args[0] == cobra.ShellCompNoDescRequestCmd)
}

// draws reports whether stderr is a terminal in which lines can be drawn anew.
func (e *Env) draws() bool { return isTerminal(e.Stderr) && e.Getenv("TERM") != "dumb" }
