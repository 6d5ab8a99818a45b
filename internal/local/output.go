package local

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	// maxLine bounds a line of output in bytes; longer ones are broken.
	maxLine = 16 << 10
	// keptLines are kept for the report of a process's death.
	keptLines = 10
)

// output takes what a process writes, line by line.
type output struct {
	emit    func(line string)
	partial []byte
	// last are the newest lines, oldest first; to be read when the process has ended.
	last []string
}

func (o *output) Write(p []byte) (int, error) {
	o.partial = append(o.partial, p...)
	for {
		end := bytes.IndexByte(o.partial, '\n')
		switch {
		case end >= 0:
			o.line(o.partial[:end])
			o.partial = o.partial[end+1:]
		case len(o.partial) > maxLine:
			o.line(o.partial[:maxLine])
			o.partial = o.partial[maxLine:]
		default:
			return len(p), nil
		}
	}
}

// Close ends the last line if the process has not.
func (o *output) Close() error {
	if len(o.partial) > 0 {
		o.line(o.partial)
		o.partial = nil
	}
	return nil
}

func (o *output) line(text []byte) {
	// A progress bar overwrites its line; the last state is what counts.
	text = bytes.TrimRight(text, "\r")
	line := strings.ToValidUTF8(string(text[bytes.LastIndexByte(text, '\r')+1:]), "�")
	if len(o.last) == keptLines {
		o.last = o.last[1:]
	}
	o.last = append(o.last, line)
	o.emit(line)
}

// quote sets the last lines of a process under a message about it.
func quote(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return "; its last lines:\n    " + strings.Join(lines, "\n    ")
}

// logs are one file for each workload.
type logs map[string]*os.File

// openLogs begins NAME.log in dir for each name.
func openLogs(dir string, names []string) (logs, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	files := make(logs)
	for _, name := range names {
		file, err := os.Create(filepath.Join(dir, name+".log"))
		if err != nil {
			return nil, errors.Join(err, files.close())
		}
		files[name] = file
	}
	return files, nil
}

// write adds a line. A full disk must not stop a flow: the line is lost.
func (l logs) write(name, line string) { _, _ = fmt.Fprintln(l[name], line) }

func (l logs) close() error {
	var faults []error
	for _, file := range l {
		faults = append(faults, file.Close())
	}
	return errors.Join(faults...)
}
