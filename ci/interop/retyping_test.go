package interop

import (
	"encoding/json"
	"reflect"
	"testing"

	language "github.com/helm-flow/helm-flow/flow"
)

// Jina and package flow make the same of texts, with quotes and without.
func TestRetyping(t *testing.T) {
	var rows [][3]any
	if err := json.Unmarshal(runPython(t, "v1", "retype_texts.py", "5000"), &rows); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, row := range rows {
		text := row[0].(string)
		for written, want := range map[string]any{mustJSON(t, text): row[1], text: row[2]} {
			if isOther(want) {
				continue
			}
			compared++
			if got := retyped(t, written); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: Jina makes %s of it, we %s", written, mustJSON(t, want), mustJSON(t, got))
			}
		}
	}
	if compared < len(rows) {
		t.Errorf("only %d of %d could be compared", compared, 2*len(rows))
	}
}

// isOther reports whether Jina's value is one that we do not have: infinite, too large, no value at all.
func isOther(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return v["other"] != nil
	case []any:
		for _, item := range v {
			if isOther(item) {
				return true
			}
		}
	}
	return false
}

// retyped is a parameter as it comes out of a flow that says it so, as JSON.
func retyped(t *testing.T, written string) any {
	t.Helper()
	f, err := language.Read("flow.yml", []byte("jtype: Flow\nexecutors:\n  - uses_with:\n      a: "+written+"\n"), language.Options{})
	if err != nil {
		return err.Error()
	}
	var v any
	if err := json.Unmarshal([]byte(mustJSON(t, f.Executors[0].UsesWith.Value["a"])), &v); err != nil {
		t.Fatal(err)
	}
	return v
}
