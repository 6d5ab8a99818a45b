package flow

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the expected messages anew")

// Each flow in testdata/bad is refused with the faults in the .txt beside it.
func TestBad(t *testing.T) {
	for _, name := range fixtures(t, "testdata/bad") {
		t.Run(name, func(t *testing.T) {
			t.Chdir("testdata/bad")
			f, err := readFixture(t, name)
			faults, ok := errors.AsType[Faults](err)
			if !ok {
				t.Fatalf("not refused: %v\n%s", err, dump(f))
			}
			golden(t, strings.TrimSuffix(strings.TrimSuffix(name, ".tmpl"), ".yml")+".txt", faults.Error()+"\n")
		})
	}
}

// Each flow in testdata/good reads as what the .golden beside it says.
func TestGood(t *testing.T) {
	for _, name := range fixtures(t, "testdata/good") {
		t.Run(name, func(t *testing.T) {
			t.Chdir("testdata/good")
			f, err := readFixture(t, name)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(strings.TrimSuffix(name, ".tmpl"), ".yml")+".golden", dump(f))
		})
	}
}

// The flows that people write, which real Jina loads too, read without a fault.
func TestFlowsOfTheChart(t *testing.T) {
	for _, name := range fixtures(t, "../internal/chart/testdata/flows") {
		t.Run(name, func(t *testing.T) {
			t.Chdir("../internal/chart/testdata/flows")
			if _, err := readFixture(t, name); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHostileFiles(t *testing.T) {
	many := func(n int, line string) string { return strings.Repeat(line, n) }
	for name, test := range map[string]struct{ src, want string }{
		"10 MB":             {many(10<<20, "#"), "larger than 1 MiB"},
		"10 MB of entries":  {"jtype: Flow\nexecutors:\n" + many(1<<20, "  - name: a\n"), "larger than 1 MiB"},
		"deep lists":        {"jtype: Flow\nexecutors: " + many(1000, "[") + many(1000, "]"), "levels deep"},
		"very deep lists":   {"jtype: Flow\nexecutors: " + many(400_000, "["), "not YAML"},
		"deep maps":         {"jtype: Flow\nwith:" + deepMap(1000), "levels deep"},
		"many values":       {"jtype: Flow\nwith: [" + many(300_000, "1,") + "]", "more than 250000 values"},
		"many merges":       {"jtype: Flow\na: &a {" + keys(20_000) + "}\nb:\n" + many(50_000, "  - <<: *a\n"), "more than 250000 values"},
		"garbage":           {"\x00\x01\x02\xff\xfe", "not YAML"},
		"unknown fields":    {"jtype: Flow\nwith: {" + keys(50_000) + "}", `unknown field "k49999"`},
		"unknown neighbour": {"jtype: Flow\nexecutors:\n" + chain(10_000, "other"), "which is no executor"},
		"long circle":       {"jtype: Flow\nexecutors:\n  - {name: e0, needs: e9999}\n" + chain(10_000, "e"), "in a circle"},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := Read("flow.yml", []byte(test.src), Options{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %.300v, want one with %q", err, test.want)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func deepMap(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\n%sa:", strings.Repeat(" ", i+1))
	}
	return b.String()
}

func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d: 1, ", i)
	}
	return b.String()
}

// chain is n executors e1, e2, … of which each needs the one before it under the given prefix.
func chain(n int, prefix string) string {
	var b strings.Builder
	for i := range n - 1 {
		fmt.Fprintf(&b, "  - {name: e%d, needs: %s%d}\n", i+1, prefix, i)
	}
	return b.String()
}

func TestReadFileFaults(t *testing.T) {
	for path, want := range map[string]string{
		"nowhere.yml": "nowhere.yml: no such file, expected a flow.yml; check the path",
		"testdata":    "testdata: cannot be read: is a directory, expected a flow.yml",
	} {
		_, err := ReadFile(path, Options{})
		if _, ok := errors.AsType[Faults](err); !ok || err.Error() != want {
			t.Errorf("ReadFile(%q): %v, want %s", path, err, want)
		}
	}
}
