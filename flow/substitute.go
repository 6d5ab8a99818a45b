package flow

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxReferences bounds how long a chain of references may be. Jina follows three.
const maxReferences = 100

// maxSubstituted bounds the texts that variables make, in bytes, so that references cannot double each other without end.
const maxSubstituted = 4 << 20

// written is a scalar as it stands in the file.
type written struct {
	text   string
	quoted bool
}

// Jina's variables. The first alternative has all forms of ${{ }}, the others are those of shells.
var (
	variable    = regexp.MustCompile(`\$\{\{(.*?)\}\}|\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)`)
	ofContext   = regexp.MustCompile(`^\s(?:(ENV|env|CONTEXT|context)\.)?(\w+)\s$`)
	nearContext = regexp.MustCompile(`^\s*((?i:env|context)\.)?(\w+)\s*$`)
	reference   = regexp.MustCompile(`^(root|this|ENV)((?:\.\w+|\[\w+\])+)$`)
	segment     = regexp.MustCompile(`\.(\w+)|\[(\w+)\]`)
)

// substitution puts values in the place of variables. It visits each scalar once; a reference makes it visit what it refers to first.
type substitution struct {
	r    *reader
	root *yaml.Node
	// state of nodes that were begun: false while they are being visited.
	state map[*yaml.Node]bool
	// fields are those of large maps that references looked into.
	fields map[*yaml.Node]map[string]*yaml.Node
	bytes  int
	values int
	depth  int // of references to references
}

// substitute is Jina's step of variables. What is left are final texts; written remembers how the file has those that changed.
func (r *reader) substitute(root *yaml.Node) {
	s := &substitution{r: r, root: root, state: map[*yaml.Node]bool{}, fields: map[*yaml.Node]map[string]*yaml.Node{}}
	s.walk(root, false)
}

func (s *substitution) walk(n *yaml.Node, inFlowStyle bool) {
	if s.state[n] {
		return
	}
	s.state[n] = true
	inFlowStyle = inFlowStyle || n.Style&yaml.FlowStyle != 0
	if n.Kind == yaml.MappingNode {
		for key, value := range pairs(n) {
			if key.Value != "jcloud" { // it has no effect, nor have its variables
				s.visit(value, n, inFlowStyle)
			}
		}
		return
	}
	for _, item := range n.Content {
		s.visit(item, n, inFlowStyle)
	}
}

func (s *substitution) visit(n, parent *yaml.Node, inFlowStyle bool) {
	if n.Kind != yaml.ScalarNode {
		s.walk(n, inFlowStyle)
	} else if strings.Contains(n.Value, "$") {
		s.scalar(n, parent, inFlowStyle)
	}
}

// scalar substitutes in one text. It reports whether the text is final.
func (s *substitution) scalar(n, parent *yaml.Node, inFlowStyle bool) bool {
	if done, begun := s.state[n]; begun {
		return done
	}
	matches := variable.FindAllStringSubmatchIndex(n.Value, -1)
	if matches == nil {
		s.state[n] = true
		return true
	}
	s.state[n] = false
	defer func() { s.state[n] = true }()
	if s.bytes > maxSubstituted {
		return true
	}
	quoted := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	was := written{n.Value, quoted}
	faults := len(s.r.faults)
	defer func() { s.r.unresolved[n] = s.r.unresolved[n] || len(s.r.faults) > faults }()
	s.modernise(n, matches, quoted || !inFlowStyle)
	var b strings.Builder
	end := 0
	for _, m := range matches {
		v := s.value(n, parent, m)
		if v.node != nil && m[0] == 0 && m[1] == len(n.Value) {
			s.become(n, v.node, was)
			return true
		}
		if v.node != nil {
			v.text = v.nodeText(s.r)
		}
		b.WriteString(n.Value[end:m[0]])
		b.WriteString(v.text)
		end = m[1]
		if s.bytes += len(v.text); s.bytes > maxSubstituted {
			s.r.fault(pos(n), fmt.Sprintf("what variables stand for is larger than %d MiB", maxSubstituted>>20), "a flow", "write less into variables")
			return true
		}
	}
	b.WriteString(n.Value[end:])
	text := b.String()
	if text == n.Value {
		return true
	}
	s.r.written[n] = was
	n.Value, n.Tag, n.Style = text, "!!str", yaml.DoubleQuotedStyle
	return true
}

