package images

import (
	"strings"
	"testing"
)

// An error shows the last lines that a tool says, also the one that has no end.
func TestToolSaysWhy(t *testing.T) {
	var heard []string
	shell := tool{"sh", "install a shell"}
	err := shell.run(t.Context(), t.TempDir(), []string{"WORD=hello"}, func(line string) { heard = append(heard, line) },
		"-c", "for i in $(seq 100); do echo line $i; done; printf \"$WORD\" >&2; exit 3")
	wantError(t, err, "sh -c:\n  line 82\n", "line 100\n  hello")
	if len(heard) != 101 || strings.Contains(err.Error(), "line 81") {
		t.Errorf("%d lines heard; %v", len(heard), err)
	}
	wantError(t, tool{"no-such-tool", "do without"}.run(t.Context(), "", nil, nil), "no-such-tool is not on PATH: do without")
}
