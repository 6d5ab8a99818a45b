package chart

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/helm-flow/helm-flow/internal/values"
)

// Every value of the chart does something: there is a case in which leaving it out gives other objects.
func TestEveryValueIsUsed(t *testing.T) {
	used := map[string]bool{} // by Type.field
	for _, c := range cases(t) {
		all := c.values(t)
		whole := text(t, all)
		var walk func(section map[string]any, of reflect.Type)
		walk = func(section map[string]any, of reflect.Type) {
			for _, key := range slices.Collect(maps.Keys(section)) {
				name, inner := fieldCalled(of, key)
				value := section[key]
				if name == "" {
					continue
				}
				if !used[name] {
					delete(section, key)
					used[name] = !bytes.Equal(text(t, all), whole)
					section[key] = value
				}
				descend(value, inner, walk)
			}
		}
		walk(all, reflect.TypeFor[values.Values]())
	}
	var unused []string
	for _, name := range fieldNames(reflect.TypeFor[values.Values](), map[reflect.Type]bool{}) {
		// The flow's text has cases of its own.
		if !used[name] && name != "Values.flow" {
			unused = append(unused, name)
		}
	}
	if len(unused) > 0 {
		t.Errorf("no case shows what these values do: %s", strings.Join(unused, ", "))
	}
}

// text is all that the chart renders of values; or nothing, where it refuses them.
func text(t *testing.T, v map[string]any) []byte {
	t.Helper()
	manifests, err := Render(Options{Release: "demo", Namespace: "flows", Values: v})
	if err != nil {
		return nil
	}
	var b bytes.Buffer
	for _, m := range manifests {
		b.Write(m.YAML)
	}
	return b.Bytes()
}

// descend walks the maps in a value of a type.
func descend(value any, of reflect.Type, walk func(map[string]any, reflect.Type)) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	switch items := value.(type) {
	case map[string]any:
		switch of.Kind() {
		case reflect.Struct:
			walk(items, of)
		case reflect.Map:
			for _, item := range items {
				descend(item, of.Elem(), walk)
			}
		}
	case []any:
		for _, item := range items {
			if of.Kind() == reflect.Slice {
				descend(item, of.Elem(), walk)
			}
		}
	}
}

// fieldCalled is the field that JSON calls key, as Type.field with the type that declares it, and its type.
func fieldCalled(of reflect.Type, key string) (string, reflect.Type) {
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Anonymous {
			if name, inner := fieldCalled(f.Type, key); name != "" {
				return name, inner
			}
		}
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name == key {
			return of.Name() + "." + key, f.Type
		}
	}
	return "", nil
}

// fieldNames are all fields of a type and of those below it.
func fieldNames(of reflect.Type, seen map[reflect.Type]bool) []string {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return fieldNames(of.Elem(), seen)
	case reflect.Struct:
	default:
		return nil
	}
	if seen[of] {
		return nil
	}
	seen[of] = true
	var names []string
	for i := range of.NumField() {
		f := of.Field(i)
		if !f.Anonymous {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			names = append(names, of.Name()+"."+name)
		}
		names = append(names, fieldNames(f.Type, seen)...)
	}
	return names
}
