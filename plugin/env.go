package plugin

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
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

	color colorMode
}

// Getenv returns the variable's value, or "" when it is not set.
func (e *Env) Getenv(name string) string {
	value, _ := e.LookupEnv(name)
	return value
}

// Color tells whether to write colours to w: as --color says, else when NO_COLOR is unset or empty (no-color.org) and w is
// a terminal that knows colours.
func (e *Env) Color(w io.Writer) bool {
	switch e.color {
	case colorAlways:
		return true
	case colorNever:
		return false
	}
	return e.Getenv("NO_COLOR") == "" && e.Getenv("TERM") != "dumb" && isTerminal(w)
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// colorMode is the value of --color: never, auto or always, the words that Helm 4 knows for its own --color.
type colorMode string

const (
	colorAuto   colorMode = "auto"
	colorNever  colorMode = "never"
	colorAlways colorMode = "always"
)

func (m *colorMode) String() string { return string(*m) }
func (m *colorMode) Type() string   { return "never|auto|always" }

func (m *colorMode) Set(text string) error {
	switch mode := colorMode(text); mode {
	case colorAuto, colorNever, colorAlways:
		*m = mode
		return nil
	}
	return fmt.Errorf("must be never, auto or always")
}
