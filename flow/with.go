package flow

import (
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"
)

// with is what the flow's `with` says of the flow itself.
type with struct {
	name Field[string]
	env  Field[map[string]string]
	// node holds the fields that gateway and executors inherit; nil without any.
	node *yaml.Node
}

var withTable = newTable("with", []field[with]{
	{name: "name", typ: "text", whole: true, meaning: "The flow's name.", reads: func(w *with) target { return &w.name }},
	{name: "env", typ: "map of texts", whole: true, meaning: "Environment variables of the gateway and of every executor, beneath those that they say themselves.",
		reads: func(w *with) target { return variables{&w.env} }},
	{name: "uses", whole: true, noEffect: "it names no class that a flow could use"},
	{name: "uses_with", whole: true, noEffect: "neither gateway nor executors take it from here; write it there"},
	{name: "inspect", whole: true, noEffect: "no executor of a flow here is an inspecting one"},
	{name: "reload", whole: true, noEffect: noReload},
	{name: "workspace_id", whole: true, noEffect: ofJina},
	{name: "log_config", whole: true, noEffect: ofJina},
	{name: "quiet", whole: true, noEffect: ofJina},
	{name: "quiet_error", whole: true, noEffect: ofJina},
	{name: "suppress_root_logging", whole: true, noEffect: ofJina},
	{name: "include_gateway", whole: true, noEffect: ofJina},
	{name: "x_flow", whole: true, noEffect: "it is the flow's, beside `with`, or an executor's"},
	{name: "jcloud", whole: true, noEffect: noJCloud},
})

// namesInWith are all fields that have an effect there.
var namesInWith = sync.OnceValue(func() []string {
	return slices.Concat(withTable.useful, gatewayTable.useful, executorTable.useful)
})

// with reads the flow's own fields, and faults those that nobody could inherit.
func (r *reader) with(n *yaml.Node) *with {
	w := &with{}
	if !r.isMap("with", n) {
		return w
	}
	w.node = n
	var asGateway door
	var asExecutor entry
	for key, value := range pairs(n) {
		if i, ok := withTable.byName[snake(key.Value)]; ok {
			switch f := withTable.fields[i]; {
			case f.noEffect != "":
				r.ignore(key, f.name, f.noEffect)
			case !isEmpty(value):
				r.used[pos(value)]++
				f.reads(w).read(r, key, value)
			}
			continue
		}
		// Each value is looked at, whether or not anybody takes it. Who does, says the same again, which is noted once.
		g, short := gatewayTable.find(key.Value)
		e, shortToo := executorTable.find(key.Value)
		if g >= 0 && gatewayTable.fields[g].reads != nil && !isEmpty(value) {
			gatewayTable.fields[g].reads(&asGateway).read(r, key, value)
		}
		if e >= 0 && executorTable.fields[e].reads != nil && !isEmpty(value) {
			executorTable.fields[e].reads(&asExecutor).read(r, key, value)
		}
		switch {
		case g >= 0:
			r.writeOut(n, key, gatewayTable.fields[g].name, short)
		case e >= 0:
			r.writeOut(n, key, executorTable.fields[e].name, shortToo)
		default:
			candidates := slices.Compact(slices.Sorted(slices.Values(slices.Concat(short, shortToo))))
			r.unknown("with", n, key, candidates, namesInWith())
		}
	}
	if asGateway.port.node != nil {
		r.ports(asGateway.port.key, asGateway.port.node)
	}
	if asGateway.protocol.node != nil {
		r.protocols(asGateway.protocol)
	}
	return w
}

// The fields that neither side takes from `with`, by their names.
var (
	ofTheFlow             = []string{"name", "env", "uses", "uses_with", "inspect", "reload", "workspace_id", "log_config", "quiet", "quiet_error", "x_flow"}
	notForExecutors       = []string{"port", "port_monitoring", "protocol", "needs", "method", "jtype", "with"}
	fromDeploymentForDoor = []string{
		"port", "protocol", "prefetch", "timeout_send", "retries", "compression", "title", "description", "cors", "no_debug_endpoints", "no_crud_endpoints",
		"expose_endpoints", "ssl_certfile", "ssl_keyfile", "monitoring", "port_monitoring", "tracing", "traces_exporter_host", "traces_exporter_port",
		"metrics", "metrics_exporter_host", "metrics_exporter_port",
	}
)

func gatewayInherits(name string) bool { return !slices.Contains(ofTheFlow, name) }

func executorInherits(name string) bool {
	return !slices.Contains(ofTheFlow, name) && !slices.Contains(notForExecutors, name)
}

// warnOfUnused warns of what stands in `with` and nobody took.
func (r *reader) warnOfUnused(n *yaml.Node) {
	if n == nil {
		return
	}
	for key, value := range pairs(n) {
		if _, own := withTable.byName[snake(key.Value)]; own || isEmpty(value) || r.used[pos(value)] > 0 {
			continue
		}
		g, _ := gatewayTable.find(key.Value)
		e, _ := executorTable.find(key.Value)
		name, why := "", "nothing in this flow takes it"
		switch {
		case g >= 0 && gatewayTable.fields[g].reads == nil && (e < 0 || executorTable.fields[e].reads == nil):
			name, why = gatewayTable.fields[g].name, gatewayTable.fields[g].noEffect
		case g >= 0:
			name = gatewayTable.fields[g].name
		case e >= 0 && executorTable.fields[e].reads == nil:
			name, why = executorTable.fields[e].name, executorTable.fields[e].noEffect
		case e >= 0:
			name = executorTable.fields[e].name
		default:
			continue
		}
		r.ignore(key, name, why)
	}
}
