package flow

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// door is the gateway while it is read.
type door struct {
	Gateway
	uses           raw
	protocol, port raw
}

var gatewayTable = newTable("gateway", processFields(func(g *door) *Process { return &g.Process }), []field[door]{
	{name: "uses", typ: "docker://IMAGE, Python class or YAML file", missing: "this project's gateway", meaning: "A gateway of one's own.", reads: func(g *door) target { return &g.uses }},
	{name: "protocol", aliases: []string{"protocols"}, typ: "grpc, http or websocket, or a list of them", missing: "grpc", meaning: "Protocols that clients speak.",
		reads: func(g *door) target { return &g.protocol }},
	{name: "port", aliases: []string{"ports", "port_expose", "port_in"}, typ: "port or list of ports", missing: "8080",
		meaning: "Ports of the protocols, in their order. One port for several protocols is the first; the others count up from it.",
		reads:   func(g *door) target { return &g.port }},
	{name: "prefetch", typ: "whole number, at least 0", missing: "1000", meaning: "Requests of one stream in flight at a time; 0 is unlimited.",
		reads: func(g *door) target { return atLeast(&g.Prefetch, 0) }},
	{name: "title", typ: "text", meaning: "Title of the HTTP API's documentation.", reads: func(g *door) target { return &g.Title }},
	{name: "description", typ: "text", meaning: "Description in the HTTP API's documentation.", reads: func(g *door) target { return &g.Description }},
	{name: "cors", typ: "true or false", missing: "false", meaning: "Pages of any origin may call the HTTP API.", reads: func(g *door) target { return &g.CORS }},
	{name: "no_debug_endpoints", typ: "true or false", missing: "false", meaning: "Leaves out /status and /post.", reads: func(g *door) target { return &g.NoDebugEndpoints }},
	{name: "no_crud_endpoints", typ: "true or false", missing: "false", meaning: "Leaves out /index, /search, /update and /delete.",
		reads: func(g *door) target { return &g.NoCRUDEndpoints }},
	{name: "expose_endpoints", typ: "map", meaning: "Further HTTP routes: an endpoint of the executors to http_path, methods, summary, tags.",
		reads: func(g *door) target { return &g.ExposeEndpoints }},
	{name: "ssl_certfile", typ: "file", meaning: "Certificate of the doors, where the gateway runs.", reads: func(g *door) target { return &g.CertFile }},
	{name: "ssl_keyfile", typ: "file", meaning: "Key of the certificate.", reads: func(g *door) target { return &g.KeyFile }},
	argumentField(func(g *door) *Process { return &g.Process }, "uvicorn_kwargs", mapArgument, "Arguments of the HTTP server."),
	argumentField(func(g *door) *Process { return &g.Process }, "expose_graphql_endpoint", flagArgument, "Adds /graphql to the HTTP API."),
	{name: "name", typ: "gateway", meaning: "A gateway is called gateway.", reads: func(*door) target { return gatewaysName{} }},
	{name: "host", aliases: []string{"host_in"}, noEffect: "the gateway listens where its Service needs it"},
	{name: "proxy", noEffect: "the gateway calls executors without a proxy"},
	{name: "workspace", noEffect: "a gateway keeps nothing"},
	{name: "floating", noEffect: ofJina},
	{name: "stateful", noEffect: ofJina},
	{name: "peer_ports", noEffect: ofJina},
	{name: "graph_description", noEffect: worksOut},
	{name: "graph_conditions", noEffect: worksOut},
	{name: "deployments_addresses", noEffect: worksOut},
	{name: "deployments_metadata", noEffect: worksOut},
	{name: "deployments_no_reduce", aliases: []string{"deployments_disable_reduce"}, noEffect: worksOut},
})

const worksOut = "it is worked out from the executors"

// ownOfGateway are the classes of Jina's own gateways, for which this project's stands, and the protocols that they serve.
var ownOfGateway = map[string]string{"GRPCGateway": GRPC, "HTTPGateway": HTTP, "WebSocketGateway": WebSocket, "CompositeGateway": ""}

