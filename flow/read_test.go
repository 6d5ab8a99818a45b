package flow

import (
	"errors"
	"flag"
	"fmt"
	"runtime"
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

// Whatever a file holds, it is refused in bounded time and memory.
func TestHostileFiles(t *testing.T) {
	many := func(n int, line string) string { return strings.Repeat(line, n) }
	const flow = "jtype: Flow\n"
	for name, test := range map[string]struct{ src, want string }{
		"10 MB":                {many(10<<20, "#"), "larger than 1 MiB"},
		"10 MB of entries":     {flow + "executors:\n" + many(1<<20, "  - name: a\n"), "larger than 1 MiB"},
		"deep lists":           {flow + "executors: " + many(1000, "[") + many(1000, "]"), "levels deep"},
		"very deep lists":      {flow + "executors: " + many(400_000, "["), "not YAML"},
		"deep maps":            {flow + "with:" + deepMap(1000), "levels deep"},
		"many values":          {flow + "with: [" + many(300_000, "1,") + "]", "more than 250000 values"},
		"many merges":          {flow + "a: &a {" + keys(20_000) + "}\nb:\n" + many(50_000, "  - <<: *a\n"), "more than 250000 values"},
		"nested merges":        {flow + nestedMerges(25), "more than 250000 values"},
		"garbage":              {"\x00\x01\x02\xff\xfe", "not YAML"},
		"unknown fields":       {flow + "with: {" + keys(50_000) + "}", `unknown field "k49999"`},
		"unknown neighbour":    {flow + "executors:\n" + chain(10_000, "other"), "which is no executor"},
		"long circle":          {flow + "executors:\n  - {name: e0, needs: e9999}\n" + chain(10_000, "e"), "in a circle"},
		"faults everywhere":    {flow + "executors:\n" + many(10_000, "  - {name: 1, gpus: x, a: b}\n"), "is no name"},
		"one line":             {flow + "executors: [" + many(20_000, "{uses_with: {a: $UNSET}}, ") + "]", "UNSET is not set"},
		"references":           {flow + "a0: xx\n" + doubling(60), "larger than 4 MiB"},
		"references to lists":  {flow + "a: [" + many(10_000, "1,") + "]\nb:\n" + many(10_000, "  - ${{root.a}}\n"), "more than 250000 values"},
		"chain of references":  {flow + "a0: ${{root.a40000}}\n" + references(40_000), "and so on"},
		"inherited values":     {flow + "with: {uses_metas: {" + keys(10_000) + "}}\nexecutors:\n" + many(10_000, "  - {}\n"), "would inherit"},
		"deep JSON in a text":  {flow + "executors: [{uses_with: '" + many(9000, `{"a":`) + "1" + many(9000, "}") + "'}]", "is no map"},
		"long JSON in a text":  {flow + "executors: [{when: '{" + many(100_000, `"a":1,`) + "'}]", "is no map"},
		"long lists in a text": {flow + "executors: [{needs: '[" + many(400_000, "a,") + "]'}]", "at most 10000 of them"},
		"many executors":       {flow + "executors:\n" + many(10_001, "  - {}\n"), "at most 10000"},
		"many files":           {flow + "executors:\n" + many(10_000, "  - /dev/zero\n"), "not a file"},
		"long words":           {flow + "executors: [{name: " + many(1_000_000, "b") + ", needs: c}]", `needs "c"`},
	} {
		t.Run(name, func(t *testing.T) { refused(t, "flow.yml", test.src, test.want) })
	}
}

// Templates, too, come to an end.
func TestHostileTemplates(t *testing.T) {
	for name, test := range map[string]struct{ src, want string }{
		"long list":              {"{{ range until 1000000000 }}a{{ end }}", "works on too much"},
		"long steps":             {"{{ untilStep 0 1000000000 1 }}", "works on too much"},
		"endless steps":          {"{{ seq 0 0 1 }}{{ seq 1 -1 999999999999 }}", "works on too much"},
		"range over a number":    {"{{ range 1000000000 }}{{ end }}", "does not come to an end"},
		"loops in loops":         {"{{ $l := until 10000 }}{{ range $l }}{{ range $l }}{{ range $l }}{{ end }}{{ end }}{{ end }}", "does not come to an end"},
		"recursion":              {`{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}`, "within each other"},
		"branching recursion":    {`{{ define "a" }}{{ if lt . 60 }}{{ template "a" (add1 .) }}{{ template "a" (add1 .) }}{{ end }}{{ end }}{{ template "a" 0 }}`, "does not come to an end"},
		"output":                 {`{{ range until 2000 }}{{ repeat 1000 "a" }}{{ end }}`, "more than 1 MiB"},
		"repeat":                 {`{{ repeat 1000000000 "a" }}`, "works on too much"},
		"repeat of much":         {`{{ repeat 10000 (repeat 10000 "a") }}`, "works on too much"},
		"doubling texts":         {`{{ $s := "aa" }}{{ range until 100 }}{{ $s = print $s $s }}{{ end }}`, "works on too much"},
		"doubling by printf":     {`{{ $s := "aa" }}{{ range until 100 }}{{ $s = printf "%s%s" $s $s }}{{ end }}`, "works on too much"},
		"doubling lists":         {`{{ $s := list 1 }}{{ range until 100 }}{{ $s = concat $s $s }}{{ end }}`, "works on too much"},
		"doubling by replace":    {`{{ $s := "aaaa" }}{{ range until 100 }}{{ $s = replace "a" $s $s }}{{ end }}`, "works on too much"},
		"doubling by join":       {`{{ $s := repeat 10000 "a" }}{{ $l := until 10000 }}{{ join $s $l }}`, "works on too much"},
		"doubling by regexes":    {`{{ $s := repeat 10000 "a" }}{{ regexReplaceAll "a" $s $s }}`, "works on too much"},
		"doubling by escaping":   {`{{ $s := "<" }}{{ range until 100 }}{{ $s = html $s $s | js | quote }}{{ end }}`, "works on too much"},
		"shared lists":           {`{{ $s := list 1 }}{{ range until 100 }}{{ $s = list $s $s }}{{ end }}{{ toJson $s }}`, "works on too much"},
		"wide printf":            {`{{ printf "%1000000d" 1 }}`, "works on too much"},
		"wide printf by *":       {`{{ printf "%*d" 1000000 1 }}`, "works on too much"},
		"many verbs":             {`{{ printf (repeat 10000 "%[1]s") (repeat 10000 "a") }}`, "works on too much"},
		"indentation":            {`{{ indent 1000000000 "a" }}`, "works on too much"},
		"much indentation":       {`{{ nindent 10000 (repeat 10000 "\n") }}`, "works on too much"},
		"a map in itself":        {`{{ $d := dict }}{{ $_ := set $d "a" $d }}{{ print $d }}`, "works on too much"},
		"a map merged in itself": {`{{ $d := dict }}{{ $_ := merge $d (dict "a" $d) }}{{ toYaml $d }}`, "works on too much"},
		"comparing":              {`{{ $l := until 20000 }}{{ uniq $l | len }}`, "works on too much"},
		"many regexes":           {`{{ $s := repeat 10000 "a" }}{{ range until 20000 }}{{ $_ := regexMatch "(a|b)*c" $s }}{{ end }}`, "works on too much"},
		"faults":                 {`{{ range until 20000 }}{{ "\n" }}a: b{{ end }}`, "stands twice"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, "flow.yml.tmpl", test.src, test.want) })
	}
}

