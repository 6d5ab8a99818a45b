package config

import (
	"errors"
	"fmt"
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

// DefaultMaxMessageBytes is the limit of a message where the file sets none: 256 MiB.
const DefaultMaxMessageBytes = 256 << 20

// Load reads and checks a configuration file. The error lists every fault, each with file and path.
func Load(path string) (*Gateway, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("gateway configuration: %w", err)
	}
	g, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return g, nil
}

// Parse reads and checks a configuration. Absent fields have their defaults: prefetch 1000, retries -1, a message limit of 256 MiB.
func Parse(text []byte) (*Gateway, error) {
	g := &Gateway{Prefetch: 1000, Retries: -1, MaxMessageBytes: DefaultMaxMessageBytes, Docarray: "auto"}
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
	if g.MaxMessageBytes <= 0 || g.MaxMessageBytes > 1<<31-1 {
		fault("maxMessageBytes: is %d; expected 1 to %d", g.MaxMessageBytes, 1<<31-1)
	}
	if g.TimeoutSend < 0 {
		fault("timeoutSend: is %d; expected milliseconds, or 0 for no timeout", g.TimeoutSend)
	}
	if !slices.Contains([]string{"auto", "v1", "v2"}, g.Docarray) {
		fault("docarray: is %q; expected auto, v1 or v2", g.Docarray)
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
	if len(e.Addresses) == 0 {
		fault("addresses: is empty; expected at least one, such as grpc://host:8080")
	}
	for i, a := range e.Addresses {
		if _, err := ParseAddress(a); err != nil {
			fault("addresses[%d]: %w", i, err)
		}
	}
	return faults
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
