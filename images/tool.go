package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// tool is a program of this machine that a build runs.
type tool struct {
	name string // on PATH
	cure string // how to get it
}

// tailLines is how much of a tool's last words an error shows.
const tailLines = 20

// find returns the tool's path.
func (t tool) find() (string, error) {
	path, err := exec.LookPath(t.name)
	if err != nil {
		return "", fmt.Errorf("%s is not on PATH: %s", t.name, t.cure)
	}
	return path, nil
}

// run runs the tool in dir, with env added to the environment. Each line that it says goes to heard as it comes; the error has the last ones.
func (t tool) run(ctx context.Context, dir string, env []string, heard func(line string), args ...string) error {
	path, err := t.find()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	said := &lines{heard: heard}
	cmd.Stdout, cmd.Stderr = said, said
	// The tool stops its own children and removes its own files, if it is asked to. Windows cannot ask.
	cmd.Cancel = func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return cmd.Process.Kill()
		}
		return nil
	}
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	said.end()
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, ok := errors.AsType[*exec.ExitError](err); ok {
			return fmt.Errorf("%s %s:\n%s", t.name, args[0], strings.Join(said.tail, "\n"))
		}
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// lines is a writer that takes text apart into lines.
type lines struct {
	heard func(line string)
	part  []byte
	tail  []string
}

// end takes what came last for a line, if it is none.
func (l *lines) end() {
	if len(l.part) > 0 {
		l.Write([]byte("\n"))
	}
}

func (l *lines) Write(p []byte) (int, error) {
	l.part = append(l.part, p...)
	for {
		line, rest, whole := bytes.Cut(l.part, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		l.part = rest
		text := strings.TrimRight(string(line), "\r")
		l.heard(text)
		l.tail = append(l.tail, "  "+text)
		if len(l.tail) > tailLines {
			l.tail = l.tail[1:]
		}
	}
}
