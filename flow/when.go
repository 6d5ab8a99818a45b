package flow

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// condition is `when`, in docarray's query language: {field: {operator: value}}, and logical operators over such maps.
type condition struct{ field *Field[map[string]any] }

// operators of fields, and what is wrong with a value of each.
var operators = map[string]func(v any) (expected string, ok bool){
	"$eq": anyValue, "$neq": anyValue, "$gt": anyValue, "$gte": anyValue, "$lt": anyValue, "$lte": anyValue,
	"$in": listValue, "$nin": listValue,
	"$exists": func(v any) (string, bool) { _, ok := v.(bool); return "true or false", ok },
	"$size": func(v any) (string, bool) {
		n, ok := v.(int)
		return "a whole number, at least 0", ok && n >= 0
	},
	"$regex": func(v any) (string, bool) {
		text, ok := v.(string)
		if ok {
			_, err := regexp.Compile(text)
			ok = err == nil
		}
		return "a regular expression without look-around and back-references, which Go's do not have", ok
	},
}

var logical = []string{"$and", "$or", "$not"}

// placeholder is a value that stands for another field of the document.
var placeholder = regexp.MustCompile(`^\{\s*[a-zA-Z0-9_]+\s*\}$`)

func anyValue(v any) (string, bool) {
	text, isText := v.(string)
	return "a value, or {field} of the same document", !isText || !strings.HasPrefix(text, "{") || placeholder.MatchString(text)
}

func listValue(v any) (string, bool) {
	_, ok := v.([]any)
	return "a list", ok
}

func (t condition) read(r *reader, key, value *yaml.Node) {
	n, ok := r.mapOf(key, value)
	if !ok {
		return
	}
	faults := len(r.faults)
	r.condition(key, n)
	if len(r.faults) > faults {
		return
	}
	v, ok := r.free(n)
	if m, _ := v.(map[string]any); ok && len(m) > 0 {
		set(r, t.field, m, key, value)
	}
}

// condition checks a map of fields and logical operators.
func (r *reader) condition(key, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		r.wrong(key, n, "a map", "{tags__price: {$lt: 5}}")
		return
	}
	for name, value := range pairs(n) {
		switch {
		case slices.Contains(logical, name.Value):
			parts := []*yaml.Node{value}
			if value.Kind == yaml.SequenceNode {
				parts = value.Content
			}
			for _, part := range parts {
				r.condition(name, part)
			}
		case strings.HasPrefix(name.Value, "$"):
			r.unknownOperator(n, name, logical)
		case name.Value == "":
			r.fault(pos(name), "a condition without a field", "a field such as tags__price", "name the field")
		default:
			r.fieldCondition(name, value)
		}
	}
}

// fieldCondition checks the operators of one field.
func (r *reader) fieldCondition(field, n *yaml.Node) {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		r.wrong(field, n, "a map of operators", "{$eq: 1}")
		return
	}
	for name, value := range pairs(n) {
		check := operators[name.Value]
		if check == nil {
			if slices.Contains(logical, name.Value) {
				r.fault(pos(name), name.Value+" stands under a field", "it around conditions: {"+name.Value+": {"+clip(field.Value)+": …}}", "turn them round")
				continue
			}
			r.unknownOperator(n, name, slices.Collect(maps.Keys(operators)))
			continue
		}
		v, ok := r.freeTree(name.Value, value)
		if !ok {
			continue
		}
		if expected, ok := check(v); !ok {
			r.wrong(name, value, expected, example(name.Value))
		}
	}
}

func example(operator string) string {
	switch operator {
	case "$in", "$nin":
		return "[a, b]"
	case "$exists":
		return "true"
	case "$regex":
		return "'^a'"
	}
	return "1"
}

func (r *reader) unknownOperator(in, name *yaml.Node, known []string) {
	fault := r.fault(pos(name), fmt.Sprintf("unknown operator %q", clip(name.Value)), "one of "+strings.Join(slices.Sorted(slices.Values(known)), ", "), "change it")
	near := r.nearest(name.Value, known)
	if name.Value == "$ne" { // what docarray's documentation has
		near = "$neq"
	}
	if near != "" {
		fault.Cure, fault.Fix = fmt.Sprintf("did you mean %q?", near), r.rename(in, name, near)
	}
}

// metadata is grpc_metadata.
type metadata struct{ field *Field[map[string]string] }

func (t metadata) read(r *reader, key, value *yaml.Node) {
	named{t.field, metadataName, "letters, digits, _, - and .", r.text}.read(r, key, value)
}