// gateway reads the gateway's section over what it inherits.
func (r *reader) gateway(into *Gateway, n *yaml.Node, with *with, inherits func(name string) bool) {
	g := &door{}
	if n != nil {
		g.Pos = pos(n)
	}
	says := gatewayTable.read(r, g, n, with.node, inherits,
		sectionNames{"as `x-flow: {gateway: …}` of the flow", func(key string) bool { return snake(key) == "x_flow" }},
		executorTable.sectionNames("at an executor"), topTable.sectionNames("at the beginning of a line, as a field of the flow"))
	inheritEnv(&g.Env, with.env)
	implied := r.gatewayUses(g, says)
	r.doors(g, implied)
	orElse(&g.Prefetch, 1000)
	orElse(&g.Replicas, 1)
	orElse(&g.Retries, -1)
	orElse(&g.TimeoutReady, defaultTimeoutReady)
	orElse(&g.Compression, "none")
	if g.CertFile.Set() != g.KeyFile.Set() {
		at := g.CertFile.Pos
		if !g.CertFile.Set() {
			at = g.KeyFile.Pos
		}
		r.fault(at, "the gateway has one of ssl_certfile and ssl_keyfile", "both, or none", "write the other one too")
	}
	*into = g.Gateway
}

// gatewayUses finds out what the gateway is. It gives the protocol that one of Jina's own classes serves.
func (r *reader) gatewayUses(g *door, says said) (implied string) {
	node := g.uses.node
	protocol, own := "", node == nil
	if node != nil && node.Kind == yaml.ScalarNode {
		protocol, own = ownOfGateway[node.Value], has(ownOfGateway, node.Value)
	}
	if !own {
		// The built-in executors are no gateways.
		g.Uses = r.uses(usesOf{node: node, process: &g.Process, owner: "the gateway", key: "uses"})
		return ""
	}
	g.Uses.Pos = g.uses.pos()
	const why = "the gateway is this project's own, not Python"
	r.dropArgs(&g.Process, says, why)
	if g.UsesWith.Set() {
		r.decline(says, "uses_with", g.UsesWith.Pos, why)
		g.UsesWith = Field[map[string]any]{}
	}
	if g.PyModules.Set() {
		r.decline(says, "py_modules", g.PyModules.Pos, why)
		g.PyModules = Field[[]string]{}
	}
	return protocol
}

func has[K comparable, V any](m map[K]V, k K) bool { _, ok := m[k]; return ok }

const firstPort = 8080

// doors pairs protocols and ports.
func (r *reader) doors(g *door, implied string) {
	protocols := []string{GRPC}
	if implied != "" {
		protocols = []string{implied}
		g.Doors.Pos = g.uses.pos()
	}
	if g.protocol.node != nil {
		var ok bool
		if protocols, ok = r.protocols(g.protocol); !ok {
			return
		}
		g.Doors.Pos = g.protocol.pos()
	}
	ports := []int{firstPort}
	if g.port.node != nil {
		var ok bool
		if ports, ok = r.ports(g.port.key, g.port.node); !ok {
			return
		}
		g.Doors.Pos = g.port.pos()
	}
	if len(ports) == 0 || len(ports) > 1 && len(ports) != len(protocols) {
		r.fault(g.Doors.Pos, fmt.Sprintf("the gateway has %d ports and speaks %s", len(ports), strings.Join(protocols, ", ")), "a port for each protocol",
			"write as many ports as protocols, or one")
		return
	}
	for i, protocol := range protocols {
		port := ports[0] + i
		if len(ports) > 1 {
			port = ports[i]
		}
		if port > 65535 || slices.ContainsFunc(g.Doors.Value, func(d Door) bool { return d.Port == port }) {
			r.fault(g.Doors.Pos, fmt.Sprintf("%s has no port of its own", protocol), "different ports from 1 to 65535", "write a port for each protocol")
			return
		}
		g.Doors.Value = append(g.Doors.Value, Door{protocol, port})
	}
}

// protocols reads words for protocols, each once.
func (r *reader) protocols(from raw) ([]string, bool) {
	items, ok := r.items(from.key, from.node)
	var list []string
	for _, item := range items {
		protocol, good := r.word(from.key, item, map[string]string{"grpc": GRPC, "http": HTTP, "websocket": WebSocket}, "grpc, http or websocket", "grpc")
		switch {
		case !good:
			ok = false
		case slices.Contains(list, protocol):
			r.fault(pos(item), protocol+" stands twice in "+from.key.Value, "each protocol once", "remove one of them")
			ok = false
		default:
			list = append(list, protocol)
		}
	}
	if ok && len(list) == 0 {
		r.fault(pos(from.node), from.key.Value+" names no protocol", "grpc, http or websocket", "write one of them")
	}
	return list, ok && len(list) > 0
}

// gatewaysName is a name that cannot be chosen.
type gatewaysName struct{}

func (gatewaysName) read(r *reader, key, value *yaml.Node) {
	if text, ok := r.text(key, value); ok && text != gatewayName {
		r.ignore(key, "name", "a gateway is called gateway")
	}
}
