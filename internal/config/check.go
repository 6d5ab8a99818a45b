package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// GatewayName stands for the gateway among the needs of an executor.
const GatewayName = "gateway"

// Load reads and checks a configuration file. The error lists every fault, each with file and path. Its text is what a Watcher begins with.
func Load(path string) (g *Gateway, text []byte, err error) {
	if text, err = os.ReadFile(path); err != nil {
		return nil, nil, fmt.Errorf("gateway configuration: %w", err)
	}
	if g, err = Parse(text); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return g, text, nil
}

// Parse reads and checks a configuration. Absent fields have their defaults: prefetch 1000, retries -1.
func Parse(text []byte) (*Gateway, error) {
	g := &Gateway{Prefetch: 1000, Retries: -1, Docarray: "auto"}
	if err := yaml.UnmarshalStrict(text, g); err != nil {
		return nil, fmt.Errorf("not a gateway configuration: %w", err)
	}
	if err := g.check(); err != nil {
		return nil, err
	}
	return g, nil
}

func (g *Gateway) check() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if g.Prefetch < 0 {
		fault("prefetch: is %d; expected 0 (unlimited) or more", g.Prefetch)
	}
	if g.TimeoutSend < 0 {
		fault("timeoutSend: is %d; expected milliseconds, or 0 for no timeout", g.TimeoutSend)
	}
	if !slices.Contains([]string{"auto", "v1", "v2"}, g.Docarray) {
		fault("docarray: is %q; expected auto, v1 or v2", g.Docarray)
	}
	if !isCompression(g.Compression) {
		fault("compression: is %q; expected none, gzip or deflate", g.Compression)
	}
	byName := make(map[string]*Executor, len(g.Executors))
	for i := range g.Executors {
		e := &g.Executors[i]
		switch {
		case e.Name == "" || e.Name == GatewayName:
			fault("executors[%d].name: is %q; expected a name, and not the gateway's", i, e.Name)
		case byName[e.Name] != nil:
			fault("executors[%d].name: %q is there twice; rename one", i, e.Name)
		default:
			byName[e.Name] = e
		}
	}
	for i := range g.Executors {
		for _, err := range g.Executors[i].check(byName) {
			fault("executors[%d] (%s).%w", i, g.Executors[i].Name, err)
		}
	}
	if len(faults) == 0 {
		faults = g.checkGraph(byName)
	}
	return errors.Join(faults...)
}

func (e *Executor) check(byName map[string]*Executor) (faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(e.Needs) == 0 {
		fault("needs: is empty; expected %q or names of executors", GatewayName)
	}
	for i, need := range e.Needs {
		switch {
		case slices.Contains(e.Needs[:i], need):
			fault("needs[%d]: %q is there twice", i, need)
		case need == e.Name:
			fault("needs[%d]: an executor can't need itself", i)
		case need == GatewayName:
		case byName[need] == nil:
			fault("needs[%d]: no executor is called %q", i, need)
		case byName[need].Floating && !e.Floating:
			fault("needs[%d]: %q is floating, so nothing that an answer waits for can need it; mark %q floating too", i, need, e.Name)
		}
	}
	if e.TimeoutSend != nil && *e.TimeoutSend < 0 {
		fault("timeoutSend: is %d; expected milliseconds, or 0 for no timeout", *e.TimeoutSend)
	}
	if e.WaitForReplicas < 0 {
		fault("waitForReplicas: is %d; expected milliseconds, or 0 not to wait", e.WaitForReplicas)
	}
	if !isCompression(e.Compression) {
		fault("compression: is %q; expected none, gzip or deflate", e.Compression)
	}
	return append(faults, e.checkWhere()...)
}

