package diff

import (
	"fmt"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// Line is a line of a difference between texts.
type Line struct {
	// Sign is '+' for what is only in the new text, '-' for what is only in the old one, ' ' for both, '@' for where lines begin that do not
	// follow on those before: the path in the YAML.
	Sign byte
	Text string
}

// Lines gives the difference between two YAML texts, with so many lines of context around each change; less than 0 is all of them.
func Lines(old, now string, context int) []Line {
	a, b := splitLines(old), splitLines(now)
	if context < 0 {
		context = max(len(a), len(b))
	}
	var lines []Line
	add := func(sign byte, texts []string) {
		for _, text := range texts {
			lines = append(lines, Line{sign, text})
		}
	}
	// Lines that occur often are no junk in YAML.
	groups := difflib.NewMatcherWithJunk(a, b, false, nil).GetGroupedOpCodes(context)
	for _, group := range groups {
		if first := group[0]; first.I1 > 0 || first.J1 > 0 {
			lines = append(lines, Line{'@', yamlPath(b, first.J1)})
		}
		for _, op := range group {
			if op.Tag == 'e' {
				add(' ', a[op.I1:op.I2])
				continue
			}
			add('-', a[op.I1:op.I2])
			add('+', b[op.J1:op.J2])
		}
	}
	return lines
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// yamlPath names what a line stands in, such as spec.template.spec: the keys above it that are indented less and less.
func yamlPath(lines []string, at int) string {
	var path []string
	inner := int(^uint(0) >> 1)
	if at < len(lines) {
		inner = indent(lines[at])
	}
	for i := min(at, len(lines)) - 1; i >= 0 && inner > 0; i-- {
		text := lines[i]
		own := indent(text)
		key, _, isKey := strings.Cut(strings.TrimLeft(text, " -"), ":")
		if own >= inner || !isKey || strings.TrimSpace(text) == "" {
			continue
		}
		path = append([]string{strings.Trim(key, `"'`)}, path...)
		inner = indentOfItem(text)
	}
	return strings.Join(path, ".")
}

// indent is where the text of a line begins, behind the dashes of lists.
func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " -")) }

// indentOfItem is where the line begins; the dash of an item belongs to the list, which is not indented in sorted YAML.
func indentOfItem(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// Count says how many changes there are of each kind.
func Count(changes []Change) string {
	count := make(map[Kind]int)
	for _, c := range changes {
		count[c.Kind]++
	}
	return fmt.Sprintf("added: %d, changed: %d, removed: %d", count[Added], count[Changed], count[Removed])
}
