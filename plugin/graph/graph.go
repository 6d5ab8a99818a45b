// Package graph draws the graph of a flow: for the terminal, as SVG, and as text that Mermaid and Graphviz draw.
//
// All drawings show the same: nodes in the order of the file, what answers at each, which are external, sharded or floating, what they are
// called under, and where branches meet.
package graph

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/helm-flow/helm-flow/flow"
)

// gatewayName is how `needs` names the gateway.
const gatewayName = "gateway"

// answering is the executor whose answer the client gets: the only one that does not float and that no other such one
// needs; nil in a flow without executors.
func answering(f *flow.Flow) *flow.Executor {
	needed := make(map[string]bool)
	for _, e := range f.Executors {
		if !e.Floating.Value {
			for _, need := range e.Needs.Value {
				needed[need] = true
			}
		}
	}
	for i, e := range f.Executors {
		if !e.Floating.Value && !needed[e.Name.Value] {
			return &f.Executors[i]
		}
	}
	return nil
}

// uses says in a few words what answers at e.
func uses(e *flow.Executor) string {
	if e.External.Value {
		return "external " + strings.Join(e.Addresses, ", ")
	}
	return describe(e.Uses)
}

func describe(u flow.Uses) string {
	switch {
	case u.Kind == flow.Image:
		return "image " + u.Name
	case u.Kind == flow.Python && filepath.IsAbs(u.Name):
		return "Python " + filepath.Base(u.Name)
	case u.Kind == flow.Python:
		return "Python " + u.Name
	}
	return u.Name
}

// marks are what else is worth showing of e, a few words each.
func marks(e *flow.Executor) []string {
	var all []string
	if e.Replicas.Value > 1 {
		all = append(all, fmt.Sprintf("×%d", e.Replicas.Value))
	}
	if e.Shards.Value > 1 {
		all = append(all, fmt.Sprintf("%d shards", e.Shards.Value))
		if e.UsesBefore != nil {
			all = append(all, "before them "+describe(*e.UsesBefore))
		}
		if e.UsesAfter != nil {
			all = append(all, "after them "+describe(*e.UsesAfter))
		}
	}
	if e.When.Value != nil {
		all = append(all, "when "+condition(e.When.Value))
	}
	if e.NoReduce.Value && (len(e.Needs.Value) > 1 || e.Shards.Value > 1) {
		all = append(all, "parts not merged")
	}
	if e.Floating.Value {
		all = append(all, "floating")
	}
	return all
}

// about is uses and marks on one line.
func about(e *flow.Executor) string {
	words := marks(e)
	if e.Replicas.Value > 1 {
		return strings.Join(append([]string{uses(e) + " " + words[0]}, words[1:]...), ", ")
	}
	return strings.Join(append([]string{uses(e)}, words...), ", ")
}

// operators are those of docarray's query language, as they are commonly written.
var operators = map[string]string{
	"$eq": "=", "$neq": "≠", "$gt": ">", "$gte": "≥", "$lt": "<", "$lte": "≤", "$in": "in", "$nin": "not in", "$regex": "matches",
	"$size": "has size", "$exists": "exists",
}

// condition writes a `when` in a line.
func condition(when map[string]any) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(when)) {
		parts = append(parts, clause(key, when[key]))
	}
	return strings.Join(parts, " and ")
}

func clause(key string, value any) string {
	switch list, isList := value.([]any); {
	case isList && (key == "$and" || key == "$or"):
		var parts []string
		for _, item := range list {
			if inner, ok := item.(map[string]any); ok {
				parts = append(parts, condition(inner))
			}
		}
		if len(parts) == len(list) {
			return "(" + strings.Join(parts, " "+key[1:]+" ") + ")"
		}
	case key == "$not":
		if inner, ok := value.(map[string]any); ok {
			return "not (" + condition(inner) + ")"
		}
	}
	comparison, ok := value.(map[string]any)
	if !ok || len(comparison) == 0 {
		return key + " " + compact(value)
	}
	var parts []string
	for _, operator := range slices.Sorted(maps.Keys(comparison)) {
		word, known := operators[operator]
		if !known {
			return key + " " + compact(value)
		}
		parts = append(parts, key+" "+word+" "+compact(comparison[operator]))
	}
	return strings.Join(parts, " and ")
}

func compact(value any) string {
	text, err := json.Marshal(value)
	if err != nil { // flows hold JSON values alone
		return fmt.Sprint(value)
	}
	return string(text)
}

// inOrder sorts executors so that each comes after those it needs, else as in the file.
func inOrder(executors []flow.Executor) []*flow.Executor {
	waits := make(map[string]int)  // by name: how many needed ones are not placed
	next := make(map[string][]int) // by name: who needs it
	ready := make([]bool, len(executors))
	for i, e := range executors {
		for _, need := range e.Needs.Value {
			if need != gatewayName {
				waits[e.Name.Value]++
				next[need] = append(next[need], i)
			}
		}
		ready[i] = waits[e.Name.Value] == 0
	}
	var sorted []*flow.Executor
	for at := 0; at < len(executors); {
		if !ready[at] {
			at++
			continue
		}
		e := &executors[at]
		ready[at] = false
		sorted = append(sorted, e)
		at++
		for _, i := range next[e.Name.Value] {
			if waits[executors[i].Name.Value]--; waits[executors[i].Name.Value] == 0 {
				ready[i] = true
				at = min(at, i)
			}
		}
	}
	return sorted
}
