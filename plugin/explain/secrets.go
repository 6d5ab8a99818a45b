package explain

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/helm-flow/helm-flow/internal/values"
)

// Hidden stands where a secret would.
const Hidden = "••••"

// A secret that is long enough is hidden wherever it occurs, and not only where it stands: one that is called so, and what any other variable holds.
const (
	longSecret   = 5
	longVariable = 8
)

var (
	// secretFields hold what may be secret whatever it is called.
	secretFields = []string{"env", "grpc_metadata", "metadata"}
	// secretName is how people call secrets.
	secretName = regexp.MustCompile(`(?i)(passw|passphrase|secret|token|credential|api[-_]?key|access[-_]?key|private[-_]?key|auth)`)
	// substituted is a reference to a variable.
	substituted = regexp.MustCompile(`\$\{\{|\$[A-Za-z_{]`)
	// userinfo is a password in a URL.
	userinfo = regexp.MustCompile(`(://[^/\s:@]*:)[^/\s@]+@`)
	// secretInside is JSON with a secret in it.
	secretInside = regexp.MustCompile(`(?i)"[^"]*` + secretName.String()[len("(?i)"):] + `[^"]*"\s*:`)
	// environment is a field of an object that holds a variable of a pod, or metadata of calls.
	environment = regexp.MustCompile(`\.env\[|\.ya?ml\]\..*\.metadata\.`)
)

// Secrets of a flow: what stands in its env and metadata, under names that say so, and what its variables hold.
type Secrets struct {
	texts []string
	// source by lines.
	source []string
	// places are hidden texts in the file: line to column.
	places map[int]int
	// all: nothing may be shown.
	all bool
}

// FindSecrets looks for the secrets of a flow's source. variables are what its references have found, by name. A template hides what comes from
// where, so that with variables none of its texts is shown.
func FindSecrets(source string, isTemplate bool, variables map[string]string) *Secrets {
	s := &Secrets{source: strings.Split(source, "\n"), places: make(map[int]int), all: isTemplate && len(variables) > 0}
	for name, value := range variables {
		if len(value) >= longVariable || len(value) >= longSecret && secretName.MatchString(name) {
			s.texts = append(s.texts, value)
		}
	}
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(source), &root); err == nil {
		s.find(&root, false, false)
	}
	// The longest first, as one may be part of another.
	slices.SortFunc(s.texts, func(a, b string) int { return len(b) - len(a) })
	return s
}

// find walks through the file. All below n may be secret, or is called so.
func (s *Secrets) find(n *yaml.Node, maybe, called bool) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			s.find(n.Content[i+1], maybe || slices.Contains(secretFields, strings.ReplaceAll(key, "-", "_")), called || secretName.MatchString(key))
		}
	case yaml.ScalarNode:
		if called && len(n.Value) >= longSecret {
			s.texts = append(s.texts, n.Value)
		}
		if called || maybe {
			s.hide(n)
		}
	default: // aliases are hidden where they point to
		for _, inner := range n.Content {
			s.find(inner, maybe, called)
		}
	}
}

// hide notes where a scalar stands, which may go on in lines that are indented more.
func (s *Secrets) hide(n *yaml.Node) {
	if column, ok := s.places[n.Line]; !ok || n.Column < column {
		s.places[n.Line] = n.Column
	}
	if n.Line > len(s.source) {
		return
	}
	indent := func(line string) int { return len(line) - len(strings.TrimLeft(line, " -")) }
	for i, line := range s.source[n.Line:] {
		if strings.TrimSpace(line) != "" && indent(line) <= indent(s.source[n.Line-1]) {
			break
		}
		s.places[n.Line+1+i] = 1
	}
}

// hides reports whether the value of an origin is one.
func (s *Secrets) hides(o values.Origin) bool {
	if line := o.Pos.Line; s.all || line > 0 && line <= len(s.source) && substituted.MatchString(s.source[line-1]) {
		return true
	}
	for name := range strings.SplitSeq(o.Field, ".") {
		if slices.Contains(secretFields, name) || secretName.MatchString(name) {
			return true
		}
	}
	return false
}

// maskField hides the value of a field of an object.
func (s *Secrets) maskField(f Field) string {
	switch {
	case f.Value == "":
		return ""
	case f.Kind == "Secret", environment.MatchString(f.Field), secretName.MatchString(f.Field[strings.LastIndexByte(f.Field, '.')+1:]):
		return Hidden
	}
	return s.mask(f.Value)
}

// mask hides secrets in a text.
func (s *Secrets) mask(text string) string {
	if secretInside.MatchString(text) {
		return Hidden
	}
	for _, secret := range s.texts {
		text = strings.ReplaceAll(text, secret, Hidden)
	}
	return userinfo.ReplaceAllString(text, "${1}"+Hidden+"@")
}

// MaskLine hides the secrets in a line of the source, which counts from 1.
func (s *Secrets) MaskLine(number int, line string) string {
	if column, ok := s.places[number]; ok {
		runes := []rune(line)
		if column-1 < len(runes) {
			line = string(runes[:column-1]) + Hidden
		}
	}
	return s.mask(line)
}

// hidden is v without its values.
func hidden(v Value) Value {
	if v.Value != "" {
		v.Value = Hidden
	}
	v.Fields = slices.Clone(v.Fields)
	for i := range v.Fields {
		if v.Fields[i].Value != "" {
			v.Fields[i].Value = Hidden
		}
	}
	return v
}