// checkWhere looks at where the executor runs.
func (e *Executor) checkWhere() (faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	addresses := func(path string, all []string) {
		if len(all) == 0 {
			fault("%s: is empty; expected at least one, such as grpc://host:8080", path)
		}
		for i, a := range all {
			if _, err := ParseAddress(a); err != nil {
				fault("%s[%d]: %w", path, i, err)
			}
		}
	}
	if len(e.Shards) == 0 {
		addresses("addresses", e.Addresses)
		if len(e.Polling) > 0 || len(e.Before) > 0 || len(e.After) > 0 {
			fault("shards: is empty; expected at least two where there is polling, before or after")
		}
		if e.Canary != nil {
			if e.Canary.Weight < 0 || e.Canary.Weight > 100 {
				fault("canary.weight: is %d; expected 0 to 100 percent", e.Canary.Weight)
			}
			addresses("canary.addresses", e.Canary.Addresses)
		}
		return faults
	}
	if len(e.Shards) == 1 {
		fault("shards: has one; expected at least two, or addresses instead")
	}
	if len(e.Addresses) > 0 || e.Canary != nil {
		fault("shards: there are addresses or a canary too; expected one of them")
	}
	for i, shard := range e.Shards {
		addresses(fmt.Sprintf("shards[%d]", i), shard)
	}
	if e.Before != nil {
		addresses("before", e.Before)
	}
	if e.After != nil {
		addresses("after", e.After)
	}
	for _, endpoint := range slices.Sorted(maps.Keys(e.Polling)) {
		if polling := e.Polling[endpoint]; polling != "any" && polling != "all" {
			fault("polling[%s]: is %q; expected any or all", endpoint, polling)
		}
	}
	return faults
}

func isCompression(name string) bool {
	return slices.Contains([]string{"", "none", "gzip", "deflate"}, name)
}

// checkGraph looks for cycles, and for the one node that answers the client.
func (g *Gateway) checkGraph(byName map[string]*Executor) (faults []error) {
	const visiting, done = 1, 2
	state := map[string]int{}
	var visit func(name string, path []string) bool
	visit = func(name string, path []string) bool {
		path = append(path, name)
		if state[name] == visiting {
			cycle := path[slices.Index(path, name):]
			faults = append(faults, fmt.Errorf("executors: a cycle of needs: %s", strings.Join(cycle, " needs ")))
			return false
		}
		if name == GatewayName || state[name] == done {
			return true
		}
		state[name] = visiting
		for _, need := range byName[name].Needs {
			if !visit(need, path) {
				return false
			}
		}
		state[name] = done
		return true
	}
	answers := map[string]bool{}
	for _, e := range g.Executors {
		if !visit(e.Name, nil) {
			return faults
		}
		answers[e.Name] = !e.Floating
	}
	for _, e := range g.Executors {
		for _, need := range e.Needs {
			if !e.Floating {
				delete(answers, need)
			}
		}
	}
	var ends []string
	for name, ok := range answers {
		if ok {
			ends = append(ends, name)
		}
	}
	slices.Sort(ends)
	switch {
	case len(g.Executors) == 0 || len(ends) == 1:
	case len(ends) == 0:
		faults = append(faults, errors.New("executors: all are floating, so none answers the client; expected one that is not"))
	default:
		faults = append(faults, fmt.Errorf("executors: %s all answer the client; expected one that no other needs: join them, or mark the others floating",
			strings.Join(ends, ", ")))
	}
	return faults
}

// Address is a parsed replica address.
type Address struct {
	Host string // host:port
	TLS  bool
}

// ParseAddress reads grpc://host:port, grpcs://host:port or host:port.
func ParseAddress(s string) (Address, error) {
	const expected = "expected grpc://host:port or grpcs://host:port"
	scheme, host, found := strings.Cut(s, "://")
	if !found {
		scheme, host = "grpc", s
	}
	if scheme != "grpc" && scheme != "grpcs" {
		return Address{}, fmt.Errorf("%q has the scheme %q; %s", s, scheme, expected)
	}
	if u, err := url.Parse("grpc://" + host); err != nil || u.Host != host {
		return Address{}, fmt.Errorf("%q is no address; %s", s, expected)
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil || name == "" {
		return Address{}, fmt.Errorf("%q has no host or no port; %s", s, expected)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return Address{}, fmt.Errorf("%q has the port %q; expected 1 to 65535", s, port)
	}
	return Address{Host: host, TLS: scheme == "grpcs"}, nil
}