// Bounds of refused. The first is far above what was measured, as other tests run at the same time; the second is exact.
const (
	refusedWithin = 20 * time.Second
	refusedBytes  = 600 << 20
)

func refused(t *testing.T, path, src, want string) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	_, err := Read(path, []byte(src), Options{})
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %.300v, want one with %q", err, want)
	}
	allocated := after.TotalAlloc - before.TotalAlloc
	t.Logf("%v, %d MiB", took, allocated>>20)
	if took > refusedWithin || allocated > refusedBytes {
		t.Errorf("took %v and %d MiB", took, allocated>>20)
	}
}

// A flow of the largest size reads.
func TestManyExecutors(t *testing.T) {
	f, err := Read("flow.yml", []byte("jtype: Flow\nwith: {retries: 1, env: {A: b}}\nexecutors:\n  - {name: e0}\n"+chain(10_000, "e")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Executors) != 10_000 {
		t.Errorf("%d executors", len(f.Executors))
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

// nestedMerges are maps each of which merges the one before it twice.
func nestedMerges(n int) string {
	var b strings.Builder
	b.WriteString("m0: &m0 {" + keys(2000) + "}\n")
	for i := range n {
		fmt.Fprintf(&b, "m%d: &m%d {<<: [*m%d, *m%d], a%d: 1}\n", i+1, i+1, i, i, i)
	}
	b.WriteString("list:\n" + strings.Repeat("  - {<<: *m"+fmt.Sprint(n)+"}\n", 200))
	return b.String()
}

// doubling are texts each of which is the one before it twice.
func doubling(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d: ${{root.a%d}}${{root.a%d}}\n", i+1, i, i)
	}
	return b.String()
}

// references are texts each of which is the one before it.
func references(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d: ${{root.a%d}}\n", i+1, i)
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
