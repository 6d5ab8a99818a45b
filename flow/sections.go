package flow

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const defaultTimeoutReady = 600_000

// with holds what the flow's `with` says: the flow's own arguments and those that its sections inherit.
type with struct {
	name         Field[string]
	env          Field[map[string]string]
	port         Field[int]
	prefetch     Field[int]
	replicas     Field[int]
	retries      Field[int]
	timeoutSend  Field[int]
	timeoutReady Field[int]
}

func (w *with) fields() section {
	s := section{
		"name":                  &w.name,
		"env":                   variables(&w.env),
		"port":                  one{within{&w.port, 1, 65535}},
		"ports":                 one{within{&w.port, 1, 65535}},
		"port_expose":           one{within{&w.port, 1, 65535}},
		"prefetch":              atLeast(&w.prefetch, 0),
		"replicas":              atLeast(&w.replicas, 1),
		"retries":               atLeast(&w.retries, -1),
		"timeout_send":          milliseconds{&w.timeoutSend, 0},
		"timeout_ready":         milliseconds{&w.timeoutReady, defaultTimeoutReady},
		"uses":                  ignored{"it names no class that a flow could use"},
		"inspect":               ignored{"no executor of this flow is an inspecting one"},
		"suppress_root_logging": ofJina,
		"host":                  ignored{"the gateway listens where its Service needs it"},
	}
	// Jina lets executors inherit every field of theirs.
	for name, field := range new(entry).fields() {
		_, unsupported := field.(later)
		switch {
		case s[name] != nil:
		case unsupported:
			s[name] = field
		default:
			s[name] = later{cure: "write it at each executor"}
		}
	}
	return s
}

// door is the gateway while it is read.
type door struct {
	Gateway
	port Field[int]
}

func (g *door) fields() section {
	return section{
		"name":          ignored{"a gateway is called gateway"},
		"port":          one{within{&g.port, 1, 65535}},
		"ports":         one{within{&g.port, 1, 65535}},
		"port_expose":   one{within{&g.port, 1, 65535}},
		"port_in":       one{within{&g.port, 1, 65535}},
		"prefetch":      atLeast(&g.Prefetch, 0),
		"replicas":      atLeast(&g.Replicas, 1),
		"retries":       atLeast(&g.Retries, -1),
		"timeout_send":  milliseconds{&g.TimeoutSend, 0},
		"timeout_ready": milliseconds{&g.TimeoutReady, defaultTimeoutReady},
		"env":           variables(&g.Env),
		"uses":          later{"leave it out; the built-in gateway answers", []string{"GRPCGateway"}},
		"uses_with":     later{cure: "leave it out; it is for gateways of your own"},
		"py_modules":    later{cure: "leave it out; it is for gateways of your own"},
		"host":          ignored{"the gateway listens where its Service needs it"},
		"host_in":       ignored{"the gateway listens where its Service needs it"},
		"floating":      ofJina, "stateful": ofJina, "peer_ports": ofJina,
	}
}

func (e *entry) fields() section {
	inImage := func(key string) target {
		return later{cure: fmt.Sprintf("write it as `%s:` in the executor's own config.yml", key)}
	}
	atGateway := ignored{"the gateway makes the calls; write it under `with` or `gateway`"}
	return section{
		"name":          &e.Name,
		"uses":          &e.uses,
		"uses_with":     &e.UsesWith,
		"py_modules":    &e.PyModules,
		"needs":         &e.needs,
		"floating":      &e.Floating,
		"replicas":      atLeast(&e.Replicas, 1),
		"no_reduce":     &e.NoReduce,
		"grpc_metadata": named{&e.Metadata, metadataName, "letters, digits, _, - and ."},
		"env":           variables(&e.Env),
		"timeout_ready": milliseconds{&e.TimeoutReady, defaultTimeoutReady},
		"external":      &e.External,
		"host":          &e.host,
		"port":          &e.port,
		"tls":           &e.tls,
		"x_flow":        ownKeys{},

		"disable_reduce": &e.NoReduce,
		"host_in":        &e.host,
		"ports":          &e.port,

		"jtype":                 later{cure: "write its arguments without `jtype` and `with`"},
		"with":                  later{cure: "write its arguments beside `name`"},
		"method":                later{"write `needs:` at an executor that joins", []string{"add"}},
		"when":                  later{cure: "leave it out, and let the executor skip documents"},
		"shards":                later{"leave it out, and use replicas if its executors hold no state", []string{"1"}},
		"polling":               later{"leave it out; it is for shards", []string{"any", "all"}},
		"uses_before":           later{cure: "make it an executor before this one"},
		"uses_after":            later{cure: "make it an executor after this one"},
		"uses_metas":            inImage("metas"),
		"uses_requests":         inImage("requests"),
		"uses_dynamic_batching": inImage("dynamic_batching"),
		"output_array_type":     inImage("output_array_type"),
		"exit_on_exceptions":    later{cure: "leave it out"},
		"allow_concurrent":      later{cure: "leave it out"},
		"volumes":               later{cure: "leave it out"},
		"gpus":                  later{cure: "leave it out"},
		"stateful":              later{cure: "leave it out"},
		"peer_ports":            later{cure: "leave it out"},
		"raft_configuration":    later{cure: "leave it out"},

		"prefetch": atGateway, "retries": atGateway, "timeout_send": atGateway,
	}
}

