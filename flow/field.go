package flow

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (f *Field[T]) read(r *reader, key, value *yaml.Node) {
	if isEmpty(value) {
		return
	}
	var v T
	var ok bool
	switch p := any(&v).(type) {
	case *string:
		*p, ok = r.text(key, value)
	case *int:
		*p, ok = r.integer(key, value)
	case *bool:
		*p, ok = r.boolean(key, value)
	case *[]string:
		*p, ok = r.texts(key, value)
	case *map[string]any:
		*p, ok = r.freeMap(key, value)
	default:
		panic(fmt.Sprintf("flow: no reader for fields of type %T", f.Value))
	}
	if ok {
		set(r, f, v, key, value)
	}
}

// set is for a field that may have been said by another of its names.
func set[T any](r *reader, f *Field[T], v T, key, value *yaml.Node) {
	if f.Set() {
		r.twice(key, f.Pos)
		return
	}
	*f = Field[T]{v, pos(value)}
}

func (r *reader) twice(key *yaml.Node, first Pos) {
	r.fault(pos(key), fmt.Sprintf("%q is another name of a field given on line %d", key.Value, first.Line), "one of them", "remove one of them")
}

// orElse sets a field that nobody says to its default.
func orElse[T any](f *Field[T], otherwise T) {
	if !f.Set() {
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
	r.fault(pos(value), key.Value+" is "+r.describe(value), expected, fmt.Sprintf("write for example `%s: %s`", key.Value, example))
}

// scalar is the text of a scalar.
func (r *reader) scalar(key, value *yaml.Node, expected, example string) (string, bool) {
	if value.Kind != yaml.ScalarNode {
		r.wrong(key, value, expected, example)
		return "", false
	}
	return value.Value, !r.unresolved[value]
}

// text is a text as it stands there: what is a text by its field is not re-typed.
func (r *reader) text(key, value *yaml.Node) (string, bool) {
	return r.scalar(key, value, "a text", "some_text")
}

// environmentText is the value of an environment variable as Jina's processes get it, but for quoted texts that look like numbers or lists: they
// stay what they are.
func (r *reader) environmentText(key, value *yaml.Node) (string, bool) {
	text, ok := r.text(key, value)
	if !ok {
		return "", false
	}
	if truth := strings.ToLower(text); truth == "true" || truth == "false" {
		return pythonText(truth == "true"), true
	}
	if r.isPlain(value) {
		return pythonText(plainValue(text)), true
	}
	return text, true
}

func (r *reader) integer(key, value *yaml.Node) (int, bool) {
	const expected, example = "a whole number", "1"
	text, ok := r.scalar(key, value, expected, example)
	if !ok {
		return 0, false
	}
	v := retype(text)
	if r.isPlain(value) {
		v = plainValue(text)
	}
	n, ok := v.(int)
	if !ok {
		r.wrong(key, value, expected, example)
	}
	return n, ok
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

// texts reads a list of texts, or one text: for a list of one, or, in brackets, of several.
func (r *reader) texts(key, value *yaml.Node) ([]string, bool) {
	items, ok := r.items(key, value)
	list := make([]string, 0, len(items))
	for _, item := range items {
		text, good := r.text(key, item)
		list, ok = append(list, text), ok && good
	}
	return list, ok
}

// items are those of a list, which may also be one text.
func (r *reader) items(key, value *yaml.Node) ([]*yaml.Node, bool) {
	switch value.Kind {
	case yaml.SequenceNode:
		return value.Content, true
	case yaml.ScalarNode:
		list, isList := retype(value.Value).([]any)
		if !isList {
			return []*yaml.Node{value}, true
		}
		if len(list) > maxExecutors { // nothing else has so many
			r.wrong(key, value, fmt.Sprintf("at most %d of them", maxExecutors), "[a, b]")
			return nil, false
		}
		items := make([]*yaml.Node, len(list))
		for i, item := range list {
			items[i] = r.like(value, pythonText(item))
		}
		return items, true
	}
	r.wrong(key, value, "a list", "[a, b]")
	return nil, false
}

// ports reads numbers of ports: one, a list, or a text of some with commas between them.
func (r *reader) ports(key, value *yaml.Node) ([]int, bool) {
	items, ok := r.items(key, value)
	var list []int
	for _, item := range items {
		text, ok := r.scalar(key, item, "a port", "8080")
		if !ok {
			return nil, false
		}
		for part := range strings.SplitSeq(text, ",") {
			port, isNumber := retype(part).(int)
			if !isNumber || port < 1 || port > 65535 {
				r.wrong(key, item, "a number from 1 to 65535", "8080")
				return nil, false
			}
			list = append(list, port)
		}
	}
	return list, ok
}

// word is what one of some words, in any case, stands for.
func (r *reader) word(key, value *yaml.Node, words map[string]string, expected, example string) (string, bool) {
	text, ok := r.scalar(key, value, expected, example)
	if !ok {
		return "", false
	}
	word, ok := words[strings.ToLower(text)]
	if !ok {
		r.wrong(key, value, expected, example)
	}
	return word, ok
}

var keyValue = regexp.MustCompile(`^([^:=]+)[:=]\s*(?s:(.*))$`)

// mapOf is the map that value is, or that Jina makes of it: of JSON in a text, or of a list of texts such as KEY=VALUE.
func (r *reader) mapOf(key, value *yaml.Node) (*yaml.Node, bool) {
	switch value.Kind {
	case yaml.MappingNode:
		return value, true
	case yaml.ScalarNode:
		if r.unresolved[value] {
			return nil, false
		}
		if m, err := r.parseJSON(value); err == nil && m.Kind == yaml.MappingNode {
			return m, true
		}
	case yaml.SequenceNode:
		m := r.like(value, "")
		m.Kind, m.Tag = yaml.MappingNode, "!!map"
		for _, item := range value.Content {
			parts := keyValue.FindStringSubmatch(item.Value)
			if item.Kind != yaml.ScalarNode || parts == nil {
				m = nil
				break
			}
			m.Content = append(m.Content, r.like(item, strings.TrimSpace(parts[1])), r.like(item, parts[2]))
		}
		if m != nil {
			return m, true
		}
	}
	// The value is not shown: it may be a secret.
	r.fault(pos(value), key.Value+" is no map", "a map", "write `NAME: value` lines under it")
	return nil, false
}

// parseJSON makes a tree of a text.
func (r *reader) parseJSON(n *yaml.Node) (*yaml.Node, error) {
	decoder := json.NewDecoder(strings.NewReader(n.Value))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil, err
	}
	if decoder.More() {
		return nil, fmt.Errorf("more than one value")
	}
	return r.nodeOf(n, v, 0)
}

func (r *reader) nodeOf(at *yaml.Node, v any, depth int) (*yaml.Node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested more than %d levels deep", maxDepth)
	}
	n := r.like(at, "")
	switch v := v.(type) {
	case map[string]any:
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
		for _, key := range slices.Sorted(maps.Keys(v)) {
			item, err := r.nodeOf(at, v[key], depth+1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, r.like(at, key), item)
		}
	case []any:
		n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		for _, value := range v {
			item, err := r.nodeOf(at, value, depth+1)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, item)
		}
	case json.Number:
		n.Value, n.Tag = v.String(), "!!float"
		f, err := v.Float64()
		if err != nil {
			return nil, err
		}
		r.made[n] = madeOf{json: true, value: f}
		if i, isInt := decimal(v.String()); isInt {
			r.made[n] = madeOf{json: true, value: i}
		}
	case bool:
		n.Value, n.Tag = strconv.FormatBool(v), "!!bool"
		r.made[n] = madeOf{json: true, value: v}
	case nil:
		n.Tag = "!!null"
		r.made[n] = madeOf{json: true}
	case string:
		n.Value = v
		r.made[n] = madeOf{json: true, value: v}
	}
	return n, nil
}

