package local

import (
	"errors"
	"io"
)

var errWindows = errors.New("run is not supported on Windows; use WSL")

type launcher struct{}

func newLauncher([]string, string) (*launcher, error)              { return nil, errWindows }
func (*launcher) launch(Process, io.WriteCloser) (instance, error) { return nil, errWindows }
func (*launcher) close() error                                     { return nil }

// Guard is not supported on Windows.
func Guard(io.Reader) error { return errWindows }
