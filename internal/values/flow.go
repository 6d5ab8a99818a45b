package values

import (
	"cmp"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/helm-flow/helm-flow/flow"
)

// Options are what differs between a cluster and a laptop.
type Options struct {
	// PythonSources lets gateway and executors be Python source on this machine: `uses` and `pyModules` are then absolute paths.
	// Without it each of them is a fault that says it needs an image.
	PythonSources bool
}

// FromFlow turns a flow into values of the chart: what the flow says, and the graph it resolved to. The error is of type
// flow.Faults.
func FromFlow(f *flow.Flow, opts Options) (Values, error) {
	c := convert(f, opts)
	if len(c.faults) > 0 {
		slices.SortStableFunc(c.faults, func(a, b flow.Fault) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return Values{}, c.faults
	}
	return c.values, nil
}

// The names of Runtime.
const (
	runtimeGo   = "go"
	runtimeJina = "jina"
)

// converter makes values of a flow, and notes what each came from.
type converter struct {
	flow    *flow.Flow
	opts    Options
	values  Values
	origins []Origin
	faults  flow.Faults
}

func convert(f *flow.Flow, opts Options) *converter {
	c := &converter{flow: f, opts: opts}
	c.own(&c.values, f.Own, "the flow", "")
	c.gateway(&c.values.Gateway, &f.Gateway)
	if len(f.Executors) > 0 {
		c.values.Executors = make(map[string]*Executor, len(f.Executors))
	}
	for i := range f.Executors {
		name := f.Executors[i].Name.Value
		c.values.Executors[name] = new(Executor)
		c.executor(c.values.Executors[name], &f.Executors[i])
	}
	return c
}

func (c *converter) gateway(v *Gateway, g *flow.Gateway) {
	const path = "gateway."
	if g.Uses.Kind != flow.Builtin {
		v.Runtime = cmp.Or(v.Runtime, runtimeJina)
		c.uses(&v.Image, &v.Uses, g.Uses, "the gateway", "uses", path)
	}
	c.process(&v.Workload, &g.Process, v.Runtime == runtimeJina, path)
	if g.Uses.Kind == flow.Python {
		v.Env = withHome(v.Env)
	}
	if g.Doors.Set() {
		c.note(g.Doors.Pos, "port", path+"ports")
		for _, door := range g.Doors.Value {
			switch door.Protocol {
			case flow.GRPC:
				v.Ports.GRPC = door.Port
			case flow.HTTP:
				v.Ports.HTTP = door.Port
			case flow.WebSocket:
				v.Ports.WebSocket = door.Port
			}
		}
	}
	v.Prefetch = saidOrNil(c, g.Prefetch, "prefetch", path+"prefetch")
	v.Retries = saidOrNil(c, g.Retries, "retries", path+"retries")
	v.TimeoutSend = said(c, g.TimeoutSend, "timeout_send", path+"timeoutSend")
	v.Compression = said(c, g.Compression, "compression", path+"compression")
	v.HTTP = HTTP{
		Title:            said(c, g.Title, "title", path+"http.title"),
		Description:      said(c, g.Description, "description", path+"http.description"),
		CORS:             said(c, g.CORS, "cors", path+"http.cors"),
		NoDebugEndpoints: said(c, g.NoDebugEndpoints, "no_debug_endpoints", path+"http.noDebugEndpoints"),
		NoCRUDEndpoints:  said(c, g.NoCRUDEndpoints, "no_crud_endpoints", path+"http.noCRUDEndpoints"),
		ExposeEndpoints:  said(c, g.ExposeEndpoints, "expose_endpoints", path+"http.exposeEndpoints"),
	}
	v.TLS.CertFile = said(c, g.CertFile, "ssl_certfile", path+"tls.certFile")
	v.TLS.KeyFile = said(c, g.KeyFile, "ssl_keyfile", path+"tls.keyFile")
}

func (c *converter) executor(v *Executor, e *flow.Executor) {
	name := e.Name.Value
	path := "executors." + name + "."
	c.own(v, e.Own, name, path)
	c.note(e.Name.Pos, "name", "executors."+name)
	v.Needs = e.Needs.Value
	c.note(e.Needs.Pos, "needs", path+"needs")
	v.Floating = e.Floating.Value
	if v.Floating {
		c.note(e.Floating.Pos, "floating", path+"floating")
	}
	v.When = said(c, e.When, "when", path+"when")
	v.NoReduce = said(c, e.NoReduce, "no_reduce", path+"noReduce")
	v.Metadata = said(c, e.Metadata, "grpc_metadata", path+"metadata")
	c.calls(v, e, path)
	if e.External.Value {
		v.External = External{Addresses: e.Addresses}
		c.note(e.External.Pos, "external", path+"external")
		return
	}

	if e.Uses.Kind == flow.Builtin {
		v.Runtime, v.Uses = runtimeGo, cmp.Or(v.Uses, e.Uses.Name)
		c.note(e.Uses.Pos, "uses", path+"uses")
	} else {
		v.Runtime = cmp.Or(v.Runtime, runtimeJina)
		c.uses(&v.Image, &v.Uses, e.Uses, name, "uses", path)
	}
	c.process(&v.Workload, &e.Process, v.Runtime == runtimeJina, path)
	if e.Uses.Kind == flow.Python {
		v.Env = withHome(v.Env)
	}
	c.shards(v, e, path)
	v.Volumes = volumes(said(c, e.Volumes, "volumes", path+"volumes"))
	if e.Uses.Kind != flow.Builtin { // those keep no state
		v.Workspace = said(c, e.Workspace, "workspace", path+"workspace")
	}
	v.GPUs = gpus(said(c, e.GPUs, "gpus", path+"gpus"))
}

// calls are what differs from the gateway's calls to others. What both inherit is said of the gateway alone, so that a change of it
// is one.
func (c *converter) calls(v *Executor, e *flow.Executor, path string) {
	g := &c.flow.Gateway
	if e.TimeoutSend != g.TimeoutSend {
		v.TimeoutSend = saidOrNil(c, e.TimeoutSend, "timeout_send", path+"timeoutSend")
	}
	if e.Retries != g.Retries {
		v.Retries = saidOrNil(c, e.Retries, "retries", path+"retries")
	}
	if e.Compression != g.Compression {
		v.Compression = said(c, e.Compression, "compression", path+"compression")
	}
}

func (c *converter) shards(v *Executor, e *flow.Executor, path string) {
	if e.Shards.Value < 2 {
		return
	}
	v.Shards = said(c, e.Shards, "shards", path+"shards")
	v.Polling = said(c, e.Polling, "polling", path+"polling")
	if e.UsesBefore != nil {
		v.UsesBefore = cmp.Or(v.UsesBefore, new(Stage))
		c.stage(v.UsesBefore, e, e.UsesBefore, "uses_before", path+"usesBefore.")
	}
	if e.UsesAfter != nil {
		v.UsesAfter = cmp.Or(v.UsesAfter, new(Stage))
		c.stage(v.UsesAfter, e, e.UsesAfter, "uses_after", path+"usesAfter.")
	}
	if c.flow.Gateway.Uses.Kind != flow.Builtin {
		c.fault(e.Shards.Pos, e.Name.Value+" has shards, which a gateway of one's own cannot call", "the gateway of this project",
			"remove `uses` of the gateway, or `shards`")
	}
}

func (c *converter) stage(v *Stage, e *flow.Executor, uses *flow.Uses, word, path string) {
	if uses.Kind == flow.Builtin {
		v.Runtime, v.Uses = runtimeGo, cmp.Or(v.Uses, uses.Name)
		c.note(uses.Pos, word, path+"uses")
		return
	}
	v.Runtime = cmp.Or(v.Runtime, runtimeJina)
	c.uses(&v.Image, &v.Uses, *uses, e.Name.Value, word, path)
	if uses.Kind == flow.Python {
		v.PyModules = e.PyModules.Value
	}
}

// uses sets an image of one's own, beneath what x-flow says of it; or Python source, with its stand-in for an image. owner is who uses
// it.
func (c *converter) uses(image *Image, name *string, u flow.Uses, owner, word, path string) {
	if u.Kind == flow.Image {
		c.note(u.Pos, word, path+"image")
		*image = image.over(parseImage(u.Name))
		return
	}
	if !c.opts.PythonSources {
		c.fault(u.Pos, owner+" is Python source, which a cluster cannot start", "docker://IMAGE[:TAG]",
			"build an image of it, or run the flow on this machine with `helm flow run`")
	}
	c.note(u.Pos, word, path+"uses")
	*image, *name = sourceImage, u.Name
}

// process is what the file says of gateway and executors alike. Programs of this project take no arguments of Jina's.
func (c *converter) process(v *Workload, p *flow.Process, python bool, path string) {
	v.Replicas = said(c, p.Replicas, "replicas", path+"replicas")
	v.TimeoutReady = said(c, p.TimeoutReady, "timeout_ready", path+"timeoutReady")
	v.UsesWith = said(c, p.UsesWith, "uses_with", path+"usesWith")
	v.Env = literal(said(c, p.Env, "env", path+"env"))
	v.ImagePullSecrets = said(c, p.ImagePullSecrets, "image_pull_secrets", path+"imagePullSecrets")
	v.Monitoring = said(c, p.Monitoring, "monitoring", path+"monitoring")
	v.Traces = c.exporter(p.Traces, "tracing", "traces_exporter_", path+"traces.")
	v.Metrics = c.exporter(p.Metrics, "metrics", "metrics_exporter_", path+"metrics.")
	for variable, key := range said(c, p.EnvFromSecret, "env_from_secret", path+"envFromSecret") {
		if v.EnvFromSecret == nil {
			v.EnvFromSecret = make(map[string]SecretKey, len(p.EnvFromSecret.Value))
		}
		v.EnvFromSecret[variable] = SecretKey(key)
	}
	if !python {
		return
	}
	v.PyModules = said(c, p.PyModules, "py_modules", path+"pyModules")
	for _, name := range slices.Sorted(maps.Keys(p.Args)) {
		if v.Args == nil {
			v.Args = make(map[string]any, len(p.Args))
		}
		v.Args[name] = said(c, p.Args[name], name, path+"args."+name)
	}
}

func (c *converter) exporter(e flow.Exporter, word, prefix, path string) Exporter {
	if !e.Enabled.Value {
		return Exporter{}
	}
	return Exporter{
		Enabled: said(c, e.Enabled, word, path+"enabled"),
		Host:    said(c, e.Host, prefix+"host", path+"host"),
		Port:    said(c, e.Port, prefix+"port", path+"port"),
	}
}

func (c *converter) fault(at flow.Pos, what, expected, cure string) {
	c.faults = append(c.faults, flow.Fault{
		File: c.flow.Path, Line: at.Line, Column: at.Column, What: what, Expected: expected, Cure: cure,
	})
}

// said is what the flow says, or nothing, so that the chart's default holds. The field called word becomes the value at path.
func said[T any](c *converter, f flow.Field[T], word, path string) T {
	if !f.Set() {
		return *new(T)
	}
	c.note(f.Pos, word, path)
	return f.Value
}

// saidOrNil is said for fields whose zero is not their default.
func saidOrNil[T any](c *converter, f flow.Field[T], word, path string) *T {
	if !f.Set() {
		return nil
	}
	v := said(c, f, word, path)
	return &v
}

// dockerName is what names a volume of Docker, and is no folder of the machine.
var dockerName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// volumes take the name that a flow gives, made fit for Kubernetes. A folder of the machine gives none: it is not in the cluster.
func volumes(all []flow.Volume) []Volume {
	var list []Volume
	for _, from := range all {
		v := Volume{MountPath: from.MountPath}
		if dockerName.MatchString(from.Source) {
			v.Name = strings.Trim(strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(from.Source)), "-")
		}
		list = append(list, v)
	}
	return list
}

func gpus(g flow.GPUs) map[string]int {
	counts := maps.Clone(g.Resources)
	if g.Count > 0 {
		counts = map[string]int{"nvidia.com/gpu": g.Count}
	}
	return counts
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
