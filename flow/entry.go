package flow

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// entry is an executor while it is read, with what must be understood together.
type entry struct {
	Executor
	uses, needs, host, port raw
	tls                     Field[bool]
}

// entry reads the executor that stands at index in the list.
func (r *reader) entry(n *yaml.Node, index int, with *with) *entry {
	e := &entry{Executor: Executor{Pos: pos(n)}}
	e.Name.Value = fmt.Sprintf("executor%d", index)
	switch {
	case n.Kind == yaml.ScalarNode && !isNull(n):
		r.fault(e.Pos, "an executor is "+describe(n)+": files of deployments are not supported yet", "a map",
			"write the deployment's arguments here, beginning with `- name:`")
	case n.Kind != yaml.MappingNode:
		r.fault(e.Pos, "an executor is "+describe(n), "a map", "begin it with `- name:`")
	}
	if n.Kind == yaml.MappingNode {
		r.section("an executor", n, e.fields(), common)
	}
	inherit(&e.Replicas, with.replicas, 1)
	inherit(&e.TimeoutReady, with.timeoutReady, defaultTimeoutReady)
	inheritEnv(&e.Env, with.env)
	if e.External.Value {
		r.external(e)
	} else {
		r.resolveUses(e)
		for _, field := range []raw{e.host, e.port} {
			if field.node != nil {
				r.warn(pos(field.node), "host and port have no effect at an executor that is not external", "")
			}
		}
	}
	return e
}

// external makes the addresses of an executor that runs elsewhere: one for each host and port, a single one of either
// standing for all.
func (r *reader) external(e *entry) {
	name := e.Name.Value
	if e.uses.node != nil || e.UsesWith.Set() || e.PyModules.Set() || e.Replicas.Set() {
		r.warn(e.Pos, fmt.Sprintf("%s is external: uses, uses_with, py_modules and replicas have no effect", name), "")
	}
	hosts, ports := r.list("host", e.host.node), r.list("port", e.port.node)
	if len(hosts) == 0 {
		r.fault(e.External.Pos, name+" is external and has no host", "host and port", "write `host:` and `port:`")
		return
	}
	n := max(len(hosts), len(ports))
	if len(hosts) != n && len(hosts) != 1 || len(ports) != n && len(ports) > 1 {
		r.fault(pos(e.port.node), fmt.Sprintf("%s has %d hosts and %d ports", name, len(hosts), len(ports)),
			"as many of both, or one of either", "make the lists of one length")
		return
	}
	for i := range n {
		port := ""
		if len(ports) > 0 {
			port = ports[min(i, len(ports)-1)]
		}
		address, err := address(hosts[min(i, len(hosts)-1)], port, e.tls.Value)
		if err != nil {
			r.fault(pos(e.host.node), fmt.Sprintf("%s: %v", name, err), "HOST and PORT, or grpc://HOST:PORT", "change host or port")
			continue
		}
		e.Addresses = append(e.Addresses, address)
	}
}

// list reads a field that is a scalar, texts joined by commas, or a list of them.
func (r *reader) list(key string, n *yaml.Node) []string {
	if n == nil {
		return nil
	}
	texts, ok := r.texts(&yaml.Node{Value: key}, n)
	if !ok {
		return nil
	}
	var items []string
	for _, text := range texts {
		for item := range strings.SplitSeq(text, ",") {
			items = append(items, strings.TrimSpace(item))
		}
	}
	return items
}

// address is grpc(s)://host:port. host may bring scheme and port along, which then win.
func address(host, port string, tls bool) (string, error) {
	scheme := "grpc"
	if tls {
		scheme = "grpcs"
	}
	if strings.Contains(host, "://") {
		u, err := url.Parse(host)
		if err != nil {
			return "", fmt.Errorf("host %q is no URL", clip(host))
		}
		if u.Scheme != "grpc" && u.Scheme != "grpcs" {
			return "", fmt.Errorf("host %q: executors are called by gRPC only", clip(host))
		}
		scheme, host = u.Scheme, u.Hostname()
		if u.Port() != "" {
			port = u.Port()
		}
	}
	if port == "" {
		return "", fmt.Errorf("host %q has no port", clip(host))
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", fmt.Errorf("port %q is no number from 1 to 65535", clip(port))
	}
	if host == "" || strings.ContainsAny(host, " /@?#") {
		return "", fmt.Errorf("host %q is no name of a host", clip(host))
	}
	return scheme + "://" + net.JoinHostPort(host, port), nil
}
