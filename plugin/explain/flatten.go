package explain

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"

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
		for i, inner := range v {
			key := strconv.Itoa(i)
			if item, ok := inner.(map[string]any); ok {
				if name, ok := cmp.Or(item["name"], item["mountPath"]).(string); ok {
					key = name
				}
			}
			leaves(at+"["+key+"]", inner, into)
		}
	default:
		into[at] = text(v)
	}
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
		changes := len(fields)
		for at, value := range mine {
			if was, ok := theirs[at]; !ok || was != value {
				fields = append(fields, Field{Kind: id.kind, Name: id.name, Field: at, Value: value})
			}
		}
		for at := range theirs {
			if _, ok := mine[at]; !ok {
				fields = append(fields, Field{Kind: id.kind, Name: id.name, Field: at, Gone: true})
			}
		}
		inPods := func(f Field) bool {
			return len(f.Field) > len(podTemplate) && f.Field[:len(podTemplate)] == podTemplate
		}
		if slices.Contains(workloads, id.kind) && slices.ContainsFunc(fields[changes:], inPods) {
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

const podTemplate = "spec.template."
