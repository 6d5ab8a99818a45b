package flow

import (
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v3"
)

const defaultTimeoutReady = 600_000

// Why fields have no effect here.
const (
	ofJina   = "it sets up Jina's own processes"
	ofDocker = "it is for containers that Jina starts by Docker"
	ofTheHub = "it is for executors that Jina fetches from its Hub, which is gone"
	noReload = "a change of the flow takes effect by `helm flow upgrade`"
	noJCloud = "JCloud is gone"
)

// processFields are the fields that gateway and executors have in common.
func processFields[S any](p func(s *S) *Process) []field[S] {
	ignored := func(why string, names ...string) []field[S] {
		var fields []field[S]
		for _, name := range names {
			fields = append(fields, field[S]{name: name, noEffect: why})
		}
		return fields
	}
	fields := []field[S]{
		{name: "replicas", typ: "whole number, at least 1", missing: "1", meaning: "Processes behind one address.",
			reads: func(s *S) target { return atLeast(&p(s).Replicas, 1) }},
		{name: "timeout_ready", typ: "milliseconds", missing: "600000", meaning: "How long a replica may take to start; -1 is the default.",
			reads: func(s *S) target { return milliseconds{&p(s).TimeoutReady, defaultTimeoutReady} }},
		{name: "timeout_send", typ: "milliseconds", missing: "none", meaning: "Deadline of each try of a call; -1 is none. At an executor: of calls to it, instead of the gateway's.",
			reads: func(s *S) target { return milliseconds{&p(s).TimeoutSend, 0} }},
		{name: "retries", typ: "whole number, at least -1", missing: "-1", meaning: "How often a call is tried again on network errors; -1 means max(3, number of addresses). At an executor: calls to it, instead of the gateway's.",
			reads: func(s *S) target { return atLeast(&p(s).Retries, -1) }},
		{name: "compression", typ: "NoCompression, Gzip or Deflate", missing: "NoCompression", meaning: "Compression of calls to executors. At an executor: of calls to it, instead of the gateway's.",
			reads: func(s *S) target { return compression{&p(s).Compression} }},
		{name: "uses_with", typ: "map", meaning: "Parameters of the process, over those of a nested `uses`.", reads: func(s *S) target { return &p(s).UsesWith }},
		{name: "py_modules", typ: "file or list of files", meaning: "Python files that define a class; in an image, where they lie there.",
			reads: func(s *S) target { return &p(s).PyModules }},
		{name: "env", typ: "map of texts", meaning: "Environment variables.", reads: func(s *S) target { return variables{&p(s).Env} }},
		{name: "env_from_secret", typ: "map of {name, key}", meaning: "Environment variables from keys of Secrets.",
			reads: func(s *S) target { return secretKeys{&p(s).EnvFromSecret} }},
		{name: "image_pull_secrets", typ: "list of names", meaning: "Secrets with which images are pulled.",
			reads: func(s *S) target { return secretNames{&p(s).ImagePullSecrets} }},
		{name: "monitoring", typ: "true or false", missing: "false", meaning: "Prometheus metrics are served and collected.",
			reads: func(s *S) target { return &p(s).Monitoring }},
		{name: "port_monitoring", typ: "port or list of ports", missing: "9090", meaning: "Any other port has no effect: metrics are served on 9090.",
			reads: func(*S) target { return monitoringPort{} }},
		{name: "tracing", typ: "true or false", missing: "false", meaning: "Traces are sent by OTLP over gRPC.",
			reads: func(s *S) target { return &p(s).Traces.Enabled }},
		{name: "traces_exporter_host", typ: "text", missing: "the one that the process's environment names", meaning: "Host that receives traces.",
			reads: func(s *S) target { return &p(s).Traces.Host }},
		{name: "traces_exporter_port", typ: "port", missing: "4317", meaning: "Port that receives traces.",
			reads: func(s *S) target { return within{&p(s).Traces.Port, 1, 65535} }},
		{name: "metrics", typ: "true or false", missing: "false", meaning: "Metrics are sent by OTLP over gRPC.",
			reads: func(s *S) target { return &p(s).Metrics.Enabled }},
		{name: "metrics_exporter_host", typ: "text", missing: "the one that the process's environment names", meaning: "Host that receives metrics.",
			reads: func(s *S) target { return &p(s).Metrics.Host }},
		{name: "metrics_exporter_port", typ: "port", missing: "4317", meaning: "Port that receives metrics.",
			reads: func(s *S) target { return within{&p(s).Metrics.Port, 1, 65535} }},
		argumentField(p, "grpc_server_options", mapArgument, "Options of the gRPC server, such as {grpc.max_send_message_length: -1}."),
		argumentField(p, "grpc_channel_options", mapArgument, "Options of gRPC channels."),
		argumentField(p, "extra_search_paths", listArgument, "Folders in which modules and YAML files are looked for."),
		{name: "provider", typ: "NONE", meaning: "Clouds that Jina makes special containers for; none of them is known here.",
			reads: func(*S) target { return provider{} }},
		{name: "jcloud", whole: true, noEffect: noJCloud},
	}
	fields = append(fields, ignored(ofJina,
		"workspace_id", "log_config", "quiet", "quiet_error", "timeout_ctrl", "runtime_cls", "pod_role", "deployment_role", "shard_id", "replica_id",
		"k8s_namespace", "noblock_on_start")...)
	fields = append(fields, ignored(ofDocker, "entrypoint", "docker_kwargs")...)
	fields = append(fields, ignored("it is for a cloud's special containers", "provider_endpoint")...)
	return append(fields, ignored(noReload, "reload")...)
}

