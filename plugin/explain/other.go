package explain

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// lookup finds the value at a path of names with dots between, some of which have dots themselves.
func lookup(v any, path string) (keys []string, value any, ok bool) {
	if path == "" {
		return nil, v, true
	}
	parts := strings.Split(path, ".")
	for n := range parts {
		key, rest := strings.Join(parts[:n+1], "."), strings.Join(parts[n+1:], ".")
		inner, has := child(v, key)
		if !has {
			continue
		}
		if keys, value, ok := lookup(inner, rest); ok {
			return append([]string{key}, keys...), value, true
		}
	}
	return nil, nil, false
}

func child(v any, key string) (any, bool) {
	switch in := v.(type) {
	case map[string]any:
		inner, ok := in[key]
		return inner, ok
	case []any:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(in) {
			return in[i], true
		}
	}
	return nil, false
}

// clone copies values deeply.
func clone(values map[string]any) map[string]any {
	text, err := json.Marshal(values)
	if err == nil {
		var copied map[string]any
		if err = json.Unmarshal(text, &copied); err == nil {
			return copied
		}
	}
	panic(err) // values are JSON
}

// without is a copy of values without what stands at keys.
func without(values map[string]any, keys []string) map[string]any {
	copied := clone(values)
	change(copied, keys, func(any) (any, bool) { return nil, false })
	return copied
}

// with is a copy of values with another one at keys.
func with(values map[string]any, keys []string, value any) map[string]any {
	copied := clone(values)
	change(copied, keys, func(any) (any, bool) { return value, true })
	return copied
}

// change replaces what stands at keys, or removes it where to says so, and gives what v has become.
func change(v any, keys []string, to func(any) (any, bool)) any {
	key := keys[0]
	inner, _ := child(v, key)
	keep := true
	if len(keys) > 1 {
		inner = change(inner, keys[1:], to)
	} else {
		inner, keep = to(inner)
	}
	switch in := v.(type) {
	case map[string]any:
		if keep {
			in[key] = inner
		} else {
			delete(in, key)
		}
	case []any:
		i, _ := strconv.Atoi(key) // lookup has read it
		if !keep {
			return slices.Delete(in, i, i+1)
		}
		in[i] = inner
	}
	return v
}

// words that values choose from; those that do not fit the chart refuses.
var words = []any{"x", "none", "gzip", "deflate", "all", "any", "linkerd", "go", "jina", "IfNotPresent", "Always", "auto", "v1", "v2"}

// others are copies of values with something else at keys, the most telling first.
func others(values map[string]any, keys []string, value any) []map[string]any {
	if len(keys) == 2 && keys[0] == "executors" {
		return []map[string]any{renamed(values, keys[1])}
	}
	alternatives := otherValues(value)
	if keys[len(keys)-1] == "needs" {
		executors, _ := values["executors"].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(executors)) {
			alternatives = append(alternatives, []any{name})
		}
	}
	all := make([]map[string]any, len(alternatives))
	for i, alternative := range alternatives {
		all[i] = with(values, keys, alternative)
	}
	return all
}

// otherValues are of the same kind as v.
func otherValues(v any) (all []any) {
	switch v := v.(type) {
	case bool:
		return []any{!v}
	case float64:
		return []any{v + 1, v - 1}
	case string:
		return append([]any{v + "x", v + "1"}, slices.DeleteFunc(slices.Clone(words), func(w any) bool { return w == v })...)
	case []any:
		if n := len(v); n > 0 {
			return []any{v[:n-1], append(slices.Clone(v), v[n-1])}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			less := maps.Clone(v)
			delete(less, key)
			all = append(all, less)
			for _, other := range otherValues(v[key]) {
				changed := maps.Clone(v)
				changed[key] = other
				all = append(all, changed)
			}
		}
	}
	return all
}

// renamed is a copy of values in which an executor has another name, also where others need it.
func renamed(values map[string]any, name string) map[string]any {
	other := name + "_x"
	copied := clone(values)
	executors, _ := copied["executors"].(map[string]any)
	executors[other] = executors[name]
	delete(executors, name)
	for _, e := range executors {
		executor, _ := e.(map[string]any)
		needs, _ := executor["needs"].([]any)
		for i, need := range needs {
			if need == name {
				needs[i] = other
			}
		}
	}
	return copied
}
