package values

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/helm-flow/helm-flow/flow"
)

// own sets what an x-flow says in v, a *Values or *Executor whose path is given: fields of its type that flow.yml has no word for, by the names
// that they have in values. owner is whose x-flow it is.
func (c *converter) own(v any, own flow.Own, owner, path string) {
	if len(own.Value) == 0 {
		return
	}
	faults := len(c.faults)
	o := &ownReader{converter: c, own: own, owner: owner, prefix: path}
	o.read(own.Value, reflect.TypeOf(v).Elem(), "", nil)
	if len(c.faults) > faults {
		return
	}
	text, err := json.Marshal(own.Value)
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		c.fault(own.Pos, "x-flow of "+owner+" cannot be read: "+err.Error(), "", "")
	}
}

// ownReader holds an x-flow against the types of values.
type ownReader struct {
	*converter
	own           flow.Own
	owner, prefix string
}

// read faults what does not fit the type t and its field's schema, and notes the rest. path is the one of v below x-flow.
func (o *ownReader) read(v any, t reflect.Type, schema string, path []string) {
	if v == nil { // as in values, null says nothing
		return
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch items := v.(type) {
	case map[string]any:
		o.readMap(items, t, path)
		return
	case []any:
		o.readList(items, t, schema, path)
		return
	}
	if expected := misfit(v, t, schema); expected != "" {
		o.fault(o.own.At(path...), fmt.Sprintf("x-flow of %s: %s is %s", o.owner, strings.Join(path, "."), o.show(v, path)), expected, "change it")
		return
	}
	o.note(o.own.At(path...), "x-flow."+strings.Join(path, "."), o.prefix+strings.Join(path, "."))
}

func (o *ownReader) readList(items []any, t reflect.Type, schema string, path []string) {
	switch t.Kind() {
	case reflect.Slice:
		t = t.Elem()
	case reflect.Interface:
	default:
		o.fault(o.own.At(path...), fmt.Sprintf("x-flow of %s: %s is a list", o.owner, strings.Join(path, ".")), kindName(t), "change it")
		return
	}
	for i, item := range items {
		o.read(item, t, schema, append(slices.Clip(path), strconv.Itoa(i)))
	}
}

func (o *ownReader) readMap(items map[string]any, t reflect.Type, path []string) {
	for _, key := range slices.Sorted(maps.Keys(items)) {
		here := append(slices.Clip(path), key)
		at, name := o.own.At(here...), strings.Join(here, ".")
		switch t.Kind() {
		case reflect.Interface:
			o.read(items[key], t, "", here)
		case reflect.Map:
			o.read(items[key], t.Elem(), "", here)
		case reflect.Struct:
			field, known := fieldOf(t, key)
			word := field.Tag.Get("flow")
			switch {
			case !known || word == "-":
				o.fault(at, fmt.Sprintf("x-flow of %s: unknown field %q", o.owner, name), "a value of the chart that Jina has no word for",
					didYouMean(key, t))
			case word != "":
				o.fault(at, fmt.Sprintf("x-flow of %s: Jina has a word for %s", o.owner, name), "that word", fmt.Sprintf("write `%s:` of %s", word, o.holder(path)))
			default:
				o.read(items[key], field.Type, field.Tag.Get("jsonschema"), here)
			}
		default:
			o.fault(o.own.At(path...), fmt.Sprintf("x-flow of %s: %s is a map", o.owner, strings.Join(path, ".")), kindName(t), "change it")
			return
		}
	}
}

// holder is who has the words of flow.yml for what stands at path.
func (o *ownReader) holder(path []string) string {
	if len(path) > 0 && path[0] == "gateway" {
		return "the gateway"
	}
	return o.owner
}

// fieldOf finds the field that JSON calls name, as JSON does, also in embedded structs.
func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	for _, field := range reflect.VisibleFields(t) {
		if called, _, _ := strings.Cut(field.Tag.Get("json"), ","); called == name {
			return field, true
		}
	}
	return reflect.StructField{}, false
}

// misfit is what was expected where a scalar does not fit type and schema; nothing where it does.
func misfit(v any, t reflect.Type, schema string) string {
	ok := t.Kind() == reflect.Interface
	switch v := v.(type) {
	case string:
		ok = ok || t.Kind() == reflect.String
		if allowed := enum(schema); len(allowed) > 0 && !slices.Contains(allowed, v) {
			return "one of " + strings.Join(allowed, ", ")
		}
	case bool:
		ok = ok || t.Kind() == reflect.Bool
	case float64:
		ok = ok || t.Kind() == reflect.Float64 || t.Kind() == reflect.Int && v == math.Trunc(v)
	case int:
		ok = ok || t.Kind() == reflect.Float64 || t.Kind() == reflect.Int
	}
	if ok {
		return ""
	}
	return kindName(t)
}

// enum are the values that a tag of the schema allows; none for any.
func enum(schema string) []string {
	var allowed []string
	for part := range strings.SplitSeq(schema, ",") {
		if value, ok := strings.CutPrefix(part, "enum="); ok {
			allowed = append(allowed, value)
		}
	}
	return allowed
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a text, in quotes if it looks like something else"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	}
	return "a map"
}

// show is a value for faults. What came out of variables may be a secret: their names are shown.
func (o *ownReader) show(v any, path []string) string {
	if variables := o.own.Variables(path...); variables != "" {
		return variables
	}
	if text, ok := v.(string); ok {
		return strconv.Quote(text[:min(len(text), 40)])
	}
	return fmt.Sprint(v)
}

// didYouMean offers the field of t, among those that x-flow may say, whose name is nearest to what was written.
func didYouMean(written string, t reflect.Type) string {
	best, least := "", max(len(written)/3, 1)+1
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || field.Tag.Get("flow") != "" {
			continue
		}
		if d := levenshtein.ComputeDistance(strings.ToLower(written), strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return "remove it"
	}
	return fmt.Sprintf("did you mean %q?", best)
}
