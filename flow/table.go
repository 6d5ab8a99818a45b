package flow

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// field is what the language knows of one field of a section S. docs/flow-language.md is made of its texts.
type field[S any] struct {
	name    string   // in snake_case
	aliases []string // further names
	typ     string   // what its value is
	missing string   // what holds without it
	meaning string
	// noEffect says why the field changes nothing here.
	noEffect string
	// whole fields are no arguments of Jina's command line, whose names may be cut short.
	whole bool
	// reads gives what reads the value; nil for fields without effect.
	reads func(s *S) target
}

// target reads the value of one field.
type target interface {
	read(r *reader, key, value *yaml.Node)
}

// table is all that the language knows of a section.
type table[S any] struct {
	what   string // the section, for faults
	fields []field[S]
	byName map[string]int
	names  []string // all of them
	useful []string // those of fields with an effect
}

func newTable[S any](what string, groups ...[]field[S]) *table[S] {
	t := &table[S]{what: what, fields: slices.Concat(groups...), byName: map[string]int{}}
	for i, f := range t.fields {
		for _, name := range append([]string{f.name}, f.aliases...) {
			if _, twice := t.byName[name]; twice {
				panic("flow: two fields " + name + " of " + what)
			}
			t.byName[name] = i
			t.names = append(t.names, name)
			if f.noEffect == "" {
				t.useful = append(t.useful, name)
			}
		}
	}
	slices.Sort(t.names)
	return t
}

// snake is how a key is looked up: Jina takes both spellings, as its arguments are flags of a command line.
func snake(key string) string { return strings.ReplaceAll(key, "-", "_") }

// find is the index of the field that a key names, by a name of it or by a beginning that no other field has; else -1, with the names that
// the key may be short for.
func (t *table[S]) find(key string) (index int, candidates []string) {
	name := snake(key)
	if i, ok := t.byName[name]; ok {
		return i, nil
	}
	index = -1
	if name == "" {
		return index, nil
	}
	at, _ := slices.BinarySearch(t.names, name)
	for _, long := range t.names[at:] {
		if !strings.HasPrefix(long, name) {
			break
		}
		i := t.byName[long]
		if t.fields[i].whole || i == index {
			continue
		}
		candidates = append(candidates, long)
		index = i
	}
	if len(candidates) > 1 {
		return -1, candidates
	}
	return index, candidates
}

// said are the fields that a section says of itself, by their names, with their keys.
type said map[string]*yaml.Node

// read reads the section s from own, which may be nil or null, and what own does not say from inherited, the flow's `with`, leaving out
// what the section does not inherit. others are sections whose fields people may have meant.
func (t *table[S]) read(r *reader, s *S, own, inherited *yaml.Node, inherits func(name string) bool, others ...sectionNames) said {
	says := said{}
	seen := make([]bool, len(t.fields))
	if r.isMap(t.what, own) {
		for key, value := range pairs(own) {
			i, candidates := t.find(key.Value)
			if i < 0 {
				r.unknown(t.what, own, key, candidates, t.useful, others...)
				continue
			}
			f := &t.fields[i]
			r.writeOut(own, key, f.name, candidates)
			seen[i] = true
			switch {
			case f.noEffect != "":
				r.ignore(key, f.name, f.noEffect)
			case !isEmpty(value):
				says[f.name] = key
				f.reads(s).read(r, key, value)
			}
		}
	}
	if inherited == nil || inherited.Kind != yaml.MappingNode {
		return says
	}
	for key, value := range pairs(inherited) {
		i, _ := t.find(key.Value)
		if i < 0 || isEmpty(value) || t.fields[i].reads == nil || !inherits(t.fields[i].name) {
			continue
		}
		r.used[pos(value)]++
		if seen[i] {
			continue
		}
		seen[i] = true
		t.fields[i].reads(s).read(r, key, value)
	}
	return says
}

// isMap reports whether n is a map, and faults it if it is something else, but for nothing at all.
func (r *reader) isMap(what string, n *yaml.Node) bool {
	if n == nil || isNull(n) {
		return false
	}
	if n.Kind != yaml.MappingNode {
		r.fault(pos(n), what+" is "+r.describe(n), "a map", "write `field: value` lines under it")
		return false
	}
	return true
}

