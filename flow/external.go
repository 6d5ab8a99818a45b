package flow

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ofExternal are the fields that mean something for an executor which runs elsewhere.
var ofExternal = []string{
	"name", "external", "host", "port", "tls", "protocol", "needs", "floating", "when", "no_reduce", "grpc_metadata", "timeout_send", "retries", "compression",
	"method", "x_flow", "native",
}

// external makes the addresses of an executor that runs elsewhere: one for each host and port, a single one of either
// standing for all.
func (r *reader) external(e *entry, says said) {
	name := e.Name.Value
	for field, key := range says {
		if !slices.Contains(ofExternal, field) {
			r.ignore(key, field, "the executor is external")
		}
	}
	r.dropArgs(&e.Process, says, "the executor is external")
	hosts := r.hosts(e.host)
	if len(hosts) == 0 {
		if e.host.node == nil {
			r.fault(e.External.Pos, name+" is external and has no host", "host and port", "write `host:` and `port:`")
		}
		return
	}
	var ports []int
	if e.port.node != nil {
		var ok bool
		if ports, ok = r.ports(e.port.key, e.port.node); !ok {
			return
		}
	}
	n := max(len(hosts), len(ports))
	if len(hosts) != n && len(hosts) != 1 || len(ports) != n && len(ports) > 1 {
		r.fault(e.port.pos(), fmt.Sprintf("%s has %d hosts and %d ports", name, len(hosts), len(ports)),
			"as many of both, or one of either", "make the lists of one length")
		return
	}
	for i := range n {
		port := 0
		if len(ports) > 0 {
			port = ports[min(i, len(ports)-1)]
		}
		host := hosts[min(i, len(hosts)-1)]
		address, err := address(host.text, port, e.tls.Value)
		if err != nil {
			r.fault(pos(host.node), fmt.Sprintf("%s: host %s %v", name, r.show(host.node, afterUser(host.text)), err), "HOST and PORT, or grpc://HOST:PORT", "change host or port")
			continue
		}
		e.Addresses = append(e.Addresses, address)
	}
}

// afterUser leaves out what a URL says before an @, as that may be a password.
func afterUser(host string) string { return host[strings.LastIndex(host, "@")+1:] }

type hostText struct {
	node *yaml.Node
	text string
}

// hosts reads a text, texts joined by commas, or a list of them.
func (r *reader) hosts(from raw) []hostText {
	if from.node == nil {
		return nil
	}
	items, ok := r.items(from.key, from.node)
	var hosts []hostText
	for _, item := range items {
		text, good := r.text(from.key, item)
		ok = ok && good
		for host := range strings.SplitSeq(text, ",") {
			hosts = append(hosts, hostText{item, strings.TrimSpace(host)})
		}
	}
	if !ok {
		return nil
	}
	return hosts
}

// address is grpc(s)://host:port. host may bring scheme and port along, which then win. The error goes on after the host.
func address(host string, port int, tls bool) (string, error) {
	scheme := "grpc"
	if tls {
		scheme = "grpcs"
	}
	if strings.Contains(host, "://") {
		u, err := url.Parse(host)
		if err != nil {
			return "", fmt.Errorf("is no URL")
		}
		if u.Scheme != "grpc" && u.Scheme != "grpcs" {
			return "", fmt.Errorf("is not called by gRPC, as executors are")
		}
		if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return "", fmt.Errorf("holds more than scheme, host and port")
		}
		scheme, host = u.Scheme, u.Host
	}
	if bare, number, err := net.SplitHostPort(host); err == nil {
		if port, err = strconv.Atoi(number); err != nil || port < 1 || port > 65535 {
			return "", fmt.Errorf("has a port that is no number from 1 to 65535")
		}
		host = bare
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if host == "" || strings.ContainsAny(host, " /@?#[]\"'\\\t\r\n$%") {
		return "", fmt.Errorf("is no name of a host")
	}
	if strings.Contains(host, ":") && net.ParseIP(host) == nil {
		return "", fmt.Errorf("is no name of a host")
	}
	if port == 0 {
		return "", fmt.Errorf("has no port")
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(port)), nil
}