// madeOf says how a scalar that stands in the text of another was made: json has a type of its own, its value's, the others are texts.
type madeOf struct {
	json  bool
	value any
}

// like is a quoted text that stands where n stands, and is as secret.
func (r *reader) like(n *yaml.Node, text string) *yaml.Node {
	made := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.DoubleQuotedStyle, Value: text, Line: n.Line, Column: n.Column}
	r.made[made] = madeOf{}
	if was, ok := r.written[n]; ok {
		r.written[made] = was
	}
	if action, ok := r.rendered[n]; ok {
		r.rendered[made] = action
	}
	return made
}

// within bounds a number.
type within struct {
	field     *Field[int]
	low, high int
}

func atLeast(f *Field[int], low int) within { return within{f, low, 1_000_000_000} }

func (t within) read(r *reader, key, value *yaml.Node) {
	n, ok := r.integer(key, value)
	switch {
	case !ok:
	case n < t.low || n > t.high:
		r.wrong(key, value, fmt.Sprintf("a number from %d to %d", t.low, t.high), strconv.Itoa(max(t.low, 1)))
	default:
		set(r, t.field, n, key, value)
	}
}

// milliseconds is a time; 0 and Jina's -1 mean none, the value to take then.
type milliseconds struct {
	field *Field[int]
	none  int
}

func (t milliseconds) read(r *reader, key, value *yaml.Node) {
	within{t.field, -1, 1_000_000_000}.read(r, key, value)
	if t.field.Value <= 0 {
		t.field.Value = t.none
	}
}

// raw keeps the node for whoever understands it later.
type raw struct{ key, node *yaml.Node }

func (t *raw) read(r *reader, key, value *yaml.Node) {
	switch {
	case isEmpty(value):
	case t.node != nil:
		r.twice(key, pos(t.node))
	default:
		t.key, t.node = key, value
	}
}

func (t raw) pos() Pos {
	if t.node == nil {
		return Pos{}
	}
	return pos(t.node)
}

// harmless is a field whose value changes nothing, here as in Jina.
type harmless struct{}

func (harmless) read(*reader, *yaml.Node, *yaml.Node) {}

func comparePos(a, b Pos) int {
	return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}