// become is for a text that is one reference alone: it turns into what it refers to.
func (s *substitution) become(n, target *yaml.Node, was written) {
	if target.Kind == yaml.SequenceNode {
		if s.values += len(target.Content); s.values > maxValues {
			s.r.fault(pos(n), fmt.Sprintf("references stand for more than %d values", maxValues), "a flow", "use an anchor and aliases, or a shorter list")
			return
		}
		n.Kind, n.Content = target.Kind, target.Content
	}
	n.Tag, n.Value, n.Style = target.Tag, target.Value, target.Style
	if secret, ok := s.r.written[target]; ok {
		s.r.written[n] = written{was.text, secret.quoted}
	}
}

// resolved is what a variable stands for: a text, or a node elsewhere in the file.
type resolved struct {
	text string
	node *yaml.Node
}

// nodeText is the text of a node within a longer one.
func (v resolved) nodeText(r *reader) string {
	if r.isPlain(v.node) {
		return pythonText(plainValue(v.node.Value))
	}
	return v.node.Value
}

// value finds what the variable at m of n stands for; as written, after a fault, if there is nothing.
func (s *substitution) value(n, parent *yaml.Node, m []int) resolved {
	written := n.Value[m[0]:m[1]]
	group := func(i int) string {
		if m[2*i] < 0 {
			return ""
		}
		return n.Value[m[2*i]:m[2*i+1]]
	}
	if name := group(2) + group(3); name != "" {
		return s.environment(n, m[0], written, name)
	}
	inner := group(1)
	if parts := ofContext.FindStringSubmatch(inner); parts != nil {
		if strings.EqualFold(parts[1], "env") {
			return s.environment(n, m[0], written, parts[2])
		}
		return s.context(n, m[0], written, parts[2])
	}
	if parts := reference.FindStringSubmatch(inner); parts != nil {
		return s.reference(n, parent, m[0], written, parts[1], parts[2])
	}
	fault := s.r.fault(s.r.within(n, m[0]), clip(written)+" is no variable as Jina writes them",
		"${{ ENV.X }} or ${{ CONTEXT.x }} with one blank on each side, or ${{root.a.b}} without any", "write it so")
	if parts := nearContext.FindStringSubmatch(inner); parts != nil && (parts[1] != "" || strings.TrimSpace(inner) != inner) {
		fault.Fix = s.r.replacePart(n, m[0], m[1], "${{ "+strings.ToUpper(parts[1])+parts[2]+" }}")
	}
	return resolved{text: written}
}

// environment is a variable of the environment. Its value is not looked at for further variables.
func (s *substitution) environment(n *yaml.Node, at int, written, name string) resolved {
	var value string
	set := false
	if s.r.opts.LookupEnv != nil {
		value, set = s.r.opts.LookupEnv(name)
	}
	if !set && strings.HasPrefix(written, "$"+name) && (operators["$"+name] != nil || slices.Contains(logical, "$"+name)) {
		return resolved{text: written} // a condition in a text
	}
	if !set {
		s.r.fault(s.r.within(n, at), "the environment variable "+clip(name)+" is not set", "a value for "+clip(written),
			"export it; a $ that is meant as it stands can come out of a variable")
		return resolved{text: written}
	}
	return s.checked(n, at, name, value, written)
}

func (s *substitution) context(n *yaml.Node, at int, written, name string) resolved {
	value, set := s.r.opts.Context[name]
	if !set {
		s.r.fault(s.r.within(n, at), "the context has no "+clip(name), "a value for "+clip(written), fmt.Sprintf("give it: --context %s=VALUE", clip(name)))
		return resolved{text: written}
	}
	return s.checked(n, at, name, value, written)
}