// variables are a process's environment variables.
type variables struct{ field *Field[map[string]string] }

// The rules of Kubernetes and of gRPC.
var (
	variableName = regexp.MustCompile(`^[A-Za-z_.-][A-Za-z0-9_.-]*$`)
	metadataName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)
	objectName   = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)
	secretKey    = regexp.MustCompile(`^[-._a-zA-Z0-9]{1,253}$`)
)

func (t variables) read(r *reader, key, value *yaml.Node) {
	named{t.field, variableName, "letters, digits, _, - and ., not a digit first", r.environmentText}.read(r, key, value)
}

// named is a map of texts whose keys follow a rule.
type named struct {
	field *Field[map[string]string]
	rule  *regexp.Regexp
	words string
	text  func(key, value *yaml.Node) (string, bool)
}

func (t named) read(r *reader, key, value *yaml.Node) {
	all, ok := r.mapOf(key, value)
	if !ok {
		return
	}
	m := make(map[string]string, len(all.Content)/2)
	for name, item := range pairs(all) {
		if !t.rule.MatchString(name.Value) {
			r.fault(pos(name), r.show(name, name.Value)+" is no name in "+key.Value, t.words, "rename it")
			continue
		}
		if isNull(item) {
			r.fault(pos(name), name.Value+" has no value", "a text", `write "" for an empty one`)
			continue
		}
		if text, ok := t.text(name, item); ok {
			m[name.Value] = text
		}
	}
	set(r, t.field, m, key, value)
}

// secretKeys is env_from_secret.
type secretKeys struct{ field *Field[map[string]SecretKey] }

func (t secretKeys) read(r *reader, key, value *yaml.Node) {
	all, ok := r.mapOf(key, value)
	if !ok {
		return
	}
	m := make(map[string]SecretKey, len(all.Content)/2)
	for name, item := range pairs(all) {
		if !variableName.MatchString(name.Value) {
			r.fault(pos(name), r.show(name, name.Value)+" is no name in "+key.Value, "letters, digits, _, - and ., not a digit first", "rename it")
			continue
		}
		const example = "{name: SECRET, key: KEY}"
		if item.Kind != yaml.MappingNode { // What stands there is not shown: it may be the secret.
			r.fault(pos(item), name.Value+" names no key of a Secret", example, "write the Secret's name and the key in it")
			continue
		}
		var ref struct{ name, key raw }
		for part, text := range pairs(item) {
			switch part.Value {
			case "name":
				ref.name.read(r, part, text)
			case "key":
				ref.key.read(r, part, text)
			default:
				r.fault(pos(part), fmt.Sprintf("unknown field %q of %s", clip(part.Value), name.Value), example, "remove it")
			}
		}
		if ref.name.node == nil || ref.key.node == nil {
			r.fault(pos(item), name.Value+" names no key of a Secret", example, "write the Secret's name and the key in it")
			continue
		}
		secret, named := r.matching(ref.name.key, ref.name.node, objectName, "the name of a Secret: lower-case letters, digits, - and .")
		part, keyed := r.matching(ref.key.key, ref.key.node, secretKey, "a key of a Secret: letters, digits, _, - and .")
		if named && keyed {
			m[name.Value] = SecretKey{Name: secret, Key: part}
		}
	}
	set(r, t.field, m, key, value)
}