// common are the fields that `with`, `gateway` and executors all know.
var common = commonFields()

func commonFields() section {
	s := section{
		"image_pull_secrets": later{cure: "leave it out, and give the names with --set global.imagePullSecrets={NAME}"},
		"protocol":           grpcOnly{},
		"protocols":          grpcOnly{},
		"jcloud":             ignored{"JCloud is gone"},
		"ssl_certfile":       later{cure: "leave it out; on a cluster the mesh encrypts"},
		"ssl_keyfile":        later{cure: "leave it out; on a cluster the mesh encrypts"},
	}
	for _, name := range []string{
		"compression", "grpc_server_options", "grpc_channel_options", "workspace", "env_from_secret", "monitoring", "tracing",
		"traces_exporter_host", "traces_exporter_port", "metrics", "metrics_exporter_host", "metrics_exporter_port",
	} {
		s[name] = later{cure: "leave it out"}
	}
	for _, name := range []string{
		"cors", "title", "description", "uvicorn_kwargs", "no_debug_endpoints", "no_crud_endpoints", "expose_endpoints",
		"expose_graphql_endpoint", "provider", "provider_endpoint",
	} {
		s[name] = ignored{"it is about HTTP"}
	}
	for _, name := range []string{
		"workspace_id", "log_config", "quiet", "quiet_error", "reload", "entrypoint", "docker_kwargs", "disable_auto_volume",
		"force_network_mode", "install_requirements", "force_update", "prefer_platform", "native", "proxy", "timeout_ctrl",
		"extra_search_paths", "port_monitoring", "shard_id", "replica_id", "pod_role", "runtime_cls", "deployment_role",
		"k8s_namespace", "noblock_on_start", "connection_list", "uses_before_address", "uses_after_address",
		"graph_description", "graph_conditions", "deployments_addresses", "deployments_metadata", "deployments_no_reduce",
		"deployments_disable_reduce",
	} {
		s[name] = ofJina
	}
	return s
}

// raw keeps the node for whoever understands it later.
type raw struct{ node *yaml.Node }

func (t *raw) read(r *reader, key, value *yaml.Node) {
	switch {
	case isNull(value):
	case t.node != nil:
		r.fault(pos(key), fmt.Sprintf("%q is another name of a field given on line %d", key.Value, t.node.Line),
			"one of them", "remove one of them")
	default:
		t.node = value
	}
}

// checked is a field that was looked at before.
type checked struct{}

func (checked) read(*reader, *yaml.Node, *yaml.Node) {}

// later is a field of Jina that is not supported yet. Values that ask for nothing are: false, an empty one, and those
// that are harmless.
type later struct {
	cure     string
	harmless []string
}

func (t later) read(r *reader, key, value *yaml.Node) {
	harmless := len(value.Content) == 0
	if value.Kind == yaml.ScalarNode && !isNull(value) {
		is := func(text string) bool { return strings.EqualFold(text, value.Value) }
		harmless = is("false") || slices.ContainsFunc(t.harmless, is)
	}
	if !harmless {
		r.fault(pos(key), key.Value+" is not supported yet", "", t.cure)
	}
}

