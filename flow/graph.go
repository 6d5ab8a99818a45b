package flow

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// gatewayName is how `needs` names the gateway.
const gatewayName = "gateway"

var (
	identifier = regexp.MustCompile(`^[A-Za-z_]*[A-Za-z][A-Za-z0-9_]*$`)
	reserved   = []string{gatewayName, "start-gateway", "end-gateway"}
)

// graph resolves how the executors hang together: names, needs, what floats.
func (r *reader) graph(entries []*entry) {
	faults := len(r.faults)
	byName := r.names(entries)
	r.needs(entries, byName)
	if len(r.faults) > faults {
		return
	}
	r.acyclic(entries, byName)
	if len(r.faults) == faults {
		r.floating(entries, byName)
	}
}

// names checks that each executor has a name of its own, also where Kubernetes sees it.
func (r *reader) names(entries []*entry) map[string]*entry {
	byName := make(map[string]*entry, len(entries))
	byObject := make(map[string]*entry, len(entries))
	for _, e := range entries {
		name, at := e.Name.Value, e.Pos
		if e.Name.Set() {
			at = e.Name.Pos
		}
		object := strings.Trim(strings.ToLower(name), "_")
		switch first := byObject[object]; {
		case slices.Contains(reserved, name):
			r.fault(at, fmt.Sprintf("the name %q is reserved", name), "another name", "rename the executor")
		case !identifier.MatchString(name):
			r.fault(at, e.shownName+" is no name for an executor", "letters, digits and _, not a digit first",
				"rename the executor")
		case first != nil && first.Name.Value == name:
			r.fault(at, fmt.Sprintf("two executors are called %s, the first on line %d", name, first.Pos.Line), "a name of its own",
				"rename one of them")
		case first != nil:
			r.fault(at, fmt.Sprintf("%s and %s, on line %d, get the same name in Kubernetes", name, first.Name.Value, first.Pos.Line),
				"names that differ in more than case and outer _", "rename one of them")
		default:
			byObject[object] = e
		}
		byName[name] = e
	}
	return byName
}

func (r *reader) needs(entries []*entry, byName map[string]*entry) {
	previous := gatewayName
	names := slices.Collect(maps.Keys(byName))
	for _, e := range entries {
		name := e.Name.Value
		for _, n := range r.needed(e.needs) {
			e.Needs.Pos = e.needs.pos()
			switch need := n.Value; {
			case need == name:
				r.fault(pos(n), name+" needs itself", "another executor, or gateway", "change needs")
			case need != gatewayName && byName[need] == nil:
				fault := r.fault(pos(n), fmt.Sprintf("%s needs %s, which is no executor of this flow", name, r.show(n, need)),
					"the name of an executor, or gateway", "change needs, or add the executor")
				if near := r.nearest(need, names); near != "" && near != name {
					fault.Cure, fault.Fix = fmt.Sprintf("did you mean %q?", near), r.replace(n, near)
				}
			default:
				e.Needs.Value = append(e.Needs.Value, need)
			}
		}
		if !e.Needs.Set() {
			e.Needs.Value = []string{previous}
		}
		if e.External.Value && e.NoReduce.Value && len(e.Needs.Value) > 1 {
			r.fault(e.NoReduce.Pos, name+" is external, joins, and does not reduce", "an external executor that gets one request",
				"remove no_reduce")
		}
		if !e.Floating.Value {
			previous = name
		}
	}
}

// needed are the names in `needs`, which is one name or a list, each once.
func (r *reader) needed(needs raw) []*yaml.Node {
	if needs.node == nil {
		return nil
	}
	items, ok := r.items(needs.key, needs.node)
	var once []*yaml.Node
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		name, good := r.text(needs.key, item)
		if ok = ok && good; ok && !seen[name] {
			seen[name] = true
			once = append(once, item)
		}
	}
	if !ok {
		return nil
	}
	return once
}

// acyclic takes away all executors whose needs are met, again and again; what is left waits for itself.
func (r *reader) acyclic(entries []*entry, byName map[string]*entry) {
	waits := make(map[string]int, len(entries))
	calls := make(map[string][]string, len(entries))
	for _, e := range entries {
		waits[e.Name.Value] = len(e.Needs.Value)
		for _, need := range e.Needs.Value {
			calls[need] = append(calls[need], e.Name.Value)
		}
	}
	for met := []string{gatewayName}; len(met) > 0; met = met[1:] {
		for _, name := range calls[met[0]] {
			if waits[name]--; waits[name] == 0 {
				delete(waits, name)
				met = append(met, name)
			}
		}
	}
	for _, e := range entries {
		if waits[e.Name.Value] > 0 {
			r.circle(e, byName, waits)
		}
	}
}

// circle follows e's needs until they come round, faults the circle, and takes it out of waits.
func (r *reader) circle(e *entry, byName map[string]*entry, waits map[string]int) {
	var path []*entry
	index := map[string]int{}
	for {
		name := e.Name.Value
		if _, again := index[name]; again {
			break
		}
		index[name] = len(path)
		path = append(path, e)
		i := slices.IndexFunc(e.Needs.Value, func(need string) bool { return waits[need] > 0 })
		if i < 0 { // it waits for a circle that is already reported
			delete(waits, name)
			return
		}
		e = byName[e.Needs.Value[i]]
	}
	circle := path[index[e.Name.Value]:]
	var names []string
	for _, c := range circle {
		names = append(names, c.Name.Value)
		delete(waits, c.Name.Value)
	}
	names = append(names, names[0])
	at := circle[slices.IndexFunc(circle, func(c *entry) bool { return c.Needs.Set() })]
	r.fault(at.Needs.Pos, "executors need each other in a circle: "+clip(strings.Join(names, " needs ")), "an order to call them in",
		"change needs")
}

// floating finds out who answers the client, as Jina does: the last executor that is not declared floating. Whatever it
// does not wait for floats.
func (r *reader) floating(entries []*entry, byName map[string]*entry) {
	var answer *entry
	for _, e := range entries {
		if !e.Floating.Value {
			answer = e
		}
	}
	if answer == nil {
		if len(entries) > 0 {
			r.fault(entries[0].Floating.Pos, "all executors are floating, so that none would answer", "one that is not",
				"remove `floating: true` from the one that answers")
		}
		return
	}
	waited := map[string]bool{gatewayName: true, answer.Name.Value: true}
	for next := []*entry{answer}; len(next) > 0; next = next[1:] {
		for _, need := range next[0].Needs.Value {
			if !waited[need] {
				waited[need] = true
				next = append(next, byName[need])
			}
		}
	}
	for _, e := range entries {
		name, floats := e.Name.Value, !waited[e.Name.Value]
		if floats && !e.Floating.Value {
			r.warn(e.Pos, fmt.Sprintf("no answer waits for %s: the last executor, %s, answers", name, answer.Name.Value),
				fmt.Sprintf("add it to the needs of %s, or write `floating: true`", answer.Name.Value))
		}
		if !floats && e.Floating.Value {
			r.warn(e.Floating.Pos, fmt.Sprintf("floating has no effect: the answer of %s waits for %s", answer.Name.Value, name), "")
		}
		e.Floating.Value = floats
	}
}
