// Package diff compares the Kubernetes objects of two releases by what they mean: order, comments and spelling of YAML make no difference.
package diff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

// ID says which object of a cluster it is.
type ID struct {
	// Group is empty for Kubernetes' core. An object stays the same when it moves to another version of its group.
	Group, Kind, Namespace, Name string
}

// Object is a Kubernetes object.
type Object struct {
	ID
	// Content as JSON values.
	Content map[string]any
}

// Parse reads the YAML documents of a manifest. Objects without a namespace are in namespace.
func Parse(manifest, namespace string) ([]Object, error) {
	documents := releaseutil.SplitManifests(manifest)
	order := slices.Collect(maps.Keys(documents))
	slices.SortFunc(order, func(a, b string) int {
		if releaseutil.BySplitManifestsOrder([]string{a, b}).Less(0, 1) {
			return -1
		}
		return 1
	})
	var objects []Object
	for _, key := range order {
		var head struct {
			APIVersion, Kind string
			Metadata         struct{ Name, Namespace string }
		}
		o := Object{}
		for _, into := range []any{&head, &o.Content} {
			if err := yaml.Unmarshal([]byte(documents[key]), into); err != nil {
				return nil, fmt.Errorf("an object of the manifest is not YAML: %w", err)
			}
		}
		if len(o.Content) == 0 { // comments alone
			continue
		}
		group, _, grouped := bytes.Cut([]byte(head.APIVersion), []byte("/"))
		o.ID = ID{Kind: head.Kind, Namespace: head.Metadata.Namespace, Name: head.Metadata.Name}
		if grouped {
			o.Group = string(group)
		}
		if o.Namespace == "" {
			o.Namespace = namespace
		}
		objects = append(objects, o)
	}
	return objects, nil
}

// Kind of a change.
type Kind string

// The kinds of changes.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
)

// Change is the difference in one object.
type Change struct {
	ID
	Kind Kind
	// Old and New are the object as YAML with sorted keys; empty where it is not there.
	Old, New string
	// Rolls: the pods of this workload are replaced.
	Rolls bool
}

// Options of a comparison.
type Options struct {
	// ShowSecrets leaves the values of Secrets as they are. Else they become their lengths.
	ShowSecrets bool
}

// Compare gives the changes from before to after: in the order of after, then what is removed.
func Compare(before, after []Object, opts Options) ([]Change, error) {
	old := make(map[ID]Object, len(before))
	for _, o := range before {
		old[o.ID] = o
	}
	var changes []Change
	for _, o := range after {
		was, existed := old[o.ID]
		delete(old, o.ID)
		if existed && reflect.DeepEqual(was.Content, o.Content) {
			continue
		}
		c := Change{ID: o.ID, Kind: Changed, Rolls: existed && !reflect.DeepEqual(podTemplate(was), podTemplate(o))}
		if !existed {
			c.Kind = Added
		}
		if err := c.write(was.Content, o.Content, opts); err != nil {
			return nil, err
		}
		changes = append(changes, c)
	}
	for _, o := range before {
		if _, left := old[o.ID]; !left {
			continue
		}
		c := Change{ID: o.ID, Kind: Removed}
		if err := c.write(o.Content, nil, opts); err != nil {
			return nil, err
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// podTemplate is nil for objects that make no pods, or none that a change replaces.
func podTemplate(o Object) any {
	if !slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet"}, o.Kind) {
		return nil
	}
	spec, _ := o.Content["spec"].(map[string]any)
	return spec["template"]
}

func (c *Change) write(old, now map[string]any, opts Options) error {
	if c.ID.Kind == "Secret" && c.Group == "" && !opts.ShowSecrets {
		old, now = redact(old, now)
	}
	for _, side := range []struct {
		content map[string]any
		into    *string
	}{{old, &c.Old}, {now, &c.New}} {
		if side.content == nil {
			continue
		}
		text, err := yaml.Marshal(side.content)
		if err != nil {
			return fmt.Errorf("%s %s as YAML: %w", c.ID.Kind, c.Name, err)
		}
		*side.into = string(text)
	}
	return nil
}

// redact replaces the values of both versions of a Secret so that one can see which of them differ, and no more.
func redact(old, now map[string]any) (map[string]any, map[string]any) {
	old, now = maps.Clone(old), maps.Clone(now)
	for _, field := range []string{"data", "stringData"} {
		oldValues, _ := old[field].(map[string]any)
		newValues, _ := now[field].(map[string]any)
		hide := func(values, other map[string]any, changed string) map[string]any {
			hidden := make(map[string]any, len(values))
			for key, value := range values {
				sign := "REDACTED"
				if !reflect.DeepEqual(value, other[key]) {
					sign = changed
				}
				hidden[key] = fmt.Sprintf("%s # (%d bytes)", sign, size(value))
			}
			return hidden
		}
		if oldValues != nil {
			old[field] = hide(oldValues, newValues, "--------")
		}
		if newValues != nil {
			now[field] = hide(newValues, oldValues, "++++++++")
		}
	}
	return old, now
}

func size(value any) int {
	if text, ok := value.(string); ok {
		return len(text)
	}
	text, _ := json.Marshal(value) // it came from JSON
	return len(text)
}
