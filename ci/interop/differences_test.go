package interop

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// deliberate is a place where our gateway's answer is meant to differ from Jina's.
type deliberate struct {
	generation generation // empty: both
	flow       string
	scenario   string
	path       string // of the fact
	ours       string // part of our fact, as JSON
	why        string
}

var deliberates = []deliberate{
	{
		flow: "unreachable", scenario: "network_error", path: ".stream.said",
		ours: `executor \"gone\" at ADDRESS is not reachable`,
		why:  "our words name the executor, the cause and what may be done; class and code of the error are Jina's",
	},
	{
		flow: "unreachable", scenario: "network_error", path: ".unary.said",
		ours: `executor \"gone\" at ADDRESS is not reachable`,
		why:  "as above",
	},
	{
		generation: "v1", flow: "picky", scenario: "unknown_endpoint", path: "[0].routes[1].ended",
		ours: "false",
		why:  "an executor is not called for an endpoint that it does not have; Jina's gateway means to do that, but succeeds in v2 alone",
	},
	{
		generation: "v1", flow: "picky", scenario: "unknown_endpoint", path: "[0].routes[1].in order",
		ours: "null",
		why:  "as above",
	},
	{
		flow: "floating", scenario: "posts_documents", path: "[0].routes",
		ours: `[{"ended":true,"executor":"gateway","in order":true,"started":true},{"ended":true,"executor":"a","in order":true,"started":true}]`,
		why:  "a floating node has no part in the answer; whether it has begun when the answer leaves is chance",
	},
	{
		flow: "floating", scenario: "results", path: "[0].routes",
		ours: `[{"ended":true,"executor":"gateway","in order":true,"started":true},{"ended":true,"executor":"a","in order":true,"started":true}]`,
		why:  "as above",
	},
	{
		generation: "v2", flow: "join", scenario: "target_executor", path: ".a",
		ours: `"text":"text 0a"`,
		why:  "Jina cannot merge documents that an executor has answered with those of a branch that was skipped",
	},
}

func deliberateIn(g generation, flow, scenario string) []deliberate {
	return slices.DeleteFunc(slices.Clone(deliberates), func(d deliberate) bool {
		return d.generation != "" && d.generation != g || d.flow != flow || d.scenario != scenario
	})
}

// compare fails the test for each place where our facts differ from Jina's and are not meant to, and for each that should and
// does not.
func compare(t *testing.T, meant []deliberate, jina, ours any) {
	t.Helper()
	for _, d := range differences("", jina, ours) {
		i := slices.IndexFunc(meant, func(m deliberate) bool { return m.path == d.path })
		switch {
		case i < 0:
			t.Errorf("%s: Jina's gateway: %s\n  ours: %s", d.path, d.jina, d.ours)
		case !strings.Contains(d.ours, meant[i].ours):
			t.Errorf("%s: ours: %s; expected %s, because %s", d.path, d.ours, meant[i].ours, meant[i].why)
		}
		if i >= 0 {
			meant = slices.Delete(meant, i, i+1)
		}
	}
	for _, m := range meant {
		t.Errorf("%s is as Jina's now: delete it from the deliberate differences", m.path)
	}
}

// difference is a place where two values differ, with both in JSON.
type difference struct{ path, jina, ours string }

// differences compares two decoded JSON values.
func differences(path string, jina, ours any) []difference {
	var all []difference
	switch j := jina.(type) {
	case map[string]any:
		if o, ok := ours.(map[string]any); ok {
			keys := maps.Clone(j)
			maps.Copy(keys, o)
			for _, k := range slices.Sorted(maps.Keys(keys)) {
				all = append(all, differences(path+"."+k, j[k], o[k])...)
			}
			return all
		}
	case []any:
		if o, ok := ours.([]any); ok && len(o) == len(j) {
			for i := range j {
				all = append(all, differences(fmt.Sprintf("%s[%d]", path, i), j[i], o[i])...)
			}
			return all
		}
	}
	a, _ := json.Marshal(jina)
	b, _ := json.Marshal(ours)
	if string(a) == string(b) {
		return nil
	}
	return []difference{{path, string(a), string(b)}}
}
