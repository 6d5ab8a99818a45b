package explain

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/helm-flow/helm-flow/internal/chart"
)

// identity of an object in its namespace.
type identity struct{ kind, name string }

// objects have fields: paths to scalars, as texts.
type objects map[identity]map[string]string

// flatten takes objects apart.
func flatten(manifests []chart.Manifest) objects {
	all := make(objects)
	for _, m := range manifests {
		var object map[string]any
		if err := yaml.Unmarshal(m.YAML, &object); err != nil {
			continue // what is no YAML has not been rendered
		}
		meta, _ := object["metadata"].(map[string]any)
		id := identity{fmt.Sprint(object["kind"]), fmt.Sprint(meta["name"])}
		fields := make(map[string]string)
		leaves("", object, fields)
		all[id] = fields
	}
	return all
}

// leaves adds the scalars below v. Items of lists go by their names where they have one, so that none is taken for its neighbour.
func leaves(at string, v any, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			into[at] = "{}"
		}
		for key, inner := range v {
			if isYAML := slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(key)); isYAML {
				inner, key = parsed(inner), "["+key+"]"
			}
			leaves(join(at, key), inner, into)
		}
	case []any:
		if len(v) == 0 {
			into[at] = "[]"
		}
		words := arguments(v)
		for i, inner := range v {
			switch item := inner.(type) {
			case map[string]any:
				key := strconv.Itoa(i)
				if name, ok := item["name"].(string); ok {
					key = name
					item = maps.Clone(item)
					delete(item, "name")
				} else if mount, ok := item["mountPath"].(string); ok {
					key = mount
				}
				leaves(at+"["+key+"]", item, into)
			case []any:
				leaves(at+"["+strconv.Itoa(i)+"]", item, into)
			}
		}
		for _, word := range words {
			into[at+itemMark+word] = word
		}
	default:
		into[at] = text(v)
	}
}

// itemMark stands in a path before the text of an item that has no name: it is itself wherever it stands in its list.
const itemMark = "\x00"

// arguments are the scalars of a list; a flag is one with the value that follows it.
func arguments(list []any) []string {
	var all []string
	for _, item := range list {
		switch item.(type) {
		case map[string]any, []any:
			continue
		}
		word := text(item)
		if n := len(all); n > 0 && strings.HasPrefix(all[n-1], "--") && !strings.ContainsAny(all[n-1], "= ") && !strings.HasPrefix(word, "-") {
			all[n-1] += " " + word
			continue
		}
		all = append(all, word)
	}
	return all
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

// parsed is what a text says as YAML, or the text.
func parsed(v any) any {
	source, ok := v.(string)
	if !ok {
		return v
	}
	var inner any
	if err := yaml.Unmarshal([]byte(source), &inner); err != nil {
		return v
	}
	return inner
}

// workloads are the kinds whose pods a change replaces.
var workloads = []string{"Deployment", "StatefulSet", "DaemonSet"}

// differences are the fields of o that other has not, or has otherwise; the whole object where it has none of them. Then those that only other
// has. rolls are the workloads of both whose pods are different.
func (o objects) differences(other objects) (fields []Field, rolls []string) {
	fields, rolls = []Field{}, []string{}
	for id, mine := range o {
		theirs, both := other[id]
		if !both {
			fields = append(fields, Field{Kind: id.kind, Name: id.name})
			continue
		}
		rolled := false
		add := func(at, value string, gone bool) {
			rolled = rolled || strings.HasPrefix(at, podTemplate)
			// That a checksum differs says no more than that the pods are replaced.
			if !strings.HasPrefix(at, checksums) {
				at, _, _ = strings.Cut(at, itemMark)
				fields = append(fields, Field{Kind: id.kind, Name: id.name, Field: at, Value: value, Gone: gone})
			}
		}
		for at, value := range mine {
			if was, ok := theirs[at]; !ok || was != value {
				add(at, value, false)
			}
		}
		for at := range theirs {
			if _, ok := mine[at]; !ok {
				add(at, "", true)
			}
		}
		if rolled && slices.Contains(workloads, id.kind) {
			rolls = append(rolls, id.kind+" "+id.name)
		}
	}
	for id := range other {
		if _, both := o[id]; !both {
			fields = append(fields, Field{Kind: id.kind, Name: id.name, Gone: true})
		}
	}
	slices.Sort(rolls)
	return fields, rolls
}

// Paths of fields begin with these: of the pods of a workload, and of their annotations that replace them when a file changes.
const (
	podTemplate = "spec.template."
	checksums   = podTemplate + "metadata.annotations.checksum/"
)
