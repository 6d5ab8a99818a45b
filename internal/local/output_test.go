package local

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestOutput(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for name, test := range map[string]struct {
		writes []string
		lines  []string
	}{
		"lines":                  {[]string{"a\nb\n\nc\n"}, []string{"a", "b", "", "c"}},
		"a line in parts":        {[]string{"a", "b\nc", "d\n"}, []string{"ab", "cd"}},
		"no end":                 {[]string{"a\nb"}, []string{"a", "b"}},
		"Windows":                {[]string{"a\r\nb\r\n"}, []string{"a", "b"}},
		"a progress bar":         {[]string{"10 %\r50 %\r", "100 %\n", "done\n"}, []string{"100 %", "done"}},
		"garbage":                {[]string{"a\xffb\n"}, []string{"a�b"}},
		"a line without an end":  {[]string{long + long, "y"}, []string{long, long, "y"}},
		"nothing":                {nil, nil},
		"an escape sequence cut": {[]string{"\x1b[3", "1mred\n"}, []string{"\x1b[31mred"}},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			out := &output{emit: func(line string) { lines = append(lines, line) }}
			for _, text := range test.writes {
				if n, err := out.Write([]byte(text)); n != len(text) || err != nil {
					t.Fatalf("Write = %d, %v", n, err)
				}
			}
			out.Close()
			if !slices.Equal(lines, test.lines) {
				t.Errorf("lines %.200q, want %.200q", lines, test.lines)
			}
		})
	}
}

func TestOutputKeepsTheLastLines(t *testing.T) {
	out := &output{emit: func(string) {}}
	for i := range 25 {
		fmt.Fprintln(out, i)
	}
	if got := strings.Join(out.last, " "); got != "15 16 17 18 19 20 21 22 23 24" {
		t.Errorf("last lines: %s", got)
	}
}

func TestLogs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	logs, err := openLogs(dir, []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	logs.write("a", "one")
	logs.write("b", "two")
	logs.write("a", "three")
	if err := logs.close(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "a.log")); string(text) != "one\nthree\n" || err != nil {
		t.Errorf("a.log is %q, %v", text, err)
	}
	if _, err := openLogs(filepath.Join(dir, "a.log"), []string{"a"}); err == nil {
		t.Error("a file is taken for a folder")
	}
}
