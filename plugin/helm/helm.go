// Package helm finds the user's Helm, of either major, and runs it.
package helm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// Oldest is the first Helm that reads our plugin.yaml: older ones know no platformHooks, and then load no plugin at all.
var Oldest = Version{3, 18}

// Version of a Helm. A Helm that was built without its build's metadata says no more than major and minor.
type Version struct {
	Major, Minor int
}

func (v Version) String() string { return fmt.Sprintf("v%d.%d", v.Major, v.Minor) }

// Less reports whether v is older than other.
func (v Version) Less(other Version) bool {
	return cmp.Or(cmp.Compare(v.Major, other.Major), cmp.Compare(v.Minor, other.Minor)) < 0
}

// Helm is one that can be run.
type Helm struct {
	// Path of the program.
	Path string
	// Release is what it says of itself, such as v3.18.4 or v4.3.
	Release string
	Version Version
}

// MissingError says why there is no Helm to run.
type MissingError struct{ what string }

func (e *MissingError) Error() string {
	return e.what + "; this needs Helm " + Oldest.String() + " or newer, as helm in PATH or at $HELM_BIN"
}

// ExitError is how Helm ended, when not well. It has said why on its stderr.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return "helm ended with exit code " + strconv.Itoa(e.Code) }

var release = regexp.MustCompile(`(?m)^v?(\d+)\.(\d+)\S*`)

// Find finds bin, a path or a name in PATH, and asks for its version; an empty bin is helm. The error is a *MissingError.
func Find(ctx context.Context, bin string) (*Helm, error) {
	bin = cmp.Or(bin, "helm")
	path, err := exec.LookPath(bin)
	if err != nil {
		return nil, &MissingError{fmt.Sprintf("no program %s: %v", bin, errors.Unwrap(err))}
	}
	cmd := exec.CommandContext(ctx, path, "version", "--template", "{{.Version}}")
	// Whatever is wrong with a plugin must not get into the answer.
	cmd.Env = append(os.Environ(), "HELM_NO_PLUGINS=1")
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	said := release.FindStringSubmatch(string(out))
	if err != nil || said == nil {
		return nil, &MissingError{fmt.Sprintf("%s does not tell its version (%s)", path, cmp.Or(errorText(err), strconv.Quote(string(out))))}
	}
	h := &Helm{Path: path, Release: said[0]}
	h.Version.Major, _ = strconv.Atoi(said[1])
	h.Version.Minor, _ = strconv.Atoi(said[2])
	if h.Version.Less(Oldest) {
		return nil, &MissingError{fmt.Sprintf("%s is Helm %s, which is too old", path, h.Release)}
	}
	return h, nil
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Command is one run of Helm.
type Command struct {
	Args []string
	// Env are variables over those of this process, which Helm inherits: name=value.
	Env            []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run runs Helm to its end. When the context ends Helm is asked to end, as by a user, and takes the time it needs. The error is an *ExitError if
// Helm ran.
func (h *Helm) Run(ctx context.Context, c Command) error {
	cmd := exec.CommandContext(ctx, h.Path, c.Args...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.Stdin, c.Stdout, c.Stderr
	cmd.Cancel = func() error { return terminate(cmd.Process) }
	err := cmd.Run()
	switch state := cmd.ProcessState; {
	case state == nil:
		return fmt.Errorf("running %s %s: %w", h.Path, strings.Join(c.Args[:min(1, len(c.Args))], " "), err)
	case !state.Success():
		return &ExitError{exitCode(state)}
	}
	return nil
}