// sectionNames are the fields of a section, for keys that stand in another.
type sectionNames struct {
	where string // how to write there, such as: under `with`
	has   func(key string) bool
}

func (t *table[S]) sectionNames(where string) sectionNames {
	return sectionNames{where, func(key string) bool { _, ok := t.byName[snake(key)]; return ok }}
}

// legacyNames are words of Jina 1 and 2, and what took their place.
var legacyNames = map[string]string{
	"override_with": "uses_with", "override_metas": "uses_metas", "override_requests": "uses_requests",
	"parallel": "replicas", "https": "tls", "pods": "executors",
}

// unknown is for a key that no field of the section has. It is a warning where the user is lenient, but for keys that may mean several fields.
func (r *reader) unknown(what string, in, key *yaml.Node, candidates, names []string, others ...sectionNames) {
	written := clip(key.Value)
	if len(candidates) > 1 {
		if some := slices.DeleteFunc(slices.Clone(candidates), func(c string) bool { return !slices.Contains(names, c) }); len(some) > 1 {
			candidates = some
		}
		fault := r.fault(pos(key), fmt.Sprintf("%q of %s is short for several fields", written, what), "one of "+strings.Join(candidates, ", "),
			"write the name out")
		if near := r.nearest(snake(key.Value), names); slices.Contains(candidates, near) && len(near) == len(key.Value)+1 {
			fault.Cure, fault.Fix = fmt.Sprintf("did you mean %q?", near), r.rename(in, key, near)
		}
		return
	}
	problem := fmt.Sprintf("unknown field %q of %s", written, what)
	name, cure := legacyNames[snake(key.Value)], ""
	if i := slices.IndexFunc(others, func(o sectionNames) bool { return o.has(key.Value) }); name == "" && i >= 0 {
		cure = "write it " + others[i].where
	} else if name == "" {
		name = r.nearest(snake(key.Value), names)
	}
	switch {
	case legacyNames[snake(key.Value)] != "":
		cure = fmt.Sprintf("Jina 3 calls it %q", name)
	case name != "":
		if name == "x_flow" {
			name = "x-flow"
		}
		cure = fmt.Sprintf("did you mean %q?", name)
	case cure == "":
		cure = "remove it"
	}
	if r.opts.Lenient {
		r.warn(pos(key), problem+" has no effect", cure)
		return
	}
	fault := r.fault(pos(key), problem, "a field that Jina knows there", cure)
	if name != "" {
		fault.Fix = r.rename(in, key, name)
	}
}

// writeOut suggests the whole name of a field that stands there cut short, or by a name that Jina calls deprecated.
func (r *reader) writeOut(in, key *yaml.Node, name string, candidates []string) {
	if len(candidates) == 1 || slices.Contains([]string{"port_expose", "port_in", "host_in"}, snake(key.Value)) {
		r.suggest(r.rename(in, key, name))
	}
}

// decline takes back that the field called name is of use: with a warning where the section says it, in silence where it inherited it.
func (r *reader) decline(says said, name string, at Pos, why string) {
	if key := says[name]; key != nil {
		r.ignore(key, name, why)
		return
	}
	r.used[at]--
}

// ignore notes a field that has no effect. Each field makes one warning, however often the file says it.
func (r *reader) ignore(key *yaml.Node, name, why string) {
	if _, known := r.ignored[name]; !known {
		r.ignoredNames = append(r.ignoredNames, name)
	}
	r.ignored[name] = append(r.ignored[name], ignoredField{pos(key), key.Value, why})
}

type ignoredField struct {
	at       Pos
	key, why string
}

// warnOfIgnored makes the warnings of ignore.
func (r *reader) warnOfIgnored() {
	for _, name := range r.ignoredNames {
		places := r.ignored[name]
		slices.SortStableFunc(places, func(a, b ignoredField) int { return comparePos(a.at, b.at) })
		what := places[0].key + " has no effect: " + places[0].why
		var lines []string
		for i, place := range places[1:] {
			if place.at.Line == places[i].at.Line {
				continue
			}
			if lines = append(lines, fmt.Sprint(place.at.Line)); len(lines) == 5 {
				lines = append(lines, "…")
				break
			}
		}
		if len(lines) > 0 {
			what += " (also on line " + strings.Join(lines, ", ") + ")"
		}
		r.warn(places[0].at, what, "")
	}
}
