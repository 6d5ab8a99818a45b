// Package explain finds out what each line of a flow became: which values, and which fields of which objects.
//
// It asks the chart instead of knowing it: the chart is rendered as the flow says, and again for each value without that value, or with
// another one. What then differs is what the value does. So nothing here can be out of date.
package explain

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/helm-flow/helm-flow/internal/chart"
	"github.com/helm-flow/helm-flow/internal/values"
)

// Options of an explanation.
type Options struct {
	// Values of the chart, as they are rendered.
	Values map[string]any
	// Render renders values. It is called from several goroutines at a time.
	Render func(values map[string]any) ([]chart.Manifest, error)
	// Secrets are not shown.
	Secrets *Secrets
	// Progress is called after each value, with how many are done, and of how many.
	Progress func(done, of int)
}

// Line is a field in a line of a flow.
type Line struct {
	// Line and Column of the field's value in the file, from 1.
	Line   int `json:"line"`
	Column int `json:"column"`
	// Field is its path in the file, such as executors[0].timeout_ready.
	Field string `json:"field"`
	// Values that it became.
	Values []Value `json:"values"`
}

// Value is one of the chart's.
type Value struct {
	// Path such as executors.encoder.timeoutReady.
	Path string `json:"path"`
	// Value as JSON; Hidden for secrets.
	Value string `json:"value"`
	// Why says how Fields were found.
	Why Why `json:"why"`
	// Reason is what the chart says without the value; only where Why is Required.
	Reason string `json:"reason,omitzero"`
	// Fields of objects that are as they are because of the value.
	Fields []Field `json:"fields"`
	// Rolls are the workloads whose pods are replaced when the value changes.
	Rolls []string `json:"rolls"`
}

// Why says how the fields of a value were found.
type Why string

const (
	// Set: without the value they would be different.
	Set Why = "set"
	// Default: without the value they would be the same; they change with it.
	Default Why = "default"
	// Required: without the value the chart refuses the rest; they change with it.
	Required Why = "required"
	// Nothing: no object changes with it.
	Nothing Why = "nothing"
)

// Field is one of an object, or a whole object where Field is empty.
type Field struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Field such as spec.template.spec.containers[executor].args[2], or data.[gateway.yaml].prefetch for what stands in a text of YAML.
	Field string `json:"field"`
	// Value as it is, Hidden for secrets; empty if Gone.
	Value string `json:"value"`
	// Gone: the value took it away.
	Gone bool `json:"gone,omitzero"`
}

// Explain gives the lines in the order of the file.
func Explain(ctx context.Context, origins []values.Origin, opts Options) ([]Line, error) {
	manifests, err := opts.Render(clone(opts.Values))
	if err != nil {
		return nil, err
	}
	base := flatten(manifests)
	paths := make(map[string]*Value)
	for _, o := range origins {
		paths[o.Path] = nil
	}
	found, err := explainAll(ctx, slices.Sorted(maps.Keys(paths)), base, opts)
	if err != nil {
		return nil, err
	}
	lines := []Line{}
	for _, o := range origins {
		v := found[o.Path]
		if opts.Secrets.hides(o) {
			v = hidden(v)
		}
		if n := len(lines); n > 0 && lines[n-1].Line == o.Pos.Line && lines[n-1].Column == o.Pos.Column && lines[n-1].Field == o.Field {
			lines[n-1].Values = append(lines[n-1].Values, v)
			continue
		}
		lines = append(lines, Line{o.Pos.Line, o.Pos.Column, o.Field, []Value{v}})
	}
	return lines, nil
}

func explainAll(ctx context.Context, paths []string, base objects, opts Options) (map[string]Value, error) {
	found := make(map[string]Value, len(paths))
	var mu sync.Mutex // guards found
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, path := range paths {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			v := explainPath(path, base, opts)
			mu.Lock()
			defer mu.Unlock()
			found[path] = v
			if opts.Progress != nil {
				opts.Progress(len(found), len(paths))
			}
			return nil
		})
	}
	return found, group.Wait()
}

func explainPath(path string, base objects, opts Options) Value {
	v := Value{Path: path, Why: Nothing, Fields: []Field{}, Rolls: []string{}}
	keys, value, ok := lookup(opts.Values, path)
	if !ok {
		return v // a value of the user's has taken its place
	}
	v.Value = opts.Secrets.mask(text(value))
	differ := func(values map[string]any) error {
		manifests, err := opts.Render(values)
		if err != nil {
			return err
		}
		v.Fields, v.Rolls = base.differences(flatten(manifests))
		return nil
	}
	v.Why = Set
	if err := differ(without(opts.Values, keys)); err != nil {
		v.Why, v.Reason = Required, opts.Secrets.mask(err.Error())
	} else if len(v.Fields) == 0 {
		v.Why = Default
	}
	for _, other := range others(opts.Values, keys, value) {
		if len(v.Fields) > 0 {
			break
		}
		_ = differ(other) // what the chart refuses tells nothing
		// What there would be with the other value is no work of this one.
		v.Fields = slices.DeleteFunc(v.Fields, func(f Field) bool { return f.Gone })
	}
	if len(v.Fields) == 0 && v.Why == Default {
		v.Why = Nothing
	}
	for i := range v.Fields {
		v.Fields[i].Value = opts.Secrets.maskField(v.Fields[i])
	}
	slices.SortFunc(v.Fields, func(a, b Field) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Value, b.Value))
	})
	return v
}

// text is a value in a line.
func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	t, err := json.Marshal(value)
	if err != nil { // values are JSON
		return err.Error()
	}
	return string(t)
}
