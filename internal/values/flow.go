package values

import (
	"maps"
	"os"
	"strings"

	"github.com/helm-flow/helm-flow/flow"
)

// Options are what differs between a cluster and a laptop.
type Options struct {
	// PythonSources lets executors be Python source on this machine: `uses` and `pyModules` are then absolute paths.
	// Without it such an executor is a fault that says it needs an image.
	PythonSources bool
}

// sourceImage stands where a manifest needs an image and the executor is Python source; no registry can serve it.
var sourceImage = Image{Registry: "source.invalid", Repository: "python"}

// FromFlow turns a flow into values of the chart: what the flow says, and the graph it resolved to. The error is of type
// flow.Faults.
func FromFlow(f *flow.Flow, opts Options) (Values, error) {
	v := Values{Gateway: gateway(&f.Gateway)}
	var faults flow.Faults
	if len(f.Executors) > 0 {
		v.Executors = make(map[string]*Executor, len(f.Executors))
	}
	for i := range f.Executors {
		e := &f.Executors[i]
		if e.Uses.Kind == flow.Python && !opts.PythonSources {
			faults = append(faults, flow.Fault{
				File: f.Path, Line: e.Uses.Pos.Line, Column: e.Uses.Pos.Column,
				What:     e.Name.Value + " is Python source, which a cluster cannot start",
				Expected: "docker://IMAGE[:TAG]",
				Cure:     "build an image of it, or run the flow on this machine with `helm flow run`",
			})
			continue
		}
		v.Executors[e.Name.Value] = executor(e)
	}
	if len(faults) > 0 {
		return Values{}, faults
	}
	return v, nil
}

func gateway(g *flow.Gateway) Gateway {
	v := Gateway{
		Workload: Workload{
			Replicas:     said(g.Replicas),
			TimeoutReady: said(g.TimeoutReady),
			Env:          literal(g.Env.Value),
		},
		Prefetch:    saidOrNil(g.Prefetch),
		Retries:     saidOrNil(g.Retries),
		TimeoutSend: said(g.TimeoutSend),
	}
	for _, door := range said(g.Doors) {
		v.Ports.GRPC = door.Port
	}
	return v
}

func executor(e *flow.Executor) *Executor {
	v := &Executor{
		Needs:    e.Needs.Value,
		Floating: e.Floating.Value,
		NoReduce: e.NoReduce.Value,
		Metadata: e.Metadata.Value,
	}
	if e.External.Value {
		v.External = External{Addresses: e.Addresses}
		return v
	}
	v.Runtime = "jina"
	switch e.Uses.Kind {
	case flow.Builtin:
		v.Runtime, v.Uses = "go", e.Uses.Name
	case flow.Image:
		v.Image = parseImage(e.Uses.Name)
	case flow.Python:
		v.Image, v.Uses = sourceImage, e.Uses.Name
	}
	v.UsesWith = e.UsesWith.Value
	v.PyModules = e.PyModules.Value
	v.Replicas = said(e.Replicas)
	v.TimeoutReady = said(e.TimeoutReady)
	v.Env = literal(e.Env.Value)
	if e.Uses.Kind == flow.Python {
		v.Env = withHome(v.Env)
	}
	return v
}

// said is what the flow says, or nothing, so that the chart's default holds.
func said[T any](f flow.Field[T]) T {
	if f.Set() {
		return f.Value
	}
	return *new(T)
}

// saidOrNil is said for fields whose zero is not their default.
func saidOrNil[T any](f flow.Field[T]) *T {
	if f.Set() {
		return &f.Value
	}
	return nil
}

// literal keeps Kubernetes from reading $$ and $(NAME) in texts that a flow means as they stand.
func literal(env map[string]string) map[string]string {
	if len(env) == 0 {
		return nil
	}
	escaped := make(map[string]string, len(env))
	for name, value := range env {
		escaped[name] = strings.ReplaceAll(value, "$", "$$")
	}
	return escaped
}

// withHome keeps the user's home for Python source, as the models that Python caches lie there; for images the chart sets
// another.
func withHome(env map[string]string) map[string]string {
	home, err := os.UserHomeDir()
	if err != nil {
		return env
	}
	all := literal(map[string]string{"HOME": home})
	maps.Copy(all, env)
	return all
}

// parseImage takes registry/repository:tag@digest apart, by the rules of container engines: the first part is a registry
// if it looks like a host.
func parseImage(reference string) Image {
	var i Image
	reference, i.Digest, _ = strings.Cut(reference, "@")
	if colon := strings.LastIndex(reference, ":"); colon > strings.LastIndex(reference, "/") {
		reference, i.Tag = reference[:colon], reference[colon+1:]
	}
	i.Repository = reference
	if host, path, ok := strings.Cut(reference, "/"); ok && (strings.ContainsAny(host, ".:") || host == "localhost") {
		i.Registry, i.Repository = host, path
	}
	return i
}