// checked refuses values that the file itself could not hold.
func (s *substitution) checked(n *yaml.Node, at int, name, value, written string) resolved {
	if bad, found := controlCharacter(value); found || !utf8.ValidString(value) {
		problem := "is no UTF-8"
		if found {
			problem = fmt.Sprintf("holds the control character %U", bad)
		}
		s.r.fault(s.r.within(n, at), "the value of "+clip(name)+" "+problem, "text", "change the variable")
		return resolved{text: written}
	}
	return resolved{text: value}
}

// reference is a value elsewhere in the file, or, written so, a variable of the environment.
func (s *substitution) reference(n, parent *yaml.Node, at int, written, base, path string) resolved {
	here := s.r.within(n, at)
	if s.depth++; s.depth > maxReferences {
		s.depth--
		s.r.fault(here, clip(written)+" is a reference to a reference, and so on", "the path of a value", "refer to the value itself")
		return resolved{text: written}
	}
	defer func() { s.depth-- }()
	segments := segment.FindAllStringSubmatch(path, -1)
	if base == "ENV" {
		if len(segments) == 1 {
			return s.environment(n, at, written, segments[0][1]+segments[0][2])
		}
		s.r.fault(here, clip(written)+" is no variable as Jina writes them", "${{ ENV.X }}", "write it so")
		return resolved{text: written}
	}
	target, holder := s.root, parent
	if base == "this" {
		target = parent
	}
	for _, part := range segments {
		name := part[1] + part[2]
		holder = target
		if target = s.child(target, name); target == nil {
			s.r.fault(here, fmt.Sprintf("%s refers to nothing: there is no %s", clip(written), clip(name)), "the path of a value in this file",
				"change the path: maps by key, lists by [index] from 0")
			return resolved{text: written}
		}
	}
	switch target.Kind {
	case yaml.ScalarNode:
		if !s.scalar(target, holder, true) {
			s.r.fault(here, clip(written)+" refers to itself", "a value that does not need this one", "write one of the values out")
			return resolved{text: written}
		}
		if isEmpty(target) {
			s.r.fault(here, clip(written)+" refers to an empty value", "a value", "write one there")
			return resolved{text: written}
		}
		return resolved{node: target}
	case yaml.SequenceNode:
		if s.values > maxValues {
			return resolved{text: written}
		}
		for _, item := range target.Content {
			if item.Kind != yaml.ScalarNode || !s.scalar(item, target, true) {
				s.r.fault(here, clip(written)+" refers to a list of more than values", "a value, or a list of values", "use an anchor and an alias")
				return resolved{text: written}
			}
		}
		if written == n.Value {
			return resolved{node: target}
		}
	}
	s.r.fault(here, clip(written)+" refers to "+s.r.describe(target), "a value", "use an anchor and an alias")
	return resolved{text: written}
}

// child is the value of a key of a map, or the item at an index of a list.
func (s *substitution) child(n *yaml.Node, name string) *yaml.Node {
	switch n.Kind {
	case yaml.MappingNode:
		fields := s.fields[n]
		if fields == nil {
			fields = make(map[string]*yaml.Node, len(n.Content)/2)
			for key, value := range pairs(n) {
				fields[key.Value] = value
			}
			s.fields[n] = fields
		}
		return fields[name]
	case yaml.SequenceNode:
		if i, ok := decimal(name); ok && i >= 0 && i < len(n.Content) && name[0] != '+' {
			return n.Content[i]
		}
	}
	return nil
}

// modernise suggests ${{ ENV.X }} for $X, which Jina calls deprecated, where it can stand.
func (s *substitution) modernise(n *yaml.Node, matches [][]int, fits bool) {
	for _, m := range matches {
		if m[2] >= 0 || !fits {
			continue
		}
		name := n.Value[max(m[4], m[6]):max(m[5], m[7])]
		if operators["$"+name] != nil || slices.Contains(logical, "$"+name) {
			continue
		}
		s.r.suggest(s.r.replacePart(n, m[0], m[1], "${{ ENV."+name+" }}"))
	}
}