// ignored is a field of Jina that means nothing here.
type ignored struct{ why string }

var ofJina = ignored{"it sets up Jina's own processes"}

func (t ignored) read(r *reader, key, _ *yaml.Node) {
	r.warn(pos(key), key.Value+" has no effect: "+t.why, "")
}

// one lets a list of one stand for its item.
type one struct{ target }

func (t one) read(r *reader, key, value *yaml.Node) {
	if value.Kind == yaml.SequenceNode {
		if len(value.Content) != 1 {
			r.fault(pos(value), fmt.Sprintf("%s lists %d", key.Value, len(value.Content)), "one",
				"write one; more are not supported yet")
			return
		}
		value = value.Content[0]
	}
	t.target.read(r, key, value)
}

// within bounds a number.
type within struct {
	field     *Field[int]
	low, high int
}

func atLeast(f *Field[int], low int) within { return within{f, low, 1_000_000_000} }

func (t within) read(r *reader, key, value *yaml.Node) {
	t.field.read(r, key, value)
	if t.field.Set() && (t.field.Value < t.low || t.field.Value > t.high) {
		r.wrong(key, value, fmt.Sprintf("a number from %d to %d", t.low, t.high), strconv.Itoa(max(t.low, 1)))
	}
}

// named is a map whose keys follow a rule.
type named struct {
	field *Field[map[string]string]
	rule  *regexp.Regexp
	words string
}

// The rules of Kubernetes and of gRPC.
var (
	variableName = regexp.MustCompile(`^[A-Za-z_.-][A-Za-z0-9_.-]*$`)
	metadataName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
)

func variables(f *Field[map[string]string]) target {
	return named{f, variableName, "letters, digits, _, - and ., not a digit first"}
}

func (t named) read(r *reader, key, value *yaml.Node) {
	if value.Kind == yaml.MappingNode {
		for name := range pairs(value) {
			if !t.rule.MatchString(name.Value) {
				r.fault(pos(name), fmt.Sprintf("%q is no name in %s", clip(name.Value), key.Value), t.words, "rename it")
			}
		}
	}
	t.field.read(r, key, value)
}

// milliseconds is a time; 0 and Jina's -1 mean none, the value to take then.
type milliseconds struct {
	field *Field[int]
	none  int
}

func (t milliseconds) read(r *reader, key, value *yaml.Node) {
	within{t.field, -1, 1_000_000_000}.read(r, key, value)
	if t.field.Value <= 0 {
		t.field.Value = t.none
	}
}

// grpcOnly is the protocol.
type grpcOnly struct{}

func (grpcOnly) read(r *reader, key, value *yaml.Node) {
	names, ok := r.texts(key, value)
	for _, name := range names {
		if ok && !strings.EqualFold(name, "grpc") && !isNull(value) {
			r.fault(pos(value), fmt.Sprintf("%s %q is not supported yet", key.Value, clip(name)), "grpc", "write grpc, or leave it out")
		}
	}
}

// version of the language; Jina has one.
type version struct{}

func (version) read(r *reader, key, value *yaml.Node) {
	if text, ok := r.text(key, value); ok && text != "1" && text != "1.0" && !isNull(value) {
		r.wrong(key, value, "1, Jina's only version", "1")
	}
}

// legacyPods refuses what Jina 3 drops without a word.
type legacyPods struct{}

func (legacyPods) read(r *reader, key, _ *yaml.Node) {
	r.fault(pos(key), "pods is Jina 1's word, which Jina 3 passes over in silence", "executors", "write `executors:`")
}

// ownKeys is x-flow, in which no key has a meaning yet.
type ownKeys struct{}

func (ownKeys) read(r *reader, key, value *yaml.Node) {
	if value.Kind != yaml.MappingNode {
		if !isNull(value) {
			r.wrong(key, value, "a map", "{}")
		}
		return
	}
	for name := range pairs(value) {
		r.warn(pos(name), fmt.Sprintf("%s: %s has no effect: this version knows no such key", key.Value, clip(name.Value)), "")
	}
}
