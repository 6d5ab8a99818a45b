package flow

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// section says for each field of a map, in snake_case, who reads its value.
type section map[string]target

// target reads the value of one field.
type target interface {
	read(r *reader, key, value *yaml.Node)
}

// section reads a map whose fields stand in any of known; n may be nil or null for a section that is not there. what
// names it in faults.
func (r *reader) section(what string, n *yaml.Node, known ...section) {
	if n == nil || isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fault(pos(n), what+" is "+describe(n), "a map", "write `field: value` lines under it")
		return
	}
	for key, value := range pairs(n) {
		// Jina takes both spellings, as its arguments are command line flags.
		name := strings.ReplaceAll(key.Value, "-", "_")
		i := slices.IndexFunc(known, func(s section) bool { return s[name] != nil })
		if i >= 0 {
			known[i][name].read(r, key, value)
			continue
		}
		var useful []string
		for _, s := range known {
			for name, field := range s {
				if _, useless := field.(ignored); !useless {
					useful = append(useful, name)
				}
			}
		}
		r.fault(pos(key), fmt.Sprintf("unknown field %q of %s", clip(key.Value), what), "a field that Jina knows there",
			r.didYouMean(name, useful, "remove it"))
	}
}

func (f *Field[T]) read(r *reader, key, value *yaml.Node) {
	if isNull(value) {
		return
	}
	if f.Set() {
		r.fault(pos(key), fmt.Sprintf("%q is another name of a field given on line %d", key.Value, f.Pos.Line),
			"one of them", "remove one of them")
		return
	}
	var ok bool
	before := f.Value
	switch v := any(&f.Value).(type) {
	case *string:
		*v, ok = r.text(key, value)
	case *int:
		*v, ok = r.integer(key, value)
	case *bool:
		*v, ok = r.boolean(key, value)
	case *[]string:
		*v, ok = r.texts(key, value)
	case *map[string]string:
		*v, ok = r.textMap(key, value)
	case *map[string]any:
		var tree any
		tree, ok = r.tree(value)
		if *v, _ = tree.(map[string]any); ok && *v == nil {
			r.wrong(key, value, "a map", "{size: 1}")
			ok = false
		}
	default:
		panic(fmt.Sprintf("flow: no reader for fields of type %T", f.Value))
	}
	if !ok {
		f.Value = before
		return
	}
	f.Pos = pos(value)
}

// inherit takes the flow's value for a field that its section does not say, or else the default.
func inherit[T any](f *Field[T], from Field[T], otherwise T) {
	if f.Set() {
		return
	}
	if *f = from; !f.Set() {
		f.Value = otherwise
	}
}

// inheritEnv adds the flow's variables to those of a section; the section's win.
func inheritEnv(f *Field[map[string]string], from Field[map[string]string]) {
	if !from.Set() {
		return
	}
	if !f.Set() {
		f.Pos = from.Pos
	}
	all := maps.Clone(from.Value)
	maps.Copy(all, f.Value)
	f.Value = all
}

// wrong faults a value of the wrong type or size; example is a right one.
func (r *reader) wrong(key, value *yaml.Node, expected, example string) {
	r.fault(pos(value), key.Value+" is "+describe(value), expected, fmt.Sprintf("write for example `%s: %s`", key.Value, example))
}

// variable finds what Jina would substitute.
var variable = regexp.MustCompile(`\$\{\{.*?\}\}|\$\{?[A-Za-z_]\w*\}?`)

// scalar is the text of a scalar that holds no variable.
func (r *reader) scalar(key, value *yaml.Node, expected, example string) (string, bool) {
	if value.Kind != yaml.ScalarNode {
		r.wrong(key, value, expected, example)
		return "", false
	}
	return value.Value, r.noVariable(value)
}

func (r *reader) noVariable(value *yaml.Node) bool {
	found := variable.FindString(value.Value)
	if found != "" {
		r.fault(pos(value), fmt.Sprintf("variables such as %s are not supported yet", clip(found)), "the value itself",
			"write what the variable stands for")
	}
	return found == ""
}

func (r *reader) text(key, value *yaml.Node) (string, bool) {
	return r.scalar(key, value, "a text", "some_text")
}

func (r *reader) integer(key, value *yaml.Node) (int, bool) {
	const expected, example = "a whole number", "1"
	text, ok := r.scalar(key, value, expected, example)
	if !ok {
		return 0, false
	}
	if n, err := strconv.Atoi(text); err == nil {
		return n, true
	}
	var n int
	if value.Tag != "!!int" || value.Decode(&n) != nil {
		r.wrong(key, value, expected, example)
		return 0, false
	}
	return n, true
}

func (r *reader) boolean(key, value *yaml.Node) (bool, bool) {
	const expected, example = "true or false", "true"
	text, ok := r.scalar(key, value, expected, example)
	if !ok {
		return false, false
	}
	switch strings.ToLower(text) {
	case "true", "yes":
		return true, true
	case "false", "no":
		return false, true
	}
	r.wrong(key, value, expected, example)
	return false, false
}

// texts reads a list of texts, or one text for a list of one.
func (r *reader) texts(key, value *yaml.Node) ([]string, bool) {
	items := value.Content
	if value.Kind == yaml.ScalarNode {
		items = []*yaml.Node{value}
	}
	if value.Kind == yaml.MappingNode {
		r.wrong(key, value, "a list", "[a, b]")
		return nil, false
	}
	list, ok := make([]string, 0, len(items)), true
	for _, item := range items {
		text, good := r.text(key, item)
		list, ok = append(list, text), ok && good
	}
	return list, ok
}

func (r *reader) textMap(key, value *yaml.Node) (map[string]string, bool) {
	if value.Kind != yaml.MappingNode {
		// The value is not shown: it may be a secret.
		r.fault(pos(value), key.Value+" is no map", "a map of texts", "write `NAME: value` lines under it")
		return nil, false
	}
	m, ok := make(map[string]string, len(value.Content)/2), true
	for name, item := range pairs(value) {
		if isNull(item) {
			r.fault(pos(name), name.Value+" has no value", "a text", `write "" for an empty one`)
			ok = false
			continue
		}
		text, good := r.text(name, item)
		m[name.Value], ok = text, ok && good
	}
	return m, ok
}

// tree turns a node into JSON values.
func (r *reader) tree(n *yaml.Node) (any, bool) {
	switch n.Kind {
	case yaml.MappingNode:
		m, ok := make(map[string]any, len(n.Content)/2), true
		for key, value := range pairs(n) {
			v, good := r.tree(value)
			m[key.Value], ok = v, ok && good
		}
		return m, ok
	case yaml.SequenceNode:
		list, ok := make([]any, 0, len(n.Content)), true
		for _, item := range n.Content {
			v, good := r.tree(item)
			list, ok = append(list, v), ok && good
		}
		return list, ok
	}
	return r.value(n)
}

func (r *reader) value(n *yaml.Node) (any, bool) {
	if !r.noVariable(n) {
		return nil, false
	}
	var v any
	if n.Tag == "!!timestamp" || n.Decode(&v) != nil {
		return n.Value, true
	}
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			r.fault(pos(n), n.Value+" is no number that JSON knows", "a finite number", "change it")
			return nil, false
		}
	case uint64: // beyond int64
		return float64(v), true
	case string:
		// Jina's YAML takes unquoted yes and no for booleans.
		if plain := n.Style == 0; plain && strings.EqualFold(v, "yes") {
			return true, true
		} else if plain && strings.EqualFold(v, "no") {
			return false, true
		}
	}
	return v, true
}
