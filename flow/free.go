package flow

import (
	"math"

	"go.yaml.in/yaml/v3"
)

// Fields whose values have no type of their own hold JSON values: string, bool, int, float64, nil, []any, map[string]any. Trees are shared by all
// that inherit them, and are not to be changed.

// freeMap is a map of whatever.
func (r *reader) freeMap(key, value *yaml.Node) (map[string]any, bool) {
	n, ok := r.mapOf(key, value)
	if !ok {
		return nil, false
	}
	v, ok := r.free(n)
	m, _ := v.(map[string]any)
	return m, ok
}

type freeValue struct {
	value any
	ok    bool
}

// free makes JSON values of a node, re-typed as Jina does.
func (r *reader) free(n *yaml.Node) (any, bool) {
	if done, ok := r.freed[n]; ok {
		return done.value, done.ok
	}
	v, ok := r.freeTree("", n)
	r.freed[n] = freeValue{v, ok}
	return v, ok
}

// freeTree does the work. name is the key that n stands under.
func (r *reader) freeTree(name string, n *yaml.Node) (any, bool) {
	switch n.Kind {
	case yaml.MappingNode:
		m, ok := make(map[string]any, len(n.Content)/2), true
		for key, value := range pairs(n) {
			v, good := r.freeTree(key.Value, value)
			m[key.Value], ok = v, ok && good
		}
		return m, ok
	case yaml.SequenceNode:
		list, ok := make([]any, 0, len(n.Content)), true
		for _, item := range n.Content {
			v, good := r.freeTree(name, item)
			list, ok = append(list, v), ok && good
		}
		return list, ok
	}
	if made := r.made[n]; made.json {
		return made.value, true
	}
	if r.isPlain(n) {
		return r.freePlain(name, n)
	}
	v := retype(n.Value)
	r.warnOfRetyping(name, n, v)
	return v, true
}

// freePlain is the value of a scalar without quotes.
func (r *reader) freePlain(name string, n *yaml.Node) (any, bool) {
	if n.Tag == "!!float" {
		var f float64
		if n.Decode(&f) == nil && (math.IsNaN(f) || math.IsInf(f, 0)) {
			r.fault(pos(n), n.Value+" is no number that JSON knows", "a finite number", "change it")
			return nil, false
		}
	}
	v := plainValue(n.Value)
	if _, isNumber := v.(int); isNumber {
		digits := n.Value
		if digits[0] == '-' || digits[0] == '+' {
			digits = digits[1:]
		}
		switch {
		case isSixty(n.Value):
			r.warn(pos(n), label(name)+"YAML takes numbers with colons for times to the base of sixty: this one is "+pythonText(v), "write that number, or a text that is more than digits and colons")
		case len(digits) > 1 && digits[0] == '0' && yamlInt.MatchString(n.Value) && digits[1] != 'x' && digits[1] != 'b':
			r.warn(pos(n), label(name)+"YAML takes a number that begins with 0 for an octal one: this one is "+pythonText(v), "remove the 0")
		}
	}
	return v, true
}

// warnOfRetyping warns where somebody who wrote a text would be surprised to find another type in the executor. The value is not shown: it
// may be a secret.
func (r *reader) warnOfRetyping(name string, n *yaml.Node, v any) {
	was, substituted := r.written[n]
	quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
	if _, made := r.made[n]; made || !quoted {
		return
	}
	becomes := ""
	switch v := v.(type) {
	case nil:
		becomes = "null"
	case bool:
		becomes = "true or false"
	case int, float64:
		becomes = "a number"
		if pythonText(v) != n.Value {
			becomes = numberOtherwise
		}
	case []any:
		becomes = "a list"
	case string:
		if v != n.Value {
			becomes = "the text within the inner quotes"
		}
	}
	switch {
	case becomes == "":
	case !substituted:
		r.warn(pos(n), label(name)+"the text in quotes becomes "+becomes+", as Jina re-types texts", "")
	case becomes == numberOtherwise: // that a variable can stand for a number, nobody wonders at
		r.warn(pos(n), label(name)+"what "+clip(was.text)+" stands for becomes "+becomes+", as Jina re-types texts", "")
	}
}

const numberOtherwise = "a number that is written otherwise, as without zeros at its beginning"

func label(name string) string {
	if name == "" {
		return ""
	}
	return clip(name) + ": "
}