// secretNames is image_pull_secrets.
type secretNames struct{ field *Field[[]string] }

func (t secretNames) read(r *reader, key, value *yaml.Node) {
	items, ok := r.items(key, value)
	var list []string
	for _, item := range items {
		name, good := r.matching(key, item, objectName, "the name of a Secret: lower-case letters, digits, - and .")
		list, ok = append(list, name), ok && good
	}
	if ok {
		set(r, t.field, list, key, value)
	}
}

// matching is a text that follows a rule.
func (r *reader) matching(key, value *yaml.Node, rule *regexp.Regexp, expected string) (string, bool) {
	text, ok := r.scalar(key, value, expected, "some_text")
	if ok && !rule.MatchString(text) {
		r.fault(pos(value), key.Value+" is "+r.describe(value), expected, "change it")
		ok = false
	}
	return text, ok
}

// compression takes Jina's words and those of gRPC.
type compression struct{ field *Field[string] }

func (t compression) read(r *reader, key, value *yaml.Node) {
	words := map[string]string{"nocompression": "none", "none": "none", "gzip": "gzip", "deflate": "deflate"}
	if word, ok := r.word(key, value, words, "NoCompression, Gzip or Deflate", "Gzip"); ok {
		set(r, t.field, word, key, value)
	}
}

// monitoringPort is a port that is not to be chosen here.
type monitoringPort struct{}

func (monitoringPort) read(r *reader, key, value *yaml.Node) {
	ports, ok := r.ports(key, value)
	if ok && (len(ports) != 1 || ports[0] != 9090) {
		r.ignore(key, "port_monitoring", "metrics are served on port 9090")
	}
}

type provider struct{}

func (provider) read(r *reader, key, value *yaml.Node) {
	if text, ok := r.text(key, value); ok && snake(text) != "NONE" && snake(text) != "none" {
		r.ignore(key, "provider", "no special containers are made for clouds")
	}
}

// argumentKind is the kind of value that an argument of Jina's takes.
type argumentKind int

const (
	textArgument argumentKind = iota
	flagArgument
	listArgument
	mapArgument
	anyArgument
)

// argument is a field that means something to Python processes alone. It becomes one of Process.Args.
type argument struct {
	process *Process
	name    string
	kind    argumentKind
}

func argumentField[S any](p func(s *S) *Process, name string, kind argumentKind, meaning string) field[S] {
	typ := [...]string{"text", "true or false", "list of texts", "map", "list or map"}[kind]
	return field[S]{
		name: name, typ: typ, meaning: meaning + " For Python alone.",
		reads: func(s *S) target { return argument{p(s), name, kind} },
	}
}

func (t argument) read(r *reader, key, value *yaml.Node) {
	var v any
	var ok bool
	switch t.kind {
	case textArgument:
		v, ok = r.text(key, value)
	case flagArgument:
		var on bool
		if on, ok = r.boolean(key, value); !on {
			return
		}
		v = true
	case listArgument:
		var list []string
		list, ok = r.texts(key, value)
		items := make([]any, len(list))
		for i, item := range list {
			items[i] = item
		}
		v = items
	case mapArgument:
		v, ok = r.freeMap(key, value)
	case anyArgument:
		v, ok = r.free(value)
	}
	if !ok {
		return
	}
	if first, twice := t.process.Args[t.name]; twice {
		r.twice(key, first.Pos)
		return
	}
	if t.process.Args == nil {
		t.process.Args = map[string]Field[any]{}
	}
	t.process.Args[t.name] = Field[any]{v, pos(value)}
}

// dropArgs takes away what means something to Python processes alone, from a process that is none.
func (r *reader) dropArgs(p *Process, says said, why string) {
	for name, arg := range p.Args {
		r.decline(says, name, arg.Pos, why)
	}
	p.Args = nil
}
