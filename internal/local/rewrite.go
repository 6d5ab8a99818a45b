package local

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
)

// mounts are folders by mount path.
type mounts map[string]string

// replace puts the folder where arg names a file of a mount: alone or after an equals sign.
func (m mounts) replace(arg string) string {
	flag, path, found := strings.Cut(arg, "=")
	if !found {
		flag, path = "", arg
	} else {
		flag += "="
	}
	for mount, folder := range m {
		if rest, ok := strings.CutPrefix(path, mount); ok && (rest == "" || rest[0] == '/') {
			return flag + folder + rest
		}
	}
	return arg
}

// remapPort replaces a declared container port that stands in arg alone, after a colon or after an equals sign, and binds
// to loopback what would listen on every address.
func remapPort(arg string, mapped ports) string {
	start := strings.LastIndexAny(arg, ":=") + 1
	flag, value := arg[:strings.Index(arg, "=")+1], arg[strings.Index(arg, "=")+1:]
	if isWildcard(value) {
		return flag + loopback
	}
	port, err := strconv.ParseInt(arg[start:], 10, 32)
	if err != nil {
		return arg
	}
	local, declared := mapped[int32(port)]
	if !declared {
		return arg
	}
	if host, _, err := net.SplitHostPort(value); err == nil && (host == "" || isWildcard(host)) {
		return flag + loopbackAddress(local)
	}
	return arg[:start] + strconv.Itoa(local)
}

func isWildcard(host string) bool { return host == "0.0.0.0" || host == "::" }

// serviceAddress matches a Service's DNS name with port, such as grpc://name.namespace.svc:8080.
var serviceAddress = regexp.MustCompile(`([a-z0-9]([-a-z0-9]*[a-z0-9])?)\.([a-z0-9]([-a-z0-9]*[a-z0-9])?)\.svc(\.cluster\.local)?:([0-9]+)`)

// rewriteAddresses replaces every Service's address in a YAML file by the loopback addresses of the pods behind it: in a
// list, one item for each.
func (p *planner) rewriteAddresses(text string) (string, error) {
	if !serviceAddress.MatchString(text) {
		return text, nil
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return "", err
	}
	if err := p.rewriteNode(&document); err != nil {
		return "", err
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(&document); err != nil {
		return "", err
	}
	return out.String(), nil
}

// rewriteArgument is rewriteAddresses for an argument that is JSON, as a gateway of Jina's has. Others hold no addresses.
func (p *planner) rewriteArgument(arg string) (string, error) {
	var value map[string]any
	if !serviceAddress.MatchString(arg) || json.Unmarshal([]byte(arg), &value) != nil {
		return arg, nil
	}
	text, err := p.rewriteAddresses(arg)
	if err != nil {
		return "", err
	}
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		return "", err
	}
	rewritten, err := json.Marshal(value)
	return string(rewritten), err
}

func (p *planner) rewriteNode(node *yaml.Node) error {
	var children []*yaml.Node
	for _, child := range node.Content {
		if child.Kind != yaml.ScalarNode {
			if err := p.rewriteNode(child); err != nil {
				return err
			}
			children = append(children, child)
			continue
		}
		rewritten, err := p.rewriteScalar(child)
		if err != nil {
			return err
		}
		if len(rewritten) > 1 && node.Kind != yaml.SequenceNode {
			return fmt.Errorf("line %d: %q stands for %d pods, where only a list can", child.Line, child.Value, len(rewritten))
		}
		children = append(children, rewritten...)
	}
	node.Content = children
	return nil
}

// rewriteScalar gives one node for each pod behind the Service that scalar names, or scalar itself.
func (p *planner) rewriteScalar(scalar *yaml.Node) ([]*yaml.Node, error) {
	at := serviceAddress.FindStringSubmatchIndex(scalar.Value)
	if at == nil {
		return []*yaml.Node{scalar}, nil
	}
	group := func(i int) string { return scalar.Value[at[2*i]:at[2*i+1]] }
	name, namespace, port := group(1), group(3), group(6)
	i := slices.IndexFunc(p.services, func(s *corev1.Service) bool { return s.Name == name && s.Namespace == namespace })
	if i < 0 {
		// An external executor: it runs elsewhere.
		return []*yaml.Node{scalar}, nil
	}
	addresses, err := p.podAddresses(p.services[i], port)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", scalar.Line, err)
	}
	var nodes []*yaml.Node
	for _, address := range addresses {
		node := *scalar
		node.Value = scalar.Value[:at[0]] + address + scalar.Value[at[1]:]
		nodes = append(nodes, &node)
	}
	return nodes, nil
}

// podAddresses are the loopback addresses of the pods behind a Service's port.
func (p *planner) podAddresses(service *corev1.Service, port string) ([]string, error) {
	number, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("port %s: %w", port, err)
	}
	var addresses []string
	for _, servicePort := range service.Spec.Ports {
		if servicePort.Port != int32(number) {
			continue
		}
		for _, w := range p.pods {
			if target, ok := w.target(service, servicePort); ok {
				for _, mapped := range w.replicas {
					addresses = append(addresses, loopbackAddress(mapped[target.ContainerPort]))
				}
			}
		}
	}
	if len(addresses) == 0 {
		return nil, fmt.Errorf("no pod stands behind port %s of Service %s", port, service.Name)
	}
	return addresses, nil
}
